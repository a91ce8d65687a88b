import Foundation
import Hummingbird
import LongLM

/// The server's addresses.
struct Routes: Sendable {
    let model: ServedModel
    let admission: Admission
    let maximumBodySize: Int
    private let started = Int(Date().timeIntervalSince1970)

    init(model: ServedModel, admission: Admission, maximumBodySize: Int) {
        self.model = model
        self.admission = admission
        self.maximumBodySize = maximumBodySize
    }

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.middlewares.add(APIErrors(maximumBodySize: maximumBodySize))
        router.get("health") { _, _ in try health() }
        router.get("v1/models") { _, _ in Response(["object": "list", "data": [modelObject]]) }
        router.get("v1/models/:name") { _, context in
            let name = try context.parameters.require("name")
            guard name == model.name else { throw APIError.unknownModel(name) }
            return Response(modelObject)
        }
        router.post("v1/chat/completions") { request, _ in try await complete(.chat, request) }
        router.post("v1/completions") { request, _ in try await complete(.text, request) }
        return router
    }

    private func health() throws(APIError) -> Response {
        guard let counts = admission.counts else { throw .shuttingDown }
        return Response(["status": "ok", "running": .integer(counts.running), "waiting": .integer(counts.waiting)])
    }

    private var modelObject: JSONValue {
        ["id": .string(model.name), "object": "model", "created": .integer(started), "owned_by": "local"]
    }

    // MARK: - Completions

    private func complete(_ kind: CompletionRequest.Kind, _ request: Request) async throws -> Response {
        var request = request
        let body = try await request.collectBody(upTo: maximumBodySize)
        let completion = try CompletionRequest(kind, body: Data(body.readableBytesView), model: model)
        let answer = try admission.add(completion)
        let watch = watch(request, for: answer)
        let reply = Reply(to: completion, model: model)
        do {
            // Until the engine has sent something, an error still has a status.
            let first = try await answer.next()
            if completion.isStream {
                return stream(answer, first, reply, includesUsage: completion.includesUsage, watch)
            }
            let json = try await whole(answer, first, reply)
            await watch.value
            return Response(json, headers: [.connection: "close"])
        } catch {
            answer.abandon()
            await watch.value
            throw error
        }
    }

    /// Watches a request's connection until its answer ends: when the client closes it, nobody wants the rest any more.
    ///
    /// It spans the handler and the writing of the response, which both have to wait for its end: only one may read from a
    /// connection at a time. Afterwards the connection is of no use for another request.
    private func watch(_ request: Request, for answer: Answer) -> Task<Void, Never> {
        Task {
            try? await request.body.consumeWithInboundCloseHandler { _ in
                await answer.end()
            } onInboundClosed: {
                answer.abandon()
            }
        }
    }

    private func whole(_ answer: Answer, _ first: Answer.Piece, _ reply: Reply) async throws -> JSONValue {
        var text = ""
        var piece = first
        while true {
            switch piece {
            case .text(let more): text += more
            case .end(let reason, let statistics): return reply.whole(text, reason, statistics)
            }
            piece = try await answer.next()
        }
    }

    private func stream(
        _ answer: Answer, _ first: Answer.Piece, _ reply: Reply, includesUsage: Bool, _ watch: Task<Void, Never>
    ) -> Response {
        let body = ResponseBody { writer in
            do {
                if let beginning = reply.beginning { try await writer.write(.event(beginning)) }
                var piece: Answer.Piece? = first
                while let next = piece {
                    switch next {
                    case .text(let text):
                        try await writer.write(.event(reply.piece(text)))
                        piece = try await answer.next()
                    case .end(let reason, let statistics):
                        try await writer.write(.event(reply.end(reason)))
                        if includesUsage { try await writer.write(.event(reply.usageChunk(statistics))) }
                        try await writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
                        piece = nil
                    }
                }
            } catch let error as APIError {
                // The status has gone out; clients look for an error in the stream as well.
                try? await writer.write(.event(error.json))
            } catch { answer.abandon() }
            await watch.value
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-cache", .connection: "close"],
            body: body)
    }
}

extension ByteBuffer {
    /// A server-sent event.
    fileprivate static func event(_ json: JSONValue) -> ByteBuffer {
        ByteBuffer(bytes: Data("data: ".utf8) + json.data + Data("\n\n".utf8))
    }
}
