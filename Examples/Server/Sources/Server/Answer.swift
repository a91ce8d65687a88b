import LongLM
import Synchronization

/// What the engine sends to one client: pieces of text, and an end. It is bounded: while a client is behind, the engine
/// goes on without it.
final class Answer: Sendable {
    /// What is sent at a time.
    enum Piece: Sendable {
        case text(String)
        /// The last one.
        case end(StopReason, GenerationStatistics)
    }

    /// The most pieces that wait for the client.
    private static let room = 32

    private let pieces: AsyncThrowingStream<Piece, any Error>
    private let continuation: AsyncThrowingStream<Piece, any Error>.Continuation
    private let ended = AsyncStream<Never>.makeStream()
    private let unreadCount = Atomic<Int>(0)
    private let wasAbandoned = Atomic<Bool>(false)
    /// Tells the engine that something has changed.
    private let wake: @Sendable () -> Void

    init(wake: @escaping @Sendable () -> Void) {
        (pieces, continuation) = AsyncThrowingStream.makeStream()
        self.wake = wake
    }

    // MARK: - The engine's side

    /// Whether the client keeps up.
    var hasRoom: Bool { unreadCount.load(ordering: .relaxed) < Self.room }

    /// Whether nobody wants the rest.
    var isAbandoned: Bool { wasAbandoned.load(ordering: .relaxed) }

    func send(_ piece: Piece) {
        unreadCount.add(1, ordering: .relaxed)
        continuation.yield(piece)
        if case .end = piece { finish(nil) }
    }

    func fail(_ error: APIError) { finish(error) }

    private func finish(_ error: APIError?) {
        continuation.finish(throwing: error)
        ended.continuation.finish()
    }

    // MARK: - The client's side

    /// The next piece.
    ///
    /// - Throws: ``APIError`` when the engine could not go on, and after ``abandon()``.
    func next() async throws -> Piece {
        var iterator = pieces.makeAsyncIterator()
        guard let piece = try await iterator.next() else {
            abandon()
            throw APIError.abandoned
        }
        if unreadCount.subtract(1, ordering: .relaxed).oldValue == Self.room { wake() }
        return piece
    }

    /// Ends what is still going on: the client has gone.
    func abandon() {
        wasAbandoned.store(true, ordering: .relaxed)
        finish(nil)
        wake()
    }

    /// Waits for the end, whichever it is.
    func end() async { for await _ in ended.stream {} }
}

/// A client's hold on its answer: when nothing holds it any more, nobody wants the rest.
final class Client: Sendable {
    let answer: Answer

    init(_ answer: Answer) { self.answer = answer }

    deinit { answer.abandon() }
}
