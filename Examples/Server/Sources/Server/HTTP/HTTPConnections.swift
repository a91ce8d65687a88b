import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Speaks HTTP/1 with clients: it is what Hummingbird does, with a ``ConnectionHandler`` for each connection, and with one
/// request after the other.
struct HTTPConnections: ServerChildChannel, HTTPChannelHandler {
    let responder: Responder
    let limits: ConnectionHandler.Limits
    /// How long a connection stays open on which nothing moves, while nobody waits for an answer.
    let idleTimeout: Duration

    static func server(limits: ConnectionHandler.Limits, idleTimeout: Duration) -> HTTPServerBuilder {
        HTTPServerBuilder { HTTPConnections(responder: $0, limits: limits, idleTimeout: idleTimeout) }
    }

    func setup(
        channel: any Channel, logger: Logger
    ) -> EventLoopFuture<NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>> {
        channel.eventLoop.makeCompletedFuture {
            var decoderLimits = NIOHTTPDecoderLimitConfiguration()
            decoderLimits.maxHeaderListSize = 1 << 16
            decoderLimits.maxHeaderFieldCount = 200
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(HTTPResponseEncoder())
            try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: decoderLimits)))
            try pipeline.addHandler(ConnectionHandler(limits: limits))
            // It reads nothing more while a request is answered, and holds back what has been read behind it.
            try pipeline.addHandler(HTTPServerPipelineHandler())
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: idleTimeout, logger: logger))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, logger: Logger) async {
        await handleHTTP(asyncChannel: value, logger: logger)
    }
}
