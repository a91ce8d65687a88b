import Foundation
import HTTPTypes
import Hummingbird
import Logging

/// Gives every request a name and a ``RequestRecord``, and its answer that name.
///
/// It comes first of all: what follows answers errors, and doesn't throw them.
struct RequestLog: RouterMiddleware {
    let logger: Logger

    func handle(
        _ request: Request, context: ConnectionContext,
        next: (Request, ConnectionContext) async throws -> Response
    ) async throws -> Response {
        let id = request.headers[.requestID].flatMap { Self.isSane($0) ? $0 : nil } ?? Self.newID()
        let record = RequestRecord(request, id: id, logger)
        var context = context
        context.record = record
        context.logger = logger
        context.logger[metadataKey: "id"] = "\(id)"
        var response = try await next(request, context)
        response.headers[.requestID] = id
        // Hummingbird has a word for the address of those that it doesn't know.
        let endpoint = context.endpointPath.flatMap { $0.hasPrefix("/") ? $0 : nil }
        record.respond(response.status.code, endpoint: endpoint)
        if response.body.contentLength != nil {
            record.finish()
            return response
        }
        // A stream is over when it has been written.
        let body = response.body
        response.body = ResponseBody { writer in
            do {
                try await body.write(writer)
                record.finish()
            } catch {
                record.finish(reason: "connection_closed")
                throw error
            }
        }
        return response
    }

    /// Whether a client's name for its request can stand in logs.
    private static func isSane(_ id: String) -> Bool {
        (1...128).contains(id.utf8.count)
            && id.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                    UInt8(ascii: ":"):
                    true
                default: false
                }
            }
    }

    private static func newID() -> String {
        "req-" + UUID().uuidString.lowercased()
    }
}

extension HTTPField.Name {
    /// What a request is called in logs.
    static let requestID = HTTPField.Name("X-Request-Id")!
}
