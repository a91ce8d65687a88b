/// Keeps sessions for prompts that begin in the same way, so that a shared beginning is processed once.
///
/// A cache is not `Sendable`: keep it in one task or actor.
public final class PromptCache {
    /// The model of all sessions.
    public let model: LanguageModel
    /// How its sessions run.
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

    /// Keeps a fork of a session. The fork replaces every kept session whose tokens it begins with, if it can be
    /// shortened to them.
    ///
    /// - Parameter session: A session of this cache's model and options.
    /// - Throws: ``SessionError/mismatch(_:)`` for another session, ``SessionError/memory(_:)`` if there is not enough
    ///   even after all kept sessions are dropped, ``SessionError/busy`` if it is called from a prefill's `progress`.
    public func insert(_ session: Session) throws(SessionError) {
        guard session.model === model else { throw .mismatch(.otherModel) }
        guard session.attention == options.attention, session.capacity == options.capacity(for: model),
            session.cacheFormat == options.cacheFormat(for: model)
        else { throw .mismatch(.otherOptions) }
        if session.position == 0 || sessionLimit == 0 { return }
        if session.isProcessing { throw .busy }
        sessions.removeAll { kept in
            session.tokens.starts(with: kept.tokens)
                && (kept.position == session.position || kept.position >= session.earliestTruncation)
        }
        sessions.append(try makeRoom { () throws(SessionError) in try session.fork() })
        sessions.removeFirst(max(0, sessions.count - sessionLimit))
    }

    /// A session that holds as much as possible of a prompt's beginning. At least the last token is always left to
    /// process, for its logits.
    ///
    /// - Parameter prompt: Tokens.
    /// - Returns: A session that nobody else uses. It is a fork of the kept session that shares the longest beginning
    ///   and can be shortened to it, or, if memory is short, that session itself. The prompt's tokens from the
    ///   session's position on are left to process.
    /// - Throws: ``SessionError`` when the options don't suit the model.
    public func session(for prompt: [Int]) throws(SessionError) -> sending Session {
        // `nonisolated(unsafe)`: it is a new session, a fork, or one that isn't kept any more.
        nonisolated(unsafe) let session = try anySession(for: prompt)
        return session
    }

    private func anySession(for prompt: [Int]) throws(SessionError) -> Session {
        var best: (index: Int, length: Int)?
        for (index, session) in sessions.enumerated() {
            let length = session.reusablePrefix(of: prompt)
            if length > best?.length ?? 0 { best = (index, length) }
        }
        guard let best else {
            return try makeRoom { () throws(SessionError) in try Session(model: model, options: options) }
        }
        let kept = sessions.remove(at: best.index)
        var session = kept
        do throws(SessionError) {
            session = try makeRoom { () throws(SessionError) in try kept.fork() }
            sessions.append(kept)
        } catch {
            // Without memory for a fork, the kept session itself is used.
            guard case .memory = error else { throw error }
        }
        try session.truncate(to: best.length)
        return session
    }

    /// Makes a session. If memory is short, kept sessions are dropped.
    private func makeRoom(_ make: () throws(SessionError) -> Session) throws(SessionError) -> Session {
        while true {
            do throws(SessionError) {
                return try make()
            } catch {
                guard case .memory = error, !sessions.isEmpty else { throw error }
                sessions.removeFirst()
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
