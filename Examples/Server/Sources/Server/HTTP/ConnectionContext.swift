import Foundation
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// A request's context, which knows the connection on which the request came.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// What is noted of the request for the log and the metrics.
    var record: RequestRecord?
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Ends an answer if the client goes before all of it has been sent.
    func watch(_ answer: Answer) {
        channel.eventLoop.execute { [channel] in
            guard let context = try? channel.pipeline.syncOperations.context(handlerType: ConnectionHandler.self),
                let handler = context.handler as? ConnectionHandler
            else { return answer.abandon() }
            handler.watch(answer, context)
        }
    }

    /// The body of a request. A client that waits until it is asked for the body is asked.
    ///
    /// - Throws: ``APIError`` with status 413 for more than `maximumSize` bytes, and with 400 for a body that breaks off.
    func body(of request: Request, upTo maximumSize: Int) async throws(APIError) -> Data {
        let tooLarge = APIError(
            status: .contentTooLarge, message: "The body has more than \(maximumSize) bytes.", code: "body_too_large")
        if let size = request.headers[.contentLength].flatMap({ Int($0) }), size > maximumSize { throw tooLarge }
        if request.headers[.expect]?.lowercased() == "100-continue" {
            channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)), promise: nil)
        }
        var body = Data()
        do {
            for try await part in request.body {
                guard body.count + part.readableBytes <= maximumSize else { throw tooLarge }
                body.append(contentsOf: part.readableBytesView)
            }
        } catch let error as APIError {
            throw error
        } catch {
            throw .invalid("The body breaks off, or is not sent as HTTP has it.", code: "body_incomplete")
        }
        return body
    }
}
