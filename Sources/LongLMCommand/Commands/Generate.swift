import ArgumentParser
import Foundation
import LongLM

/// `longlm generate`
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue a prompt.",
        discussion: """
            The text goes to standard output as it is produced. The last line on standard error shows how many \
            tokens were processed, how fast, and the peak memory.

            A control token that the prompt spells out, such as <|im_end|>, is read as that token. With --chat it is \
            ordinary text, so that a message can't end itself.

            A continuation of a text:
              longlm generate --model DIR --prompt "The capital of France is"
            An answer to a question about a file that is longer than the model's context:
              longlm generate --model DIR --chat --prompt-file report.txt --self-extend auto
            An answer as JSON of a schema:
              longlm generate --model DIR --chat --prompt "Invent a person." --json-schema person.json
            """)

    @OptionGroup var model: ModelArguments
    @OptionGroup var prompt: PromptArguments

    @Option(
        help: ArgumentHelp("The most tokens to produce. The text also ends when the context is full.", valueName: "n"))
    var maxTokens = 128

    @Flag(help: "Take the prompt as a user's message in the model's chat format.")
    var chat = false

    @OptionGroup var format: ChatFormatArguments

    @Option(help: ArgumentHelp("The system message of the chat; by default the model's own.", valueName: "text"))
    var system: String?

    @OptionGroup(title: "Self-Extend") var attention: AttentionOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingArguments
    @OptionGroup(title: "Speculation") var speculation: SpeculationArguments
    @OptionGroup(title: "What the text has to be") var constraint: ConstraintArguments
    @OptionGroup var precision: PrecisionArguments
    @OptionGroup var threads: ThreadArguments

    @Flag(help: "Print one JSON object with text, tokens and statistics at the end instead of the text.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "With --json, also print the log probability of each token, and the n most probable tokens in its place, by the "
                + "model's own logits before any sampling option changes them.", valueName: "n"))
    var logprobs: Int?

    func validate() throws {
        if let logprobs {
            if !json { throw ValidationError("--logprobs needs --json") }
            if !(0...1_000).contains(logprobs) {
                throw ValidationError("--logprobs is \(logprobs); it must be between 0 and 1000")
            }
        }
        if !(0...(1 << 24)).contains(maxTokens) {
            throw ValidationError("--max-tokens is \(maxTokens); it must be between 0 and \(1 << 24)")
        }
        try sampling.check()
        if system != nil, !chat { throw ValidationError("--system needs --chat") }
        if format.chatFormat != nil, !chat { throw ValidationError("--chat-format needs --chat") }
    }

    func run() throws {
        let text = try prompt.read()
        guard !text.isEmpty else { throw CommandError.invalidInput("the prompt is empty") }
        try Interruption.cancelling { try generate(text) }
    }

    private func generate(_ text: String) throws {
        // Wrong input is refused before the weights are loaded.
        let configuration = try model.location.configuration()
        try attention.check(configuration)
        let constraint = try constraint.constraint()
        let tokenizer = try model.location.tokenizer()
        try constraint?.check(with: tokenizer)
        let promptTokens = try encode(text, tokenizer)
        guard !promptTokens.isEmpty else { throw CommandError.invalidInput("the prompt is empty") }
        let extent = try attention.sessionExtent(
            promptLength: promptTokens.count, additional: maxTokens, configuration: configuration)

        let draft = try speculation.draft(for: tokenizer)

        let languageModel = try loadModel(model.directory, precision, threads)
        let session = try Session(
            model: languageModel,
            options: precision.sessionOptions(extent.attention, capacity: extent.length, threads))
        let draftSession = try draft?.session(capacity: extent.length, precision, threads)
        let bar = PromptBar("prefill", tokenCount: promptTokens.count)
        var options = try sampling.options(tokenLimit: maxTokens)
        options.startsText = chat
        options.speculation = speculation.speculation
        options.alternativeCount = logprobs
        options.constraint = constraint
        if chat {
            options.endTokens = try format.format(of: model.location).endTokens(of: languageModel, with: tokenizer)
        }
        let generation = try Generation(
            session: session, prompt: promptTokens, tokenizer: tokenizer, options: options, draft: draftSession
        ) { bar.update($0) }
        defer { bar.finish() }
        var tokens: [Int] = []
        var probabilities: [TokenProbabilities] = []
        do {
            while let token = try generation.next() {
                if let id = token.id { tokens.append(id) }
                if let token = TokenProbabilities(token, tokenizer) { probabilities.append(token) }
                if !json, !token.text.isEmpty { try Terminal.write(token.text) }
            }
        } catch {
            if !json, !generation.text.isEmpty { try Terminal.write("\n") }
            throw error
        }
        let statistics = Statistics(
            generation, tokens: tokens, probabilities: logprobs == nil ? nil : probabilities,
            peakMemoryBytes: peakMemoryByteCount())
        if json {
            try Terminal.write(json: statistics)
        } else {
            try Terminal.write("\n")
        }
        Terminal.writeError(statistics.summary)
    }

    private func encode(_ text: String, _ tokenizer: Tokenizer) throws -> [Int] {
        guard chat else { return tokenizer.encode(text) }
        let chatFormat = try format.format(of: model.location)
        let messages =
            (system.map { [ChatMessage(role: .system, content: $0)] } ?? []) + [ChatMessage(role: .user, content: text)]
        return try chatFormat.encode(messages, with: tokenizer)
    }
}

