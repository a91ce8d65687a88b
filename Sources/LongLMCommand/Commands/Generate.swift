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

    @Option(
        help: ArgumentHelp(
            "The chat format, for a model whose own template can't be used: \(ChatFormat.names.joined(separator: ", ")).",
            valueName: "name"))
    var chatFormat: String?

    @Option(help: ArgumentHelp("The system message of the chat; by default the model's own.", valueName: "text"))
    var system: String?

    @OptionGroup(title: "Self-Extend") var attention: AttentionOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingArguments
    @OptionGroup(title: "What the text has to be") var constraint: ConstraintArguments
    @OptionGroup var precision: PrecisionArguments
    @OptionGroup var threads: ThreadArguments

    @Flag(help: "Print one JSON object with text, tokens and statistics at the end instead of the text.")
    var json = false

    func validate() throws {
        if !(0...(1 << 24)).contains(maxTokens) {
            throw ValidationError("--max-tokens is \(maxTokens); it must be between 0 and \(1 << 24)")
        }
        if system != nil, !chat { throw ValidationError("--system needs --chat") }
        if let chatFormat {
            if !chat { throw ValidationError("--chat-format needs --chat") }
            if !ChatFormat.names.contains(chatFormat) {
                throw ValidationError("--chat-format is none of \(ChatFormat.names.joined(separator: ", "))")
            }
        }
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

        let languageModel = try loadModel(model.directory, precision, threads)
        let session = try Session(
            model: languageModel,
            options: SessionOptions(
                attention: extent.attention, threadCount: threads.threads, capacity: extent.length,
                cacheFormat: precision.cache))
        let bar = ProgressBar("prefill")
        let prefillStart = ContinuousClock.now
        var options = try sampling.options(tokenLimit: maxTokens)
        options.startsText = chat
        options.constraint = constraint
        if chat { options.endTokens = try chatFormat(of: model.location).endTokens(of: languageModel, with: tokenizer) }
        let generation = try Generation(
            session: session, prompt: promptTokens, tokenizer: tokenizer, options: options
        ) { done in
            let rate = Double(done) / (ContinuousClock.now - prefillStart).seconds
            let remark =
                "\(done.grouped) of \(promptTokens.count.grouped) tokens, \(Int(clamping: rate).grouped) tokens/s"
            bar.update(Double(done) / Double(promptTokens.count), remark)
            if done == promptTokens.count { bar.finish() }
        }
        defer { bar.finish() }
        var tokens: [Int] = []
        do {
            while let token = try generation.next() {
                if let id = token.id { tokens.append(id) }
                if !json, !token.text.isEmpty { try Terminal.write(token.text) }
            }
        } catch {
            if !json, !generation.text.isEmpty { try Terminal.write("\n") }
            throw error
        }
        let statistics = Statistics(generation, tokens: tokens, peakMemoryBytes: peakMemoryByteCount())
        if json {
            try Terminal.write(json: statistics)
        } else {
            try Terminal.write("\n")
        }
        Terminal.writeError(statistics.summary)
    }

    private func encode(_ text: String, _ tokenizer: Tokenizer) throws -> [Int] {
        guard chat else { return tokenizer.encode(text) }
        let format = try chatFormat(of: model.location)
        let messages =
            (system.map { [ChatMessage(role: .system, content: $0)] } ?? []) + [ChatMessage(role: .user, content: text)]
        return try format.encode(messages, with: tokenizer)
    }

    private func chatFormat(of location: ModelLocation) throws -> ChatFormat {
        if let format = chatFormat.flatMap({ ChatFormat.named($0) }) {
            return try location.adapted(format)
        }
        do {
            return try location.chatFormat()
        } catch let error as TokenizerError {
            switch error {
            case .unsupportedChatTemplate, .failedChatTemplate, .missingKey:
                let names = ChatFormat.names.joined(separator: ", ")
                throw CommandError.invalidInput("\(error); choose a format with --chat-format (\(names))")
            default: throw error
            }
        }
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

/// What `generate --json` prints.
private struct Statistics: Encodable {
    let text: String
    let promptTokenCount: Int
    let tokens: [Int]
    /// `endToken`, `tokenLimit`, `capacity`, `stopSequence` or `constraint`.
    let stopReason: String
    let prefillSeconds: Double
    let prefillTokensPerSecond: Double
    let decodeSeconds: Double
    let decodeTokensPerSecond: Double
    let peakMemoryBytes: Int

    init(_ generation: Generation, tokens: [Int], peakMemoryBytes: Int) {
        let statistics = generation.statistics
        text = generation.text
        promptTokenCount = statistics.promptTokenCount
        self.tokens = tokens
        stopReason = generation.stopReason?.name ?? ""
        prefillSeconds = statistics.prefillDuration.seconds
        prefillTokensPerSecond = statistics.prefillRate
        decodeSeconds = statistics.decodeDuration.seconds
        decodeTokensPerSecond = statistics.decodeRate
        self.peakMemoryBytes = peakMemoryBytes
    }

    var summary: String {
        let prefill = String(format: "%.2f s (%.1f tokens/s)", prefillSeconds, prefillTokensPerSecond)
        let decode = String(format: "%.2f s (%.1f tokens/s)", decodeSeconds, decodeTokensPerSecond)
        let end = stopReason == "capacity" ? ", stopped because the context is full" : ""
        return "prefill \(promptTokenCount.grouped) tokens in \(prefill), decode \(tokens.count.grouped) tokens in "
            + "\(decode), peak memory \(peakMemoryBytes.formattedBytes)\(end)"
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
