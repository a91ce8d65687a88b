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

    // MARK: - Completions

    private func complete(
        _ kind: CompletionRequest.Kind, _ request: Request, _ context: ConnectionContext
    ) async throws -> Response {
        // Any page that a browser shows may send other types to this address; for this one the browser asks first.
        guard request.headers[.contentType].flatMap({ MediaType(from: $0) })?.isType(.applicationJson) == true else {
            throw APIError.noJSON
        }
        // Nobody is read in order to be refused.
        try admission.check()
        var request = request
        let body: ByteBuffer
        do {
            body = try await request.collectBody(upTo: maximumBodySize)
        } catch let error as any HTTPResponseError { throw error } catch { throw APIError.abandoned }
        let completion = try CompletionRequest(kind, body: Data(body.readableBytesView), model: model)
        let client = Client(try admission.add(completion))
        let watch = watch(request, for: client.answer)
        let reply = Reply(to: completion, model: model)
        do {
            // Until the engine has sent something, an error still has a status.
            let first = try await client.answer.next()
            if completion.isStream {
                return stream(client, first, reply, includesUsage: completion.includesUsage, watch, context)
            }
            let json = try await whole(client, first, reply)
            await end(watch, context)
            return Response(json, headers: [.connection: "close"])
        } catch {
            await end(watch, context)
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

    /// Waits for the end of a watch. The connection is closed soon after, for clients that don't do so themselves.
    private func end(_ watch: Task<Void, Never>, _ context: ConnectionContext) async {
        await watch.value
        context.close(after: patience)
    }

    private func whole(_ client: Client, _ first: Answer.Piece, _ reply: Reply) async throws -> JSONValue {
        var text = ""
        var piece = first
        while true {
            switch piece {
            case .text(let more): text += more
            case .end(let reason, let statistics): return reply.whole(text, reason, statistics)
            }
            piece = try await client.answer.next()
        }
    }

    private func stream(
        _ client: Client, _ first: Answer.Piece, _ reply: Reply, includesUsage: Bool, _ watch: Task<Void, Never>,
        _ context: ConnectionContext
    ) -> Response {
        // The closure holds the client: where the connection has gone and it never runs, the answer ends with it.
        let body = ResponseBody { writer in
            func write(_ event: ByteBuffer) async throws {
                let timer = context.close(after: patience)
                defer { timer.cancel() }
                try await writer.write(event)
            }
            do {
                if let beginning = reply.beginning { try await write(.event(beginning)) }
                var piece = first
                while case .text(let text) = piece {
                    try await write(.event(reply.piece(text)))
                    piece = try await client.answer.next()
                }
                if case .end(let reason, let statistics) = piece {
                    try await write(.event(reply.end(reason)))
                    if includesUsage { try await write(.event(reply.usageChunk(statistics))) }
                    try await write(ByteBuffer(string: "data: [DONE]\n\n"))
                }
            } catch {
                client.answer.abandon()
                // The status has gone out; clients look for an error in the stream as well.
                if let error = error as? APIError { try? await write(.event(error.json)) }
            }
            await end(watch, context)
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-cache", .connection: "close"],
            body: body)
    }
}

/// A request's context, which can close its connection.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let close: @Sendable () -> Void

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        let channel = source.channel
        close = { channel.close(promise: nil) }
    }

    /// Closes the connection after a while, unless that is cancelled.
    @discardableResult
    func close(after time: Duration) -> Task<Void, any Error> {
        Task {
            try await Task.sleep(for: time)
            close()
        }
    }
}

extension ByteBuffer {
    /// A server-sent event.
    fileprivate static func event(_ json: JSONValue) -> ByteBuffer {
        ByteBuffer(bytes: Data("data: ".utf8) + json.data + Data("\n\n".utf8))
    }
}
