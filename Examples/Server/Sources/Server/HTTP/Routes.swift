import Foundation
import Hummingbird
import LongLM

/// The server's addresses.
struct Routes: Sendable {
    let model: ServedModel
    let admission: Admission
    let maximumBodySize: Int
    let entrance: Entrance
    let metrics: OperatorMetrics
    private let reader: RequestReader
    private let started = Int(Date().timeIntervalSince1970)

    init(
        model: ServedModel, admission: Admission, maximumBodySize: Int, entrance: Entrance, metrics: OperatorMetrics
    ) {
        self.model = model
        self.admission = admission
        self.maximumBodySize = maximumBodySize
        self.entrance = entrance
        self.metrics = metrics
        reader = RequestReader(model)
    }

    func router() -> Router<ConnectionContext> {
        let router = Router(context: ConnectionContext.self, options: .autoGenerateHeadEndpoints)
        entrance.add(to: router)
        router.get("health") { _, _ in try health() }
        router.get("metrics") { _, _ in metrics.page().response }
        router.get("v1/models") { _, _ in Response(["object": "list", "data": [modelObject]]) }
        router.get("") { [page = Page()] _, _ in page.response() }
        router.get("info") { _, _ in Response(Info(model: model).json) }
        // Names may have slashes.
        router.get("v1/models/**") { _, context in
            let path = context.parameters.getCatchAll().joined(separator: "/")
            let name = path.removingPercentEncoding ?? path
            guard model.names.contains(name) else { throw APIError.unknownModel(name) }
            return Response(modelObject)
        }
        router.post("v1/chat/completions") { request, context in
            try await exchange(context).answer(request) { body throws(APIError) in try await reader.chat(body) }
        }
        router.post("v1/completions") { request, context in
            try await exchange(context).answer(request) { body throws(APIError) in try await reader.text(body) }
        }
        router.post("v1/embeddings") { request, context in
            try await exchange(context).answer(request) { body throws(APIError) in try await reader.embeddings(body) }
        }
        router.post("tokenize") { request, context in
            try await exchange(context).answer(request) { body throws(APIError) in try await reader.tokenize(body) }
        }
        router.post("detokenize") { request, context in
            try await exchange(context).answer(request) { body throws(APIError) in try await reader.detokenize(body) }
        }
        return router
    }

    private func health() throws(APIError) -> Response {
        if admission.isClosed { throw .shuttingDown }
        let counts = admission.counts
        return Response(["status": "ok", "running": .integer(counts.running), "waiting": .integer(counts.waiting)])
    }

    private var modelObject: JSONValue {
        [
            "id": .string(model.name), "object": "model", "created": .integer(started), "owned_by": "local",
            "max_model_len": .integer(model.capacity), "context_length": .integer(model.capacity),
        ]
    }

    private func exchange(_ context: ConnectionContext) -> Exchange {
        Exchange(admission: admission, maximumBodySize: maximumBodySize, capacity: model.capacity, context)
    }
}
