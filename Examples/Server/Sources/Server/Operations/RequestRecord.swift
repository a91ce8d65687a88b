import Hummingbird
import Logging
import LongLM
import Synchronization

/// What is noted of a request while it is answered. Its end is one line of the log, and counts in the metrics. Nothing that a
/// client or the model has written is noted.
final class RequestRecord: Sendable {
    private struct State {
        var status: Int?
        /// The address as the server knows it, such as `/v1/models/**`; nil: it knows no such address.
        var endpoint: String?
        var promptTokenCount: Int?
        /// nil: no texts are generated.
        var reuse: PromptReuse?
        var generatedTokenCount = 0
        var firstToken: ContinuousClock.Instant?
        /// When each choice got its last token.
        var lastTokens: [Int: ContinuousClock.Instant] = [:]
        /// Why it ended.
        var reason: String?
        var isFinished = false
    }

    /// What the client, or the server, calls the request.
    let id: String
    private let method: String
    private let path: String
    private let logger: Logger
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    init(_ request: Request, id: String, _ logger: Logger) {
        self.id = id
        method = request.method.rawValue
        path = String(request.uri.path.prefix(200))
        self.logger = logger
        ServerMetrics.requestsInFlight.increment()
    }

    /// Who goes before the answer has been written ends a request, too.
    deinit { finish(reason: "connection_closed") }

    /// Notes that the engine got the request.
    func begin(_ work: Work) {
        state.withLock { state in
            switch work {
            case .texts(let work):
                state.promptTokenCount = work.prompts.reduce(0) { $0 + $1.count }
                state.reuse = PromptReuse(work)
            case .embeddings(let texts): state.promptTokenCount = texts.reduce(0) { $0 + $1.count }
            }
        }
    }

    /// Notes a piece of the answer.
    func take(_ piece: Answer.Piece) {
        let now = ContinuousClock.now
        switch piece {
        case .token(let token, let choice) where token.id != nil:
            let (isFirst, last) = state.withLock { state in
                state.generatedTokenCount += 1
                let isFirst = state.firstToken == nil
                if isFirst { state.firstToken = now }
                defer { state.lastTokens[choice] = now }
                return (isFirst, state.lastTokens[choice])
            }
            if isFirst { ServerMetrics.timeToFirstToken.record(duration: now - start) }
            if let last { ServerMetrics.timeBetweenTokens.record(duration: now - last) }
        case .end(let reason, let statistics, let choice):
            state.withLock { state in
                state.reuse?.add(statistics, choice: choice)
                state.reason = state.reason ?? Self.name(of: reason)
            }
        case .promptScores, .token, .embedding: break
        }
    }

    /// Notes why there is no answer, or no rest of it.
    func fail(_ error: APIError) { state.withLock { $0.reason = error.code ?? "error" } }

    /// Notes what is answered.
    func respond(_ status: Int, endpoint: String?) {
        state.withLock { state in
            state.status = status
            state.endpoint = endpoint
        }
    }

    /// Ends it; only the first end counts.
    ///
    /// - Parameter reason: Why it ended, unless that has been noted.
    func finish(reason: String? = nil) {
        let state = state.withLock { state in
            defer { state.isFinished = true }
            return state
        }
        if state.isFinished { return }
        ServerMetrics.requestsInFlight.decrement()
        let time = ContinuousClock.now - start
        // Methods and addresses that the server doesn't know don't become labels, of which there would be no end.
        let endpoint = state.endpoint ?? "other"
        ServerMetrics.countRequest(
            endpoint: endpoint, method: state.endpoint == nil ? "other" : method, status: state.status ?? 499)
        ServerMetrics.duration(of: endpoint).record(duration: time)

        var metadata: Logger.Metadata = [
            "method": "\(method)", "path": "\(path)", "id": "\(id)", "total": Self.seconds(time),
        ]
        metadata["status"] = state.status.map { .stringConvertible($0) }
        metadata["end"] = (state.reason ?? reason).map { "\($0)" }
        if let count = state.promptTokenCount {
            metadata["prompt"] = .stringConvertible(count)
            metadata["cached"] = .stringConvertible(state.reuse?.tokenCount ?? 0)
            metadata["generated"] = .stringConvertible(state.generatedTokenCount)
        }
        metadata["first"] = state.firstToken.map { Self.seconds($0 - start) }
        // Who watches the server asks every few seconds, also while it shuts down.
        let isProbe = endpoint == "/health" || endpoint == "/metrics"
        let level: Logger.Level = isProbe ? .debug : state.status ?? 0 >= 500 ? .warning : .info
        logger.log(level: level, "request", metadata: metadata)
    }

    private static func name(of reason: StopReason) -> String {
        switch reason {
        case .endToken: "end_token"
        case .stopSequence: "stop_sequence"
        case .tokenLimit: "token_limit"
        case .capacity: "capacity"
        case .constraint: "constraint"
        }
    }

    /// A time in seconds, to the millisecond.
    private static func seconds(_ time: Duration) -> Logger.MetadataValue {
        .stringConvertible((time / .milliseconds(1)).rounded() / 1000)
    }
}
