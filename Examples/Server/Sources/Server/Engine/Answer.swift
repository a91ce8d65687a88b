import LongLM
import Synchronization

/// What the engine sends to one client: pieces, and an end. It is bounded: while a client is behind, the engine goes on
/// without it.
final class Answer: Sendable {
    /// What is sent at a time.
    enum Piece: Sendable {
        /// The scores of the tokens of a choice's prompt, before its first token.
        case promptScores([PromptToken], choice: Int)
        case token(GeneratedToken, choice: Int)
        /// The last piece of a choice.
        case end(StopReason, GenerationStatistics, choice: Int)
        case embedding([Float], index: Int)
    }

    /// A token of a prompt that was scored.
    struct PromptToken: Sendable {
        let id: Int
        /// nil: the first token, which nothing predicts.
        let logProbability: Double?
        let alternatives: [TokenAlternative]
    }

    /// The most pieces that wait for the client.
    private static let room = 32

    private let pieces: AsyncThrowingStream<Piece, any Error>
    private let continuation: AsyncThrowingStream<Piece, any Error>.Continuation
    /// Ends with the first piece, or with the answer.
    private let beginning = AsyncStream<Never>.makeStream()
    private let unreadCount = Atomic<Int>(0)
    private let wasAbandoned = Atomic<Bool>(false)
    /// Whether the engine has sent everything.
    private let isComplete = Atomic<Bool>(false)
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
        beginning.continuation.finish()
    }

    /// Ends it, after all that was sent.
    func finish() {
        isComplete.store(true, ordering: .relaxed)
        finish(nil)
    }

    func fail(_ error: APIError) { finish(error) }

    private func finish(_ error: APIError?) {
        continuation.finish(throwing: error)
        beginning.continuation.finish()
    }

    // MARK: - The client's side

    /// The next piece; nil after the last.
    ///
    /// - Throws: ``APIError`` when the engine could not go on, and after ``abandon()``.
    func next() async throws -> Piece? {
        var iterator = pieces.makeAsyncIterator()
        guard let piece = try await iterator.next() else {
            // A task that is cancelled ends the iteration, too.
            if isComplete.load(ordering: .relaxed), !Task.isCancelled { return nil }
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

    /// Waits for the first piece or the end, but no longer than for a while; false if there is neither by then.
    func begins(within time: Duration) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { [beginning] in
                for await _ in beginning.stream {}
                return !Task.isCancelled
            }
            group.addTask {
                try? await Task.sleep(for: time)
                return false
            }
            let hasBegun = await group.next() ?? false
            group.cancelAll()
            return hasBegun
        }
    }
}

/// A client's hold on its answer: when nothing holds it any more, nobody wants the rest.
final class Client: Sendable {
    let answer: Answer

    init(_ answer: Answer) { self.answer = answer }

    deinit { answer.abandon() }
}
