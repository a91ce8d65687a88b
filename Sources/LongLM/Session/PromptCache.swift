/// Keeps sessions for prompts that begin in the same way, so that a shared beginning is processed once.
///
/// A cache is not `Sendable`: keep it in one task or actor.
public final class PromptCache {
    /// The model of all sessions.
    public let model: LanguageModel
    /// How its sessions run. Frequencies that depend on a text's length are computed for
    /// ``SessionOptions/frequencyLength``, or else for this capacity, whatever capacity a session has.
    public let options: SessionOptions
    /// The most sessions to keep.
    public let sessionLimit: Int
    /// In order of their last use.
    private var sessions: [Session] = []

    /// An empty cache.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - options: How its sessions run.
    ///   - sessionLimit: The most sessions to keep. The least recently used one is dropped first.
    public init(model: LanguageModel, options: SessionOptions = SessionOptions(), sessionLimit: Int = 8) {
        precondition(sessionLimit >= 0, "a cache keeps some number of sessions")
        self.model = model
        self.options = options
        self.sessionLimit = sessionLimit
    }

    /// How many sessions are kept.
    public var count: Int { sessions.count }

    /// The keys and values of all kept sessions, in bytes. What sessions share is counted for each of them.
    public var cacheByteCount: Int { sessions.reduce(0) { $0 + $1.cacheByteCount } }

    /// Keeps a fork of a session. It reserves memory for its tokens alone, rounded up to 512, whatever the session's
    /// capacity is. The fork replaces every kept session whose tokens are the beginning of this one's, if it can be shortened
    /// to them. An empty session, or a ``sessionLimit`` of 0, keeps nothing.
    ///
    /// - Parameter session: A session of this cache's model and options, with any capacity. In models whose frequencies
    ///   depend on a text's length, they must be computed for the same length as those of ``session(for:)``.
    /// - Throws: ``SessionError/mismatch(_:)`` for a session of another model or other options,
    ///   ``SessionError/memory(_:)`` if dropping kept sessions wouldn't make enough room, ``SessionError/busy`` if it is
    ///   called from a prefill's `progress`.
    public func insert(_ session: Session) throws(SessionError) { try keep(session) {} }

    /// Keeps a session's tokens as ``insert(_:)`` does, but gives up the session's own reservation first, so no memory for
    /// both is needed.
    ///
    /// - Parameter session: As for ``insert(_:)``. Don't use it afterwards, even if this throws.
    /// - Throws: As ``insert(_:)``.
    public func insertLast(_ session: Session) throws(SessionError) {
        try keep(session) { session.reservation.giveUp() }
    }

    private func keep(_ session: Session, prepare: () -> Void) throws(SessionError) {
        try check(session, try options.resolved(for: model))
        if session.position == 0 || sessionLimit == 0 { return }
        if session.isProcessing { throw .busy }
        func isReplaced(_ kept: Session) -> Bool {
            session.tokens.starts(with: kept.tokens)
                && (kept.position == session.position || kept.position >= session.earliestTruncation)
        }
        prepare()
        var small = session.options
        (small.capacity, small.rowLimit) = (session.position, 1)
        let fork = try makeRoom(for: sessions.first(where: isReplaced)) { () throws(SessionError) in
            try session.fork(session.position, small)
        }
        sessions.removeAll(where: isReplaced)
        sessions.append(fork)
        sessions.removeFirst(max(0, sessions.count - sessionLimit))
    }

    /// A session that holds as much as possible of a prompt's beginning. At least the last token is always left to
    /// process, for its logits.
    ///
    /// - Parameter prompt: Tokens.
    /// - Returns: A session with the options' capacity that nobody else uses. It is a fork of the kept session that shares
    ///   the longest beginning and can be shortened to it. If memory is short, it takes that session's place, and others
    ///   are dropped. The prompt's tokens from the session's position on are left to process.
    /// - Throws: ``SessionError`` when the options don't suit the model, ``SessionError/capacityExceeded(needed:capacity:)``
    ///   for a prompt that doesn't fit, ``SessionError/memory(_:)`` if there is not enough even without what is kept, which
    ///   is then kept all the same.
    public func session(for prompt: [Int]) throws(SessionError) -> sending Session {
        try session(for: prompt, capacity: options.capacity(for: model))
    }