/// Loads a model's weights, with a progress bar.
func loadModel(
    _ path: String, _ precision: PrecisionArguments, _ threads: ThreadArguments
) throws(ModelError) -> LanguageModel {
    try loadModel(path, precision.loadOptions(threads))
}

/// Loads a model's weights, with a progress bar.
func loadModel(_ path: String, _ options: LoadOptions) throws(ModelError) -> LanguageModel {
    let bar = ProgressBar("load")
    defer { bar.finish() }
    return try LanguageModel(path: path, options: options) { bar.update($0) }
}

/// How probable a generated token was, and what else was probable.
private struct TokenProbabilities: Encodable {
    struct Alternative: Encodable {
        let id: Int
        let text: String
        let logProbability: Double
    }

    let id: Int
    let logProbability: Double
    let alternatives: [Alternative]

    /// nil for an element without a token, or whose probabilities weren't asked for.
    init?(_ token: GeneratedToken, _ tokenizer: Tokenizer) {
        guard let id = token.id, let logProbability = token.logProbability else { return nil }
        self.id = id
        self.logProbability = logProbability
        alternatives = token.alternatives.map {
            // A token that the tokenizer doesn't have has no text.
            let text = try? tokenizer.decode([$0.id], skipSpecialTokens: false)
            return Alternative(id: $0.id, text: text ?? "", logProbability: $0.logProbability)
        }
    }
}

/// What `generate --json` prints.
private struct Statistics: Encodable {
    let text: String
    let promptTokenCount: Int
    let tokens: [Int]
    /// One for each token; absent unless they are asked for.
    let probabilities: [TokenProbabilities]?
    /// `endToken`, `tokenLimit`, `capacity`, `stopSequence` or `constraint`.
    let stopReason: String
    let prefillSeconds: Double
    let prefillTokensPerSecond: Double
    let decodeSeconds: Double
    let decodeTokensPerSecond: Double
    /// Fewer than the tokens decoded by as many as were guessed right.
    let decodePassCount: Int
    let guessedTokenCount: Int
    let acceptedTokenCount: Int
    let peakMemoryBytes: Int

    init(_ generation: Generation, tokens: [Int], probabilities: [TokenProbabilities]?, peakMemoryBytes: Int) {
        let statistics = generation.statistics
        text = generation.text
        promptTokenCount = statistics.promptTokenCount
        self.tokens = tokens
        self.probabilities = probabilities
        stopReason = generation.stopReason?.name ?? ""
        prefillSeconds = statistics.prefillDuration.seconds
        prefillTokensPerSecond = statistics.prefillRate
        decodeSeconds = statistics.decodeDuration.seconds
        decodeTokensPerSecond = statistics.decodeRate
        decodePassCount = statistics.decodePassCount
        guessedTokenCount = statistics.guessedTokenCount
        acceptedTokenCount = statistics.decodeStepCount - statistics.decodePassCount
        self.peakMemoryBytes = peakMemoryBytes
    }

    var summary: String {
        let prefill = String(format: "%.2f s (%.1f tokens/s)", prefillSeconds, prefillTokensPerSecond)
        let decode = String(format: "%.2f s (%.1f tokens/s)", decodeSeconds, decodeTokensPerSecond)
        let guessed =
            acceptedTokenCount > 0
            ? ", \(acceptedTokenCount.grouped) of \(guessedTokenCount.grouped) guessed tokens right" : ""
        let end = stopReason == "capacity" ? ", stopped because the context is full" : ""
        return "prefill \(promptTokenCount.grouped) tokens in \(prefill), decode \(tokens.count.grouped) tokens in "
            + "\(decode)\(guessed), peak memory \(peakMemoryBytes.formattedBytes)\(end)"
    }
}

extension StopReason {
    fileprivate var name: String {
        switch self {
        case .endToken: "endToken"
        case .tokenLimit: "tokenLimit"
        case .capacity: "capacity"
        case .stopSequence: "stopSequence"
        case .constraint: "constraint"
        }
    }
}
