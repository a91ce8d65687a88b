import SIMDKernels

/// Computes many sessions of one model together. One pass takes the next tokens of some and the prompts of others, and
/// reads each weight once for all of them.
///
/// The sessions may have any lengths and attention modes, and they may join and leave at any pass. What else is in a
/// pass doesn't change a bit of a session: its logits are those of ``Session/prefill(_:progress:)`` and
/// ``Session/decode(_:)``.
///
/// A batch is not `Sendable`: keep it in one task or actor, together with its sessions.
public final class Batch {
    /// The model of all sessions.
    public let model: LanguageModel
    /// The most sessions of a pass.
    public let sessionLimit: Int
    /// The most tokens of a pass.
    public let rowLimit: Int
    /// Threads of the team.
    public let threadCount: Int
    private let job: ForwardJob
    private let workspace: Workspace
    /// [sessionLimit, V].
    private let logits: AlignedBuffer
    private let reservation: MemoryReservation
    /// The most rows and sessions that a pass has ever had. Memory was taken for that many.
    private var largestRowCount = 0
    private var largestSessionCount = 0

    /// How many tokens of prompts a round takes by default while other generations wait for their next token.
    ///
    /// With more, prompts are read faster, and the others wait longer.
    public static let defaultPromptRowLimit = PromptShares.defaultRowLimit

    /// A batch.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - sessionLimit: The most sessions of a pass, between 1 and 512.
    ///   - rowLimit: The most tokens of a pass, between `sessionLimit` and 512; activations take memory for that many.
    ///   - threadCount: Threads of the team, at least 1; nil: `OMP_NUM_THREADS` or the number of processors.
    /// - Throws: ``SessionError/invalidOption(_:)`` for a number out of range, ``SessionError/memory(_:)`` if there is
    ///   not enough memory for that many.
    public init(
        model: LanguageModel, sessionLimit: Int = 16, rowLimit: Int = Session.maximumPassRowCount,
        threadCount: Int? = nil
    ) throws(SessionError) {
        let maximum = Workspace.maximumRowCount
        guard (1...maximum).contains(sessionLimit) else {
            throw .invalidOption(InvalidOption("limit of sessions", sessionLimit, between: 1, and: maximum))
        }
        guard (sessionLimit...maximum).contains(rowLimit) else {
            throw .invalidOption(InvalidOption("limit of rows", rowLimit, between: sessionLimit, and: maximum))
        }
        self.model = model
        self.sessionLimit = sessionLimit
        self.rowLimit = rowLimit
        self.threadCount = try Session.checkedThreadCount(threadCount)
        let sizes = Workspace.Sizes(model.configuration, rowCount: rowLimit, threadCount: self.threadCount)
        let logitCount = sessionLimit * model.configuration.vocabularySize
        do {
            reservation = try model.memory.reserve(
                sizes.byteCount + logitCount * MemoryLayout<Float>.stride, for: .batch(sessionLimit: sessionLimit))
        } catch { throw .memory(error) }
        workspace = Workspace(sizes)
        job = ForwardJob(model, workspace, threadCount: self.threadCount)
        logits = AlignedBuffer(floatCount: logitCount)
    }

    // MARK: - Sessions

    /// Processes one token of each session. Afterwards, the sessions' logits are those of these tokens.
    ///
    /// - Parameters:
    ///   - tokens: One for each session.
    ///   - sessions: As for ``process(_:in:)``.
    /// - Throws: As ``process(_:in:)``.
    public func decode(_ tokens: [Int], in sessions: [Session]) throws(SessionError) {
        precondition(tokens.count == sessions.count, "every session gets one token")
        try process(tokens.indices.map { tokens[$0...$0] }, in: sessions)
    }

    /// Processes some tokens of each session in one pass: parts of prompts, next tokens, or both. Afterwards, each
    /// session's logits are those of its last token.
    ///
    /// - Parameters:
    ///   - tokens: At least one for each session, at most ``rowLimit`` in all.
    ///   - sessions: Different sessions of the batch's model, at most ``sessionLimit``. There may be none.
    /// - Throws: ``SessionError`` before any work if a token doesn't exist or doesn't fit, or if the arguments are not
    ///   as described; ``SessionError/cancelled(position:)``, with the first session's position, if the task is
    ///   cancelled, at most two layers later. All sessions are then as before.
    public func process(_ tokens: [[Int]], in sessions: [Session]) throws(SessionError) {
        precondition(tokens.count == sessions.count, "every session gets tokens")
        try process(tokens.map { $0[...] }, in: sessions)
    }