    /// A session as ``session(for:)`` describes, with a capacity of its own, and made from sessions in use as well.
    ///
    /// - Parameters:
    ///   - prompt: Tokens.
    ///   - capacity: The most tokens that the session may hold, at least as many as the prompt has. Frequencies that depend
    ///     on a text's length are computed as for ``options``, so that the bits don't depend on this.
    ///   - others: Sessions of this cache's model and options that others use. They are forked, never changed.
    /// - Throws: As ``session(for:)``; ``SessionError/invalidOption(_:)`` for a capacity out of range,
    ///   ``SessionError/capacityExceeded(needed:capacity:)`` for a prompt that doesn't fit,
    ///   ``SessionError/mismatch(_:)`` if one of the others is a session of another model or other options,
    ///   ``SessionError/busy`` if it is called from a prefill's `progress`.
    public func session(
        for prompt: [Int], capacity: Int, sharing others: [Session] = []
    ) throws(SessionError) -> sending Session {
        var options = try options.resolved(for: model)
        for other in others { try check(other, options) }
        try SessionOptions.check("capacity", capacity)
        guard prompt.count <= capacity else {
            throw .capacityExceeded(needed: prompt.count, capacity: capacity)
        }
        options.capacity = capacity
        // `nonisolated(unsafe)`: it is a new session, or a fork.
        nonisolated(unsafe) let session: Session
        if let (best, length) = longestBeginning(of: prompt, sharing: others) {
            let index = sessions.firstIndex { $0 === best }
            // It is now the one that was used last.
            let kept = index.map { sessions.remove(at: $0) }
            if let kept { sessions.append(kept) }
            session = try makeRoom(for: kept) { () throws(SessionError) in try best.fork(length, options) }
        } else {
            session = try newSession(capacity: capacity)
        }
        return session
    }

    /// An empty session that nobody else uses. If memory is short, kept sessions are dropped.
    ///
    /// - Parameters:
    ///   - capacity: The most tokens that the session may hold, at least 1.
    ///   - rowLimit: The most tokens of one pass of the session's own; nil: the options'.
    /// - Throws: As ``session(for:)``.
    public func newSession(capacity: Int, rowLimit: Int? = nil) throws(SessionError) -> sending Session {
        var new = options
        new.frequencyLength = try options.resolved(for: model).frequencyLength
        new.capacity = capacity
        if let rowLimit { new.rowLimit = rowLimit }
        // `nonisolated(unsafe)`: it is a new session.
        nonisolated(unsafe) let session = try makeRoom(for: nil) { () throws(SessionError) in
            try Session(model: model, options: new)
        }
        return session
    }

    /// How many of the first tokens of a prompt ``session(for:capacity:sharing:)`` would find processed.
    public func reusableCount(of prompt: [Int], sharing others: [Session] = []) -> Int {
        longestBeginning(of: prompt, sharing: others)?.length ?? 0
    }

    /// Throws for a session that can't be kept or forked here.
    private func check(_ session: Session, _ own: SequenceOptions) throws(SessionError) {
        guard session.model === model else { throw .mismatch(.otherModel) }
        guard session.attention == own.attention, session.cacheFormat == own.cacheFormat,
            session.options.frequencyLength == own.frequencyLength || !model.configuration.frequenciesDependOnLength
        else { throw .mismatch(.otherOptions) }
    }

    private func longestBeginning(of prompt: [Int], sharing others: [Session]) -> (session: Session, length: Int)? {
        var best: (session: Session, length: Int)?
        for session in others + sessions {
            let length = session.reusablePrefix(of: prompt)
            if length > best?.length ?? 0 { best = (session, length) }
        }
        return best
    }

    /// Makes a session. If memory is short and dropping kept sessions would help, they are dropped.
    ///
    /// - Parameter parent: The kept session whose tokens the new one has. It goes first.
    private func makeRoom(
        for parent: Session?, _ make: () throws(SessionError) -> Session
    ) throws(SessionError) -> Session {
        // What a kept session shared may be its alone by now.
        for session in sessions { session.noteMemory() }
        while true {
            do throws(SessionError) {
                return try make()
            } catch {
                guard case .memory(let shortage) = error else { throw error }
                let kept = sessions.reduce(0) { $0 + $1.reservation.byteCount }
                guard !sessions.isEmpty, shortage.neededByteCount <= shortage.availableByteCount + kept else {
                    throw error
                }
                let index = sessions.firstIndex { $0 === parent } ?? 0
                sessions.remove(at: index).reservation.giveUp()
            }
        }
    }

    /// Forgets all sessions.
    public func removeAll() { sessions.removeAll() }
}

extension Session {
    /// How many of the first tokens of a prompt this session has processed and can be shortened to. It is never all of
    /// them, so that the last one is processed for its logits.
    package func reusablePrefix(of prompt: [Int]) -> Int {
        let limit = min(prompt.count - 1, position)
        var shared = 0
        while shared < limit, prompt[shared] == tokens[shared] { shared += 1 }
        return shared == position || shared >= earliestTruncation ? max(0, shared) : 0
    }

    /// Shortens the session to what it shares with the beginning of a prompt.
    ///
    /// - Parameter prompt: Not empty.
    /// - Returns: How many of the prompt's tokens the session holds.
    package func keepPrefix(of prompt: [Int]) throws(SessionError) -> Int {
        let length = reusablePrefix(of: prompt)
        try truncate(to: length)
        return length
    }
}
