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

    /// How long a stream waits for its first piece before it begins without one: what fails sooner still has a status.
    private static let doubt = Duration.milliseconds(100)

    private let admission: Admission
    private let maximumBodySize: Int
    private let capacity: Int
    private let context: ConnectionContext

    /// - Parameter capacity: The most tokens of a prompt and its answer.
    init(admission: Admission, maximumBodySize: Int, capacity: Int, _ context: ConnectionContext) {
        self.admission = admission
        self.maximumBodySize = maximumBodySize
        self.capacity = capacity
        self.context = context
    }

    /// Answers a request.
    ///
    /// - Parameter plan: Reads a body, and says what is to be done.
    func answer(_ request: Request, plan: (Data) async throws(APIError) -> Plan) async throws -> Response {
        try checkType(of: request)
        // Nobody is read in order to be refused.
        try admission.check()
        let plan = try await plan(try await body(of: request))
        let client = Client(try admission.add(plan.work))
        context.record?.begin(plan.work)
        context.watch(client.answer)
        if plan.isStream, await !client.answer.begins(within: Self.doubt) { return stream(client, nil, plan.reply) }
        let first = try await next(client)
        if plan.isStream { return stream(client, first, plan.reply) }
        var reply = plan.reply
        var piece = first
        while let present = piece {
            _ = reply.take(present)
            piece = try await next(client)
        }
        return Response(reply.whole)
    }

    private func body(of request: Request) async throws(APIError) -> Data {
        do {
            return try await context.body(of: request, upTo: maximumBodySize)
        } catch  where error.status == .contentTooLarge {
            throw .tooLong(bodySize: maximumBodySize, capacity: capacity)
        }
    }

    private func next(_ client: Client) async throws -> Answer.Piece? {
        do {
            let piece = try await client.answer.next()
            if let piece { context.record?.take(piece) }
            return piece
        } catch {
            if let error = error as? APIError { context.record?.fail(error) }
            throw error
        }
    }

    /// Answers a request that the engine has no part in.
    ///
    /// - Parameter answer: Reads a body, and returns the answer.
    func answer(_ request: Request, with answer: (Data) async throws(APIError) -> JSONValue) async throws -> Response {
        try checkType(of: request)
        return Response(try await answer(try await body(of: request)))
    }

    private func checkType(of request: Request) throws(APIError) {
        // Any page that a browser shows may send other types to this address; for this one the browser asks first.
        guard request.headers[.contentType].flatMap({ MediaType(from: $0) })?.isType(.applicationJson) == true else {
            throw .noJSON
        }
    }

    /// - Parameter first: The first piece; nil: it isn't there yet.
    private func stream(_ client: Client, _ first: Answer.Piece?, _ reply: any Reply) -> Response {
        // The closure holds the client: where the connection has gone and it never runs, the answer ends with it.
        let body = ResponseBody { [self] writer in
            var reply = reply
            do {
                for event in reply.beginning { try await writer.write(EventStream.event(event)) }
                var piece = first
                if piece == nil { piece = try await next(client) }
                while let present = piece {
                    for event in reply.take(present) { try await writer.write(EventStream.event(event)) }
                    piece = try await next(client)
                }
                for event in reply.ending { try await writer.write(EventStream.event(event)) }
                try await writer.write(EventStream.end)
            } catch {
                client.answer.abandon()
                guard let error = error as? APIError else { throw error }
                // The status has gone out; clients look for an error in the stream as well.
                try await writer.write(EventStream.event(error.json))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: EventStream.contentType, .cacheControl: "no-cache",
                // Proxies would keep the stream until it is over.
                .init("X-Accel-Buffering")!: "no",
            ],
            body: body)
    }
}