    private func process(_ tokens: [ArraySlice<Int>], in sessions: [Session]) throws(SessionError) {
        try check(sessions)
        let rowCount = tokens.reduce(0) { $0 + $1.count }
        guard rowCount <= rowLimit else {
            throw .invalidOption(InvalidOption("number of tokens of a pass", rowCount, allowed: "at most \(rowLimit)"))
        }
        let parts = zip(tokens, sessions).map { Part(session: $1, tokens: $0, wantsLogits: true) }
        for part in parts { try part.check() }
        try run(parts)
    }

    /// What one session gets in a pass.
    private struct Part {
        let session: Session
        let tokens: ArraySlice<Int>
        /// Whether the last token's logits are wanted.
        let wantsLogits: Bool

        func check() throws(SessionError) {
            try tokens.withUnsafeBufferPointer { (tokens) throws(SessionError) in try session.check(tokens) }
        }
    }

    /// Throws for sessions that can't be in one batch.
    private func check(_ sessions: [Session]) throws(SessionError) {
        guard sessions.count <= sessionLimit else {
            throw .invalidOption(
                InvalidOption("number of sessions of a pass", sessions.count, allowed: "at most \(sessionLimit)"))
        }
        guard Set(sessions.map(ObjectIdentifier.init)).count == sessions.count else {
            throw .mismatch(.repeated)
        }
        guard sessions.allSatisfy({ $0.model === model }) else {
            throw .mismatch(.otherModel)
        }
    }

    /// Runs one pass over tokens that have been checked.
    private func run(_ parts: [Part]) throws(SessionError) {
        guard let first = parts.first else { return }
        // A pass that is cancelled has overwritten what they had processed ahead.
        for part in parts { part.session.lookahead.removeAll() }
        if Task.isCancelled { throw .cancelled(position: first.session.position) }
        for part in parts {
            let (session, count) = (part.session, part.tokens.count)
            session.reserve(count, isAlone: false)
            job.pass.add(
                session.state, tokens: part.tokens, firstPosition: session.position,
                logitRows: part.wantsLogits ? (count - 1)..<count : 0..<0)
        }
        let rowCount = job.pass.rowCount
        guard job.run(PassOutput(logits: logits.floats)) else { throw .cancelled(position: first.session.position) }
        noteMemory(rowCount: rowCount, sessionCount: parts.count)
        let vocabularySize = model.configuration.vocabularySize
        var next = logits.floats
        for part in parts {
            part.session.didProcess(
                part.tokens, logits: UnsafeBufferPointer(start: next, count: part.wantsLogits ? vocabularySize : 0))
            if part.wantsLogits { next += vocabularySize }
        }
    }

    /// Tells the reservation how much of it has been taken.
    private func noteMemory(rowCount: Int, sessionCount: Int) {
        if rowCount <= largestRowCount, sessionCount <= largestSessionCount { return }
        largestRowCount = max(rowCount, largestRowCount)
        largestSessionCount = max(sessionCount, largestSessionCount)
        reservation.usedByteCount =
            workspace.writtenByteCount(rowCount: largestRowCount)
            + logits.byteCount * largestSessionCount / sessionLimit
    }

    // MARK: - Generations

    /// What a round did for a generation.
    public enum Outcome: Sendable, Equatable {
        /// It has a next token.
        case token(GeneratedToken)
        /// Its prompt is still being read; this many of its tokens are left.
        case reading(remainingTokenCount: Int)
        /// It has ended; ``Generation/stopReason`` says why.
        case ended

        /// The next token, if there is one.
        public var token: GeneratedToken? {
            if case .token(let token) = self { token } else { nil }
        }
    }

