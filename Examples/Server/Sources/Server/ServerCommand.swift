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

    @OptionGroup(title: "Model") var modelOptions: ModelOptions
    @OptionGroup(title: "Requests") var engineOptions: EngineOptions
    @OptionGroup(title: "Network") var networkOptions: NetworkOptions

    func run() async throws {
        let logger = Logger(label: "server")
        let admission = Admission(placeCount: engineOptions.batch, queueLength: engineOptions.queue)
        let tokenizer = try Tokenizer(contentsOfFile: modelOptions.model + "/tokenizer.json")
        let configuration = try ModelConfiguration(contentsOfFile: modelOptions.model + "/config.json")
        let sessions = try modelOptions.sessionOptions(configuration)
        let format: ChatFormat?
        do {
            format = try ChatFormat(directory: modelOptions.model)
        } catch {
            logger.notice("There are no chats with this model: \(error)")
            format = nil
        }

        let thread = InferenceThread()
        // Loading computes, too, and a thread that computes keeps a team.
        let (engine, chatEndTokens) = try await Task(executorPreference: thread) {
            let languageModel = try LanguageModel(
                directory: modelOptions.model,
                options: LoadOptions(threadCount: modelOptions.threads, memoryLimit: modelOptions.memoryLimit))
            let engine = try Engine(
                languageModel, tokenizer, sessions, batchSize: engineOptions.batch, keptCount: engineOptions.keep,
                admission, on: thread)
            return (engine, format?.endTokens(of: languageModel, with: tokenizer) ?? [])
        }.value
        let served = ServedModel(
            name: URL(fileURLWithPath: modelOptions.model).lastPathComponent, tokenizer: tokenizer, format: format,
            chatEndTokens: chatEndTokens, vocabularySize: configuration.vocabularySize,
            capacity: sessions.capacity ?? configuration.contextLength, answerLimit: engineOptions.maxTokens,
            trainedContext: configuration.trainedContext, attention: sessions.attention)

        let routes = Routes(
            model: served, admission: admission,
            maximumBodySize: networkOptions.maxBody ?? 1 << 16 + 16 * served.capacity,
            patience: .seconds(networkOptions.idleTimeout))
        var quiet = logger
        quiet.logLevel = .warning
        let server = Application(
            router: routes.router(),
            // It leaves alone who has sent a request and waits for its answer.
            server: .http1(configuration: .init(idleTimeout: .seconds(Int64(networkOptions.idleTimeout)))),
            configuration: ApplicationConfiguration(
                address: .hostname(networkOptions.host, port: networkOptions.port),
                // Those who run, those who wait, and some to be read and refused.
                availableConnectionsDelegate: .maximum(engineOptions.batch + engineOptions.queue + 64, logger: quiet)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? networkOptions.port
                logger.info(
                    "\(served.name) for up to \(served.capacity) tokens at http://\(networkOptions.host):\(port)/v1")
            },
            logger: quiet)
        // They are shut down in the opposite order: once the engine has ended all answers, connections close by themselves.
        var group = ServiceGroupConfiguration(
            services: [server, engine], gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        // For clients that don't read, or never finish what they send.
        group.maximumGracefulShutdownDuration = .seconds(1)
        try await ServiceGroup(configuration: group).run()
    }
}
