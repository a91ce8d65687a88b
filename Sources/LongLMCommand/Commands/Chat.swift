import ArgumentParser
import LongLM

/// `longlm chat`
struct Chat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk to a model.",
        discussion: """
            At a terminal, type a message and press return; the answer comes as the model produces it. A line that ends with \
            \\ goes on in the next one, and a text between lines of \"\"\" is one message. Lines that begin with a slash are \
            commands: /clear, /system TEXT, /save FILE, /load FILE, /stats, /help and /exit. Ctrl-C stops an answer. At \
            the prompt, it discards the line. A second Ctrl-C, Ctrl-D or /exit ends the program.

            From a pipe or a file, each line is a message, and each answer is followed by a line break. --once takes the whole \
            input as one message. The first error, such as a full context, then ends the program with status 1, and Ctrl-C \
            ends it with 130. Standard output has the answers alone; everything else goes to standard error.

            Sampling follows the model's files (generation_config.json, or general.sampling in a GGUF file). If they \
            recommend nothing, the most probable token is chosen. --temperature 0 always chooses the most probable token. \
            --seed seeds the random numbers (default: 0), so the same conversation gives the same answers.

            By default, the context holds 8,192 tokens; with --file, it has room for the document and 4,096 more. --length sets \
            another number. In plain attention, the context can't be longer than the model's own; with --self-extend auto or \
            --attention, a document or --length may exceed that. If a message doesn't fit, it is refused, and the \
            conversation is unchanged.

            Questions about a document that is longer than the model's context; it is read once:
              longlm chat --model DIR --file report.txt --self-extend auto
            Two questions from a pipe:
              printf 'Name a river.\\nIs it long?\\n' | longlm chat --model DIR
            """)

    /// The most tokens of the context by default, and what a document gets beyond its own.
    private static let (defaultLength, roomBeyondDocument) = (8_192, 4_096)

    @OptionGroup var model: ModelArguments

    @Option(
        help: ArgumentHelp(
            "Keep this UTF-8 text in the context, in front of the first message. It is read once.", valueName: "file"))
    var file: String?

    @Option(help: ArgumentHelp("The system message; by default the model's own.", valueName: "text"))
    var system: String?

    @Option(help: ArgumentHelp("The most tokens of an answer.", valueName: "n"))
    var maxTokens = ChatSession.defaultTokenLimit

    @Flag(help: "Take the whole input as one message.")
    var once = false

    @OptionGroup var format: ChatFormatArguments
    @OptionGroup(title: "Self-Extend") var attention: AttentionOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingArguments
    @OptionGroup var precision: PrecisionArguments
    @OptionGroup var threads: ThreadArguments

    func validate() throws {
        if !(1...(1 << 24)).contains(maxTokens) {
            throw ValidationError("--max-tokens is \(maxTokens); it must be between 1 and \(1 << 24)")
        }
    }

    func run() async throws {
        let conversation = try Interruption.cancelling { try begin() }
        try await Interruption.cancelling { try await conversation.readDocument() }
        if once {
            let text = try readText(nil)
            let message = String(text.drop(while: \.isNewline).reversed().drop(while: \.isNewline).reversed())
            guard !message.isEmpty else { throw CommandError.invalidInput("the message is empty") }
            try await Interruption.cancelling { try await conversation.answer(to: message) }
        } else {
            try await ChatLoop(conversation).run()
        }
    }

    /// How many tokens the context should hold where --length doesn't say it.
    private func length(documentTokenCount: Int?, _ configuration: ModelConfiguration) -> Int {
        // A method whose settings depend on the length is for what is longer than the model's own context, and a model with a
        // small one can't be extended to any length.
        let limit = attention.choice.isFixed ? Int.max : configuration.contextLength
        let room = documentTokenCount.map { $0 + min(Self.roomBeyondDocument, limit) } ?? 0
        return max(min(Self.defaultLength, limit), room)
    }

    /// Loads the model, after what is small has been checked.
    private func begin() throws -> Conversation {
        let location = try model.location
        let configuration = try location.configuration()
        try attention.check(configuration)
        let settings = try SamplingSettings(modelPath: model.directory)
        try sampling.check(over: settings)
        let options = try sampling.options(tokenLimit: maxTokens, over: settings)
        let document = try file.map { try readText($0) }
        let (tokenizer, format) = (try location.tokenizer(), try format.format(of: location))
        // The format must have room for a chat, and the context for the document.
        let count = try format.encode(
            (system.map { [ChatMessage(role: .system, content: $0)] } ?? [])
                + [ChatMessage(role: .user, content: Conversation.documentPart(document))], with: tokenizer
        ).count
        let wanted = length(documentTokenCount: document == nil ? nil : count, configuration)
        let extent = try attention.sessionExtent(
            promptLength: count, additional: max(0, wanted - count), configuration: configuration)
        let languageModel = try loadModel(model.directory, precision, threads)
        let session = try Session(
            model: languageModel,
            options: precision.sessionOptions(extent.attention, capacity: extent.length, threads))
        return Conversation(
            Conversation.Parts(
                session: session, tokenizer: tokenizer, format: format, options: options, system: system,
                document: document))
    }
}
