import ArgumentParser
import Foundation
import Hummingbird
import Logging
import LongLM
import ServiceLifecycle

@main
struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Server",
        abstract: "Serve a language model to OpenAI's clients.",
        discussion: """
            Answers POST /v1/chat/completions and /v1/completions, whole or as a stream, and GET /v1/models and /health. \
            Requests that run at the same time share each reading of the weights. A field of a request that this server \
            doesn't have is refused, never ignored.

            A model as it was trained:
              Server --model DIR
            Conversations of up to 32,768 tokens with a model that was trained for fewer:
              Server --model DIR --self-extend auto --length 32768

            There is no encryption and no key: leave it on the loopback address, or put a proxy in front of it that has \
            both. SIGTERM and SIGINT end it: running answers end at once with an error, and the exit status is 0.
            """)

    @Option(
        help: ArgumentHelp("The model's directory; its last part is what clients call the model.", valueName: "dir"))
    var model: String

    @Option(help: "The address to listen at.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen at; 0: any that is free, which is then named on standard error.")
    var port = 8080

    @Option(
        help: ArgumentHelp(
            """
            How texts beyond the trained context are read: auto takes Self-Extend with the G and W that --length needs, \
            and the plain model where it reaches as far by itself; G:W sets them; off is the plain model.
            """, valueName: "auto|G:W|off"))
    var selfExtend: SelfExtendChoice = .auto

    @Option(
        help: ArgumentHelp(
            "The most tokens of a conversation, answer included; by default what the model was trained for, or what G:W "
                + "extends that to.", valueName: "n"))
    var length: Int?

    @Option(help: ArgumentHelp("The most tokens of an answer.", valueName: "n"))
    var maxTokens = 1024

    @Option(help: ArgumentHelp("The most requests that are answered at the same time.", valueName: "n"))
    var batch = 8

    @Option(help: ArgumentHelp("The most requests that wait beyond those; others get status 429.", valueName: "n"))
    var queue = 64

    @Option(
        help: ArgumentHelp(
            "The most conversations to keep in memory when they are over: a request that begins as one of them only "
                + "has its rest to be read.", valueName: "n"))
    var keep = 4

    @Option(
        help: ArgumentHelp(
            "The most bytes of a request, others get status 413; by default 64 KiB and 16 for each token of --length.",
            valueName: "bytes"))
    var maxBody: Int?

    @Option(
        help: ArgumentHelp(
            """
            How long a connection stays open on which nothing moves: a request is begun and not ended, none is sent, \
            or an answer isn't read.
            """, valueName: "seconds"))
    var idleTimeout = 30

    @Option(help: ArgumentHelp("Threads to compute with; by default one per processor.", valueName: "n"))
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            """
            The most bytes of memory for the weights and all conversations, each counted at its full length; by default \
            what the machine has. Requests for which there is none left get status 503.
            """, valueName: "bytes"))
    var memoryLimit: Int?

    func validate() throws {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
            guard range.contains(value) else {
                throw ValidationError(
                    "--\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("port", port, 0...65535)
        try check("length", length ?? 1, 1...1 << 24)
        try check("max-tokens", maxTokens, 1...1 << 24)
        try check("batch", batch, 1...512)
        try check("queue", queue, 0...1 << 20)
        try check("keep", keep, 0...1 << 20)
        try check("max-body", maxBody ?? 1, 1...1 << 30)
        try check("idle-timeout", idleTimeout, 1...1 << 20)
        try check("threads", threads ?? 1, 1...1024)
        try check("memory-limit", memoryLimit ?? 0, 0...Int.max)
    }

    func run() async throws {
        let logger = Logger(label: "server")
        let admission = Admission(placeCount: batch, queueLength: queue)
        let tokenizer = try Tokenizer(contentsOfFile: model + "/tokenizer.json")
        let configuration = try ModelConfiguration(contentsOfFile: model + "/config.json")
        let sessions = try sessionOptions(configuration)
        let format: ChatFormat?
        do {
            format = try ChatFormat(directory: model)
        } catch {
            logger.notice("There are no chats with this model: \(error)")
            format = nil
        }

        let thread = InferenceThread()
        // Loading computes, too, and a thread that computes keeps a team.
        let (engine, chatEndTokens) = try await Task(executorPreference: thread) {
            let languageModel = try LanguageModel(
                directory: model, options: LoadOptions(threadCount: threads, memoryLimit: memoryLimit))
            let engine = try Engine(
                languageModel, tokenizer, sessions, batchSize: batch, keptCount: keep, admission, on: thread)
            return (engine, format?.endTokens(of: languageModel, with: tokenizer) ?? [])
        }.value
        let served = ServedModel(
            name: URL(fileURLWithPath: model).lastPathComponent, tokenizer: tokenizer, format: format,
            chatEndTokens: chatEndTokens, vocabularySize: configuration.vocabularySize,
            capacity: sessions.capacity ?? configuration.contextLength, answerLimit: maxTokens)

        let routes = Routes(
            model: served, admission: admission, maximumBodySize: maxBody ?? 1 << 16 + 16 * served.capacity,
            patience: .seconds(idleTimeout))
        var quiet = logger
        quiet.logLevel = .warning
        let server = Application(
            router: routes.router(),
            // It leaves alone who has sent a request and waits for its answer.
            server: .http1(configuration: .init(idleTimeout: .seconds(Int64(idleTimeout)))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port),
                // Those who run, those who wait, and some to be read and refused.
                availableConnectionsDelegate: .maximum(batch + queue + 64, logger: quiet)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? port
                logger.info("\(served.name) for up to \(served.capacity) tokens at http://\(host):\(port)/v1")
            },
            logger: quiet)
        // They are shut down in the opposite order: once the engine has ended all answers, connections close by themselves.
        var group = ServiceGroupConfiguration(
            services: [server, engine], gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        // For clients that don't read, or never finish what they send.
        group.maximumGracefulShutdownDuration = .seconds(1)
        try await ServiceGroup(configuration: group).run()
    }

    private func sessionOptions(_ configuration: ModelConfiguration) throws -> SessionOptions {
        let context = configuration.contextLength
        let attention: AttentionMode =
            switch selfExtend {
            case .auto: try .recommended(length: length ?? context, trainedContext: configuration.trainedContext)
            case .off: .plain
            case .by(let groupSize, let window):
                .selfExtend(SelfExtend(groupSize: groupSize, neighborWindow: window))
            }
        let reach = attention.capacity(contextLength: context)
        if let length, length > reach {
            throw ValidationError("--length is \(length), but the model's positions reach to \(reach)")
        }
        return SessionOptions(attention: attention, threadCount: threads, capacity: length ?? reach)
    }
}

/// What `--self-extend` says.
enum SelfExtendChoice: ExpressibleByArgument, Sendable, CustomStringConvertible {
    case auto
    case off
    case by(groupSize: Int, window: Int)

    init?(argument: String) {
        let numbers = argument.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        switch argument {
        case "auto": self = .auto
        case "off": self = .off
        default:
            guard numbers.count == 2, let groupSize = numbers[0], let window = numbers[1] else { return nil }
            self = .by(groupSize: groupSize, window: window)
        }
    }

    var description: String {
        switch self {
        case .auto: "auto"
        case .off: "off"
        case .by(let groupSize, let window): "\(groupSize):\(window)"
        }
    }
}
