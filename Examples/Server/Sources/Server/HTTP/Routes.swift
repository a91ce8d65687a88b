import Foundation
import Hummingbird
import LongLM

/// The server's addresses.
struct Routes: Sendable {
    let model: ServedModel
    let admission: Admission
    let maximumBodySize: Int
    /// How long a client may take nothing of what is written.
    let patience: Duration
    private let started = Int(Date().timeIntervalSince1970)

    func router() -> Router<ConnectionContext> {
        let router = Router(context: ConnectionContext.self)
        router.middlewares.add(APIErrors(maximumBodySize: maximumBodySize))
        router.get("health") { _, _ in try health() }
        router.get("v1/models") { _, _ in Response(["object": "list", "data": [modelObject]]) }
        router.get("") { [page = Page()] _, _ in page.response() }
        router.get("info") { _, _ in Response(Info(model: model).json) }
        router.get("v1/models/:name") { _, context in
            let name = try context.parameters.require("name")
            guard name == model.name else { throw APIError.unknownModel(name) }
            return Response(modelObject)
        }
        router.post("v1/chat/completions") { request, context in try await complete(.chat, request, context) }
        router.post("v1/completions") { request, context in try await complete(.text, request, context) }
        return router
    }

    private func health() throws(APIError) -> Response {
        guard let counts = admission.counts else { throw .shuttingDown }
        return Response(["status": "ok", "running": .integer(counts.running), "waiting": .integer(counts.waiting)])
    }

    private var modelObject: JSONValue {
        ["id": .string(model.name), "object": "model", "created": .integer(started), "owned_by": "local"]
    }

    private func complete(
        _ kind: CompletionRequest.Kind, _ request: Request, _ context: ConnectionContext
    ) async throws -> Response {
        let exchange = Exchange(admission: admission, maximumBodySize: maximumBodySize, patience: patience, context)
        return try await exchange.answer(request) { body throws(APIError) in
            let completion = try CompletionRequest(kind, body: body, model: model)
            return Exchange.Plan(
                work: .texts(completion.work), reply: CompletionReply(to: completion, model: model),
                isStream: completion.isStream)
        }
    }
}
