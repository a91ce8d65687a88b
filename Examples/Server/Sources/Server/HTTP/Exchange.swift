import Foundation
import Hummingbird

/// One request that the engine answers: its body is read and checked, its work waits for the engine, and the answer is
/// written, whole or as a stream.
struct Exchange {
    /// What is to be done for a request.
    struct Plan {
        let work: Work
        let reply: any Reply
        /// Whether the answer is sent while it is produced.
        let isStream: Bool
    }

    private let admission: Admission
    private let maximumBodySize: Int
    private let patience: Duration
    private let context: ConnectionContext

    /// - Parameter patience: How long a client may take nothing of what is written.
    init(admission: Admission, maximumBodySize: Int, patience: Duration, _ context: ConnectionContext) {
        self.admission = admission
        self.maximumBodySize = maximumBodySize
        self.patience = patience
        self.context = context
    }

    /// Answers a request.
    ///
    /// - Parameter plan: Reads a body, and says what is to be done.
    func answer(_ request: Request, plan: (Data) async throws(APIError) -> Plan) async throws -> Response {
        try checkType(of: request)
        // Nobody is read in order to be refused.
        try admission.check()
        var request = request
        let plan = try await plan(try await body(of: &request))
        let client = Client(try admission.add(plan.work))
        let watch = watch(request, for: client.answer)
        do {
            // Until the engine has sent something, an error still has a status.
            let first = try await client.answer.next()
            if plan.isStream { return stream(client, first, plan.reply, watch) }
            var reply = plan.reply
            var piece = first
            while let next = piece {
                _ = reply.take(next)
                piece = try await client.answer.next()
            }
            await end(watch)
            return Response(reply.whole, headers: [.connection: "close"])
        } catch {
            await end(watch)
            throw error
        }
    }

    /// Answers a request that the engine has no part in.
    ///
    /// - Parameter answer: Reads a body, and returns the answer.
    func answer(_ request: Request, with answer: (Data) async throws(APIError) -> JSONValue) async throws -> Response {
        try checkType(of: request)
        var request = request
        return Response(try await answer(try await body(of: &request)))
    }

    private func checkType(of request: Request) throws(APIError) {
        // Any page that a browser shows may send other types to this address; for this one the browser asks first.
        guard request.headers[.contentType].flatMap({ MediaType(from: $0) })?.isType(.applicationJson) == true else {
            throw .noJSON
        }
    }

    private func body(of request: inout Request) async throws -> Data {
        do {
            return Data(try await request.collectBody(upTo: maximumBodySize).readableBytesView)
        } catch let error as any HTTPResponseError { throw error } catch { throw APIError.abandoned }
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
    private func end(_ watch: Task<Void, Never>) async {
        await watch.value
        context.close(after: patience)
    }

    private func stream(
        _ client: Client, _ first: Answer.Piece?, _ reply: any Reply, _ watch: Task<Void, Never>
    ) -> Response {
        // The closure holds the client: where the connection has gone and it never runs, the answer ends with it.
        let body = ResponseBody { [self] writer in
            func write(_ event: ByteBuffer) async throws {
                let timer = context.close(after: patience)
                defer { timer.cancel() }
                try await writer.write(event)
            }
            var reply = reply
            do {
                for event in reply.beginning { try await write(.event(event)) }
                var piece = first
                while let next = piece {
                    for event in reply.take(next) { try await write(.event(event)) }
                    piece = try await client.answer.next()
                }
                for event in reply.ending { try await write(.event(event)) }
                try await write(ByteBuffer(string: "data: [DONE]\n\n"))
            } catch {
                client.answer.abandon()
                // The status has gone out; clients look for an error in the stream as well.
                if let error = error as? APIError { try? await write(.event(error.json)) }
            }
            await end(watch)
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
