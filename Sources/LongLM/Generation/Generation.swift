/// Continues a session's text token by token.
public struct Generation {
    /// Why a generation ended.
    public enum End: Sendable, Equatable {
        /// The model produced one of its end tokens.
        case endToken(Int)
        /// As many tokens as were asked for.
        case maximumTokenCount
        /// The session is full.
        case capacity
    }

    /// The session, whose last prefill holds the prompt.
    public let session: Session
    /// Why the generation ended; nil while it goes on.
    public private(set) var end: End?
    /// How many tokens have been produced.
    public private(set) var tokenCount = 0
    private let maximumTokenCount: Int
    private let endTokens: Set<Int>
    private var sampler: Sampler
    private var pending: Int?

    /// A generation that continues what `session` has processed.
    ///
    /// - Parameters:
    ///   - session: Has the logits of at least one token.
    ///   - maximumTokenCount: The most tokens to produce.
    ///   - sampler: Chooses them.
    ///   - endTokens: The tokens that end the text; nil: the model's own. They are not returned.
    /// - Throws: ``SessionError/noTokens`` when the session has no logits: before its first prefill, and after one that
    ///   was cancelled midway.
    public init(
        session: Session, maximumTokenCount: Int, sampler: Sampler, endTokens: [Int]? = nil
    ) throws(SessionError) {
        guard !session.logits.isEmpty else { throw .noTokens }
        self.session = session
        self.maximumTokenCount = maximumTokenCount
        self.sampler = sampler
        self.endTokens = Set(endTokens ?? session.model.endTokens)
    }

    /// The next token; nil when the generation has ended.
    ///
    /// - Throws: ``SessionError/cancelled(position:)`` when the task is cancelled.
    public mutating func next() throws(SessionError) -> Int? {
        if end != nil { return nil }
        if tokenCount >= maximumTokenCount {
            end = .maximumTokenCount
            return nil
        }
        if let token = pending {
            guard session.position < session.capacity else {
                end = .capacity
                return nil
            }
            try session.decode(token)
            pending = nil
        }
        let token = sampler.sample(session.logits)
        if endTokens.contains(token) {
            end = .endToken(token)
            return nil
        }
        pending = token
        tokenCount += 1
        return token
    }
}
