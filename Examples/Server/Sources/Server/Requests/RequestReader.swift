import Foundation
import LongLM

/// Reads requests, one at a time, on a thread of its own: long texts take a while to be encoded, and constraints to be
/// made, and nothing else of the server may wait for that.
actor RequestReader {
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private let thread = InferenceThread(name: "requests")
    private let model: ServedModel
    private lazy var toolFormat = ToolFormat(model.format)
    private var made = MadeConstraints()

    init(_ model: ServedModel) { self.model = model }

    /// A request of `/v1/chat/completions`.
    func chat(_ body: Data) throws(APIError) -> Exchange.Plan {
        plan(try CompletionRequest(chat: body, model, toolFormat, &made))
    }

    /// A request of `/v1/completions`.
    func text(_ body: Data) throws(APIError) -> Exchange.Plan {
        plan(try CompletionRequest(text: body, model, &made))
    }

    private func plan(_ request: CompletionRequest) -> Exchange.Plan {
        let reply: any Reply =
            switch request.kind {
            case .chat(let calls): ChatReply(to: request, calls: calls, model: model)
            case .text(let echo): TextReply(to: request, echo: echo, model: model)
            }
        return Exchange.Plan(work: .texts(request.work), reply: reply, isStream: request.isStream)
    }

    /// A request of `/v1/embeddings`.
    func embeddings(_ body: Data) throws(APIError) -> Exchange.Plan {
        let request = try EmbeddingRequest(body, model)
        return Exchange.Plan(
            work: .embeddings(request.texts), reply: EmbeddingReply(to: request, model: model), isStream: false)
    }

    /// The answer to a request of `/tokenize`.
    func tokenize(_ body: Data) throws(APIError) -> JSONValue {
        try TokenRequests.tokenize(body, model, toolFormat, &made)
    }

    /// The answer to a request of `/detokenize`.
    func detokenize(_ body: Data) throws(APIError) -> JSONValue { try TokenRequests.detokenize(body, model) }
}
