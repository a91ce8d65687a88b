import ArgumentParser
import Foundation
import Hummingbird
import Logging
import LongLM
import Metrics
import ServiceLifecycle
import UnixSignals

@main
struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Server",
        abstract: "Serve a language model to OpenAI's clients.",
        discussion: """
            Answers POST /v1/chat/completions and /v1/completions, whole or as a stream, POST /v1/embeddings, /tokenize \
            and /detokenize, and GET /v1/models, /health, /metrics and /info; a chat in the browser is at /. \
            Requests that run at the same time share each reading of the weights. A field of a request that this server \
            doesn't have is refused, unless it asks for nothing.

            A model as it was trained:
              Server --model DIR
            Conversations of up to 32,768 tokens with a model that was trained for fewer:
              Server --model DIR --length 32768

            There is no encryption: leave it on the loopback address, or put a proxy in front of it. With --api-key, clients \
            need a key. After SIGTERM or SIGINT no new requests are taken, and running answers have --drain seconds to end; a \
            second signal ends them at once. The exit status is 0.
            """)

    @OptionGroup(title: "Model") var modelOptions: ModelOptions
    @OptionGroup(title: "Requests") var engineOptions: EngineOptions
    @OptionGroup(title: "Network") var networkOptions: NetworkOptions
    @OptionGroup(title: "Log") var logOptions: LogOptions

    func run() async throws {
        logOptions.bootstrap()
        let registry = PrometheusRegistry(descriptions: ServerMetrics.descriptions)
        MetricsSystem.bootstrap(registry)
        let keys = try networkOptions.keys()
        let logger = Logger(label: "server")
        if keys.isEmpty && !networkOptions.isLocal {
            logger.warning("Everybody who reaches \(networkOptions.host) may use this server: there is no --api-key.")
        }
        // Loading a model takes long.
        try await networkOptions.address.check()
        let (served, engine) = try await load(logger)
        let maximumBodySize = networkOptions.maxBody ?? 1 << 16 + 16 * served.capacity
        let routes = Routes(
            model: served, admission: engine.admission,
            maximumBodySize: maximumBodySize,
            entrance: Entrance(
                access: Access(keys: keys, hosts: networkOptions.allowHost + [networkOptions.host]),
                crossOrigin: CrossOrigin(origins: Set(networkOptions.cors)), logger: logger),
            metrics: OperatorMetrics(
                registry: registry, admission: engine.admission, counters: engine.counters, model: served.name))
        var quiet = logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        let server = Application(
            router: routes.router(),
            server: HTTPConnections.server(
                limits: ConnectionHandler.Limits(
                    patience: .seconds(Int64(networkOptions.idleTimeout)),
                    unwantedBytes: max(1 << 25, 2 * maximumBodySize)),
                idleTimeout: .seconds(networkOptions.idleTimeout)),
            configuration: ApplicationConfiguration(
                address: .hostname(networkOptions.host, port: networkOptions.port),
                // Those who run, those who wait, and some to be read and refused.
                availableConnectionsDelegate: .maximum(engineOptions.batch + engineOptions.queue + 64, logger: quiet)),
            onServerRunning: { channel in
                var address = networkOptions.address
                address.port = channel.localAddress?.port ?? address.port
                logger.info("\(served.name) for up to \(served.capacity) tokens at http://\(address)/v1")
            },
            logger: quiet)
        try await serve(server, engine, logger: quiet)
    }

    /// Loads everything about the model.
    private func load(_ logger: Logger) async throws -> (ServedModel, Engine) {
        let path = modelOptions.model
        // What is small is read first, so that what is wrong with it is found before the weights are loaded.
        let configuration = try ModelConfiguration(path: path)
        let sessions = try modelOptions.sessionOptions(configuration)
        let sampling = try SamplingSettings(modelPath: path)
        let tokenizer = try Tokenizer(modelPath: path)
        let format: ChatFormat?
        do {
            format = try ChatFormat(modelPath: path)
        } catch {
            logger.notice("There are no chats with this model: \(error)")
            format = nil
        }
        let admission = Admission(placeCount: engineOptions.batch, queueLength: engineOptions.queue)
        let thread = InferenceThread()
        // Loading computes, too, and a thread that computes keeps a team.
        let (engine, chatEndTokens) = try await Task(executorPreference: thread) {
            let model = try LanguageModel(path: path, options: modelOptions.loadOptions)
            let options = Engine.Options(
                sessions: sessions, batchSize: engineOptions.batch, keptCount: engineOptions.keep,
                drainTime: .seconds(engineOptions.drain), memoryLimit: modelOptions.memoryLimit)
            let engine = try Engine(model, tokenizer, options, admission, on: thread)
            return (engine, format?.endTokens(of: model, with: tokenizer) ?? [])
        }.value
        let capacity = sessions.capacity ?? configuration.contextLength
        let served = ServedModel(
            names: modelOptions.names, tokenizer: tokenizer, format: format, chatEndTokens: chatEndTokens,
            vocabularySize: configuration.vocabularySize, capacity: capacity,
            answerLimit: min(engineOptions.maxTokens ?? capacity, capacity), sampling: sampling,
            embeddingSize: configuration.hiddenSize,
            trainedContext: configuration.trainedContext, attention: sessions.attention)
        return (served, engine)
    }

    /// Serves until a signal comes and all answers have ended.
    private func serve(_ server: some Service, _ engine: Engine, logger: Logger) async throws {
        // They are shut down in the opposite order: once the engine has ended all answers, connections close by themselves.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: [server, engine], logger: logger))
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let serving = Task { try await group.run() }
        Task {
            var isFirst = true
            for await _ in signals {
                if isFirst { await group.triggerGracefulShutdown() } else { engine.endNow() }
                isFirst = false
            }
        }
        Task {
            await engine.end()
            // For clients that don't read, or never finish what they send.
            try await Task.sleep(for: .seconds(1))
            serving.cancel()
        }
        do {
            try await serving.value
        } catch is CancellationError {
        } catch { throw ListenError(networkOptions.address, error) ?? error }
    }
}
