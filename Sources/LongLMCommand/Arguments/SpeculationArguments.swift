import ArgumentParser
import LongLM

/// Options for guessing tokens ahead.
struct SpeculationArguments: ParsableArguments {
    @Flag(
        name: .customLong("no-speculation"),
        help: """
            Turn speculative decoding off. By default, if the last tokens occurred earlier in the text, the tokens that \
            followed there are tried as guesses, where that saves time. Speculation changes the speed, never the output.
            """)
    var isOff = false

    @Option(
        help: ArgumentHelp(
            "A smaller model with the same vocabulary, a directory or a GGUF file, whose guesses are tried where the "
                + "text repeats nothing.", valueName: "path"))
    var draftModel: String?

    func validate() throws {
        if isOff, draftModel != nil { throw ValidationError("--no-speculation and --draft-model exclude each other") }
    }

    var speculation: Speculation { isOff ? .never : .automatic }

    /// The draft model's files, checked before any weights are loaded.
    ///
    /// - Throws: ``CommandError`` when the tokenizers differ, and what reading the files throws.
    func draft(for tokenizer: Tokenizer) throws -> Draft? {
        guard let draftModel else { return nil }
        let location = try ModelLocation(ofModel: draftModel)
        let draft = Draft(path: draftModel, configuration: try location.configuration())
        let other = try location.tokenizer()
        let count = min(tokenizer.vocabularySize, other.vocabularySize)
        if let id = (0..<count).first(where: { tokenizer.token(id: $0) != other.token(id: $0) }) {
            func name(_ tokenizer: Tokenizer) -> String { tokenizer.token(id: id).map { "\"\($0)\"" } ?? "none" }
            throw CommandError.invalidInput(
                "the draft model \(draftModel) has another vocabulary: token \(id) is \(name(other)) there and "
                    + "\(name(tokenizer)) in the model")
        }
        return draft
    }
}

/// A draft model that can be loaded.
struct Draft {
    let path: String
    let configuration: ModelConfiguration

    /// Loads it, in a session for texts as long as another session's. Past its own context, it gets Self-Extend by the rule
    /// of `longlm plan`.
    func session(capacity: Int, _ precision: PrecisionArguments, _ threads: ThreadArguments) throws -> Session {
        let plan = try SelfExtendPlan(length: capacity, trainedContext: configuration.trainedContext)
        var loadOptions = precision.loadOptions(threads)
        // Adapters belong to the other model.
        loadOptions.adapters = []
        return try Session(
            model: loadModel(path, loadOptions),
            options: precision.sessionOptions(plan.attention, capacity: capacity, threads))
    }
}