    /// Runs a round of several generations. A round is one pass. It has the next token of each generation whose prompt
    /// is done, and some tokens of the other generations' prompts. When the pass has the last token of a prompt, the
    /// same round gives the first new token.
    ///
    /// While any generation waits for its next token, a round takes ``defaultPromptRowLimit`` tokens of prompts;
    /// otherwise, it takes as many as fit. Prompts are read in the order of the generations. But if some prompts have at most
    /// a quarter of the tokens left that the first one has, these get up to half of the rows, the shortest first, so that a
    /// short prompt doesn't wait for a long one. Since the first prompt always gets its half, short ones can't hold it up
    /// forever.
    ///
    /// - Parameters:
    ///   - generations: Generations with different sessions of the batch's model, at most ``sessionLimit``, in the
    ///     order in which they came. Each round may have other ones.
    ///   - promptRowLimit: The most tokens of prompts in this round, at least 1; nil: as described above.
    /// - Returns: What the round did for each generation, or the error that its ``Generation/next()`` would have
    ///   thrown. A generation that can't go on doesn't hold up the others.
    /// - Throws: ``GenerationError/invalidOption(_:)`` or ``GenerationError/session(_:)`` before any work if the
    ///   arguments are not as described. If the task is cancelled, it throws ``SessionError/cancelled(position:)``,
    ///   with the position of one of the sessions, at most two layers later. All generations can then be asked again,
    ///   and none loses a token.
    public func next(
        for generations: [Generation], promptRowLimit: Int? = nil
    ) throws(GenerationError) -> [Result<Outcome, GenerationError>] {
        if let promptRowLimit, promptRowLimit < 1 {
            throw .invalidOption(InvalidOption("limit of rows of prompts", promptRowLimit, allowed: "at least 1"))
        }
        try generating { () throws(SessionError) in try check(generations.map(\.session)) }
        var failures: [Int: GenerationError] = [:]
        var turns: [Turn] = []
        var readers: [Generation] = []
        for (index, generation) in generations.enumerated() {
            do throws(GenerationError) {
                try generation.checkSession()
                if !generation.remainingPrompt.isEmpty {
                    readers.append(generation)
                } else if let token = generation.tokenToDecode() {
                    let part = Part(session: generation.session, tokens: [token], wantsLogits: true)
                    try generating { () throws(SessionError) in try part.check() }
                    turns.append(Turn(generation: generation, part: part, isPrompt: false))
                }
            } catch { failures[index] = error }
        }
        let wanted = promptRowLimit ?? (turns.isEmpty ? rowLimit : Self.defaultPromptRowLimit)
        turns += promptTurns(of: readers, rowLimit: min(wanted, rowLimit - turns.count))

        let start = ContinuousClock.now
        try generating { () throws(SessionError) in try run(turns.map(\.part)) }
        let duration = ContinuousClock.now - start
        for turn in turns { turn.end(duration) }
        // Only once everything is up to date: this is the caller's code and may look at anything.
        for turn in turns where turn.isPrompt { turn.generation.reportProgress() }
        return generations.enumerated().map { index, generation in
            if let error = failures[index] { return .failure(error) }
            return Result { () throws(GenerationError) in try Outcome(generation) }
        }
    }

    /// What a generation gets in a round.
    private struct Turn {
        let generation: Generation
        let part: Part
        let isPrompt: Bool

        /// Records that the pass is done.
        func end(_ duration: Duration) {
            if isPrompt {
                generation.didPrefill(part.tokens.count, in: duration)
            } else {
                generation.didDecode(in: duration)
            }
        }
    }

    /// The tokens that prompts get in a round; prompts that get none are left out.
    private func promptTurns(of readers: [Generation], rowLimit: Int) -> [Turn] {
        let counts = PromptShares.rowCounts(remaining: readers.map(\.remainingPrompt.count), rowLimit: rowLimit)
        return zip(readers, counts).filter { $0.1 > 0 }.map { reader, count in
            let prompt = reader.remainingPrompt
            return Turn(
                generation: reader,
                part: Part(session: reader.session, tokens: prompt.prefix(count), wantsLogits: count == prompt.count),
                isPrompt: true)
        }
    }
}

extension Batch.Outcome {
    /// What the round did for a generation; chooses its next token.
    fileprivate init(_ generation: Generation) throws(GenerationError) {
        if !generation.remainingPrompt.isEmpty, generation.stopReason == nil {
            self = .reading(remainingTokenCount: generation.remainingPrompt.count)
        } else if let token = try generation.choose() {
            self = .token(token)
        } else {
            self = .ended
        }
    }
}
