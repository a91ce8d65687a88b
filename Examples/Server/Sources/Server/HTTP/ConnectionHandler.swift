import NIOCore
import NIOHTTP1

/// Looks after one connection. It stands between HTTP's bytes and what answers requests, and sees everything at once:
///
/// - A request ends when its client goes.
/// - A stream that is silent sends a comment now and then, so that nothing on the way takes it for dead.
/// - A connection whose client takes nothing of its answer is closed.
/// - What a client sends ahead of its answers is bounded.
/// - Clients of HTTP/1.0 get what they can understand.
///
/// A client may close its connection for sending alone, and wait for its answer. That looks the same as one that is gone,
/// until something is sent to it: then the system of one that is gone resets the connection. So such clients get comments
/// in a stream, and status 100, which every client passes over, before another answer.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// How much a connection may do.
    struct Limits: Sendable {
        /// How long a client may take nothing of what is written.
        var patience: TimeAmount
        /// How long a stream may be silent.
        var heartbeat = TimeAmount.seconds(10)
        /// The most bytes that are read of a body after its request was answered.
        var unwantedBytes: Int
        /// The most parts of requests that wait for the answer to the one before.
        var partsAhead = 300
        /// The most bytes of their bodies.
        var bytesAhead = 1 << 20
    }

    /// A request that isn't answered yet.
    private struct Pending {
        let isHead: Bool
        let speaksHTTP10: Bool
        /// Whether the connection goes on after the answer.
        var isKept: Bool
        /// Whether the client waits to be asked for the body.
        var awaitsContinue: Bool
        /// Whether all of it has arrived.
        var isComplete = false
    }

    /// How far the answer to the first pending request is.
    private enum Progress { case notBegun, stream, other }

    private static let comment = ByteBuffer(string: ": keep-alive\n\n")
    private static let tick = TimeAmount.seconds(1)

    private let limits: Limits
    private var pending = CircularBuffer<Pending>()
    private var progress = Progress.notBegun
    /// What the engine sends for the first pending request.
    private var answer: Answer?
    /// Set once no more is taken from this connection.
    private var isOverfull = false
    private var partsAhead = 0
    private var bytesAhead = 0
    /// The bytes of a body that arrived after its request was answered; nil: there is no such body.
    private var unwantedBytes: Int?
    private var isInputClosed = false
    private var timer: Scheduled<Void>?
    private var lastWrite = NIODeadline.now()
    /// How many bytes waited for a client that is behind, and since when it has been as many.
    private var stuck: (bytes: Int, since: NIODeadline)?

    init(limits: Limits) { self.limits = limits }

    /// Ends an answer if its client goes before the answer to its request has been written.
    func watch(_ answer: Answer, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return answer.abandon() }
        self.answer = answer
        if isInputClosed { probe(context) }
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isOverfull { return }
        var part = unwrapInboundIn(data)
        let isAhead = pending.count > 1 || pending.first?.isComplete == true
        switch part {
        case .head(var head):
            let speaksHTTP10 = head.version.major < 1 || head.version.minor < 1
            let isKept = head.isKeepAlive && !speaksHTTP10
            pending.append(
                Pending(
                    isHead: head.method == .HEAD, speaksHTTP10: speaksHTTP10, isKept: isKept,
                    awaitsContinue: head.headers.first(name: "expect")?.lowercased() == "100-continue"))
            // Hummingbird looks for this word alone.
            if !isKept { head.headers.replaceOrAdd(name: "connection", value: "close") }
            part = .head(head)
            startTimer(context)
        case .body(let bytes):
            if let count = unwantedBytes {
                unwantedBytes = count + bytes.readableBytes
                if count + bytes.readableBytes > limits.unwantedBytes { context.close(promise: nil) }
            } else if isAhead {
                bytesAhead += bytes.readableBytes
            }
        case .end:
            if unwantedBytes != nil {
                unwantedBytes = nil
            } else if !pending.isEmpty {
                pending[pending.index(before: pending.endIndex)].isComplete = true
            }
        }
        if isAhead { partsAhead += 1 }
        if partsAhead > limits.partsAhead || bytesAhead > limits.bytesAhead {
            isOverfull = true
            return
        }
        context.fireChannelRead(wrapInboundOut(part))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            isInputClosed = true
            probe(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopTimer()
        answer?.abandon()
        answer = nil
        context.fireChannelInactive()
    }

    // MARK: - Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            if head.status.code < 200 {
                if pending.first?.speaksHTTP10 == true {
                    promise?.succeed()
                    return
                }
                if !pending.isEmpty { pending[pending.startIndex].awaitsContinue = false }
                break
            }
            if var request = pending.first {
                // Who wasn't asked for a body may send it or not: it isn't known where the next request begins.
                if request.awaitsContinue && !request.isComplete { request.isKept = false }
                pending[pending.startIndex] = request
                if !request.isKept || (isOverfull && pending.dropFirst().first?.isComplete != true) {
                    head.headers.replaceOrAdd(name: "connection", value: "close")
                }
                if request.speaksHTTP10 { head.version = .http1_0 }
            }
            progress = head.headers.first(name: "content-type") == EventStream.contentType ? .stream : .other
            lastWrite = .now()
            return context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body:
            lastWrite = .now()
            if pending.first?.isHead == true {
                promise?.succeed()
                return
            }
        case .end:
            context.write(data, promise: promise)
            return endAnswer(context)
        }
        context.write(data, promise: promise)
    }

    private func endAnswer(_ context: ChannelHandlerContext) {
        progress = .notBegun
        answer = nil
        if let request = pending.popFirst(), !request.isComplete {
            if request.isKept {
                unwantedBytes = 0
            } else if request.awaitsContinue {
                context.flush()
                context.close(mode: .output, promise: nil)
            }
        }
        if pending.isEmpty {
            // They are counted anew behind the next request.
            (partsAhead, bytesAhead) = (0, 0)
            stopTimer()
        }
        // The rest of the next request was dropped, or all of it. What still comes is dropped until the connection is idle:
        // were it closed at once, the client might not get its last answer.
        if isOverfull, pending.first?.isComplete != true {
            context.flush()
            context.close(mode: .output, promise: nil)
        }
    }

    // MARK: - Clients that are silent

    private func startTimer(_ context: ChannelHandlerContext) {
        guard timer == nil else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.tick) { self.tick(context) }
    }

    private func stopTimer() {
        timer?.cancel()
        timer = nil
        stuck = nil
    }

    private func tick(_ context: ChannelHandlerContext) {
        timer = nil
        startTimer(context)
        if isInputClosed {
            probe(context, hasWaited: true)
        } else if progress == .stream, NIODeadline.now() - lastWrite >= limits.heartbeat {
            writeComment(context)
        }
        closeIfStuck(context)
    }

    /// Finds out whether a client that sends nothing any more is still there.
    ///
    /// - Parameter hasWaited: Whether a stream would have begun by now.
    private func probe(_ context: ChannelHandlerContext, hasWaited: Bool = false) {
        guard let answer, let request = pending.first else { return }
        switch progress {
        case .stream: writeComment(context)
        case .notBegun where !request.speaksHTTP10:
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
        // There is nothing that it would pass over. But a stream is about to begin.
        case .notBegun where hasWaited: answer.abandon()
        case .notBegun, .other: break
        }
    }

    private func writeComment(_ context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        lastWrite = .now()
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(Self.comment))), promise: nil)
    }

    private func closeIfStuck(_ context: ChannelHandlerContext) {
        guard !context.channel.isWritable else { return stuck = nil }
        let bytes = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if let stuck, bytes >= stuck.bytes {
            if NIODeadline.now() - stuck.since >= limits.patience { context.close(promise: nil) }
        } else {
            stuck = (bytes, .now())
        }
    }
}
