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
        abandon(answer, when: request)

        let reply = Reply(to: completion, model: model)
        // Until the engine has sent something, an error still has a status.
        let first = try await answer.next()
        // The connection was watched for its end, which leaves it of no use for another request.
        let headers: HTTPFields = [.connection: "close"]
        if completion.isStream {
            return stream(answer, first, reply, includesUsage: completion.includesUsage, headers)
        }
        return Response(try await whole(answer, first, reply), headers: headers)
    }

    /// Watches a request's connection: when the client closes it, nobody wants the answer any more.
    private func abandon(_ answer: Answer, when request: Request) {
        // It spans the handler and the writing of the response; the answer's end ends it.
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
        _ answer: Answer, _ first: Answer.Piece, _ reply: Reply, includesUsage: Bool, _ headers: HTTPFields
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
                try await writer.write(.event(error.json))
            } catch {
                answer.abandon()
                throw error
            }
            try await writer.finish(nil)
        }
        var headers = headers
        headers[.contentType] = "text/event-stream"
        headers[.cacheControl] = "no-cache"
        return Response(status: .ok, headers: headers, body: body)
    }
}

extension ByteBuffer {
    /// A server-sent event.
    fileprivate static func event(_ json: JSONValue) -> ByteBuffer {
        ByteBuffer(bytes: Data("data: ".utf8) + json.data + Data("\n\n".utf8))
    }
}
