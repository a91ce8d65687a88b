import SIMDKernels

/// Decodes several sessions of one model together: each weight is read once for all of them.
///
/// Sessions of any lengths and attention modes take part, and others may in the next step: they join and leave at any
/// time. What is together in a batch shows in no bit: each session's logits are those of ``Session/decode(_:)``.
///
/// A decoder is not `Sendable`: keep it in one task or actor, together with its sessions.
public final class BatchedDecoder {
    /// The model of all sessions.
    public let model: LanguageModel
    /// The most sessions of a step.
    public let maximumBatchSize: Int
    /// Threads of the team.
    public let threadCount: Int
    private let job: ForwardJob
    /// [maximumBatchSize, V].
    private let logits: AlignedBuffer
    private let reservation: MemoryReservation
    /// The most sessions that there were in a step: what memory was taken for.
    private var largestBatchSize = 0

    /// A decoder.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - maximumBatchSize: Between 1 and 512.
    ///   - threadCount: Threads of the team, at least 1; nil: `OMP_NUM_THREADS` or the number of processors.
    /// - Throws: ``SessionError/invalidOption(_:)`` for a number out of range, ``SessionError/memory(_:)`` when there is not
    ///   enough memory for so many.
    public init(model: LanguageModel, maximumBatchSize: Int = 16, threadCount: Int? = nil) throws(SessionError) {
        guard (1...Workspace.rowLimit).contains(maximumBatchSize) else {
            throw .invalidOption(
                "a batch of up to \(maximumBatchSize) sessions; it must be between 1 and \(Workspace.rowLimit)")
        }
        self.model = model
        self.maximumBatchSize = maximumBatchSize
        self.threadCount = try Session.checkedThreadCount(threadCount)
        let sizes = Workspace.Sizes(
            model.configuration, rowCount: maximumBatchSize, threadCount: self.threadCount)
        let logitCount = maximumBatchSize * model.configuration.vocabularySize
        do {
            reservation = try model.memory.reserve(
                sizes.byteCount + logitCount * MemoryLayout<Float>.stride, for: .batch(maximumSize: maximumBatchSize))
        } catch { throw .memory(error) }
        job = ForwardJob(model, Workspace(sizes), threadCount: self.threadCount)
        logits = AlignedBuffer(floatCount: logitCount)
    }

    /// Processes one token of each session; afterwards the sessions' logits are those of these tokens.
    ///
    /// - Parameters:
    ///   - tokens: One for each session.
    ///   - sessions: Different ones, of the decoder's model, at most ``maximumBatchSize``. None is fine, too.
    /// - Throws: ``SessionError`` before any work when one of the tokens doesn't exist or doesn't fit, or the batch is not as
    ///   said; ``SessionError/cancelled(position:)``, with the first session's, when the task is cancelled, at most two layers
    ///   later. All sessions are then as before.
    public func decode(_ tokens: [Int], in sessions: [Session]) throws(SessionError) {
        precondition(tokens.count == sessions.count, "every session gets one token")
        guard let first = sessions.first else { return }
        try check(sessions)
        for (token, session) in zip(tokens, sessions) {
            try withUnsafePointer(to: token) { (pointer) throws(SessionError) in
                try session.check(UnsafeBufferPointer(start: pointer, count: 1))
            }
        }
        if Task.isCancelled { throw .cancelled(position: first.position) }

        for session in sessions { session.reserve(1, isAlone: false) }
        for (token, session) in zip(tokens, sessions) {
            job.pass.add(
                session.state, tokens: CollectionOfOne(token), firstPosition: session.position, logitRows: 0..<1)
        }
        let isComplete = job.run(logits: logits.floats)
        guard isComplete else { throw .cancelled(position: first.position) }
        largestBatchSize = max(largestBatchSize, sessions.count)
        reservation.usedByteCount = reservation.byteCount * largestBatchSize / maximumBatchSize
        let vocabularySize = model.configuration.vocabularySize
        for (index, session) in sessions.enumerated() {
            session.didDecode(
                tokens[index],
                logits: UnsafeBufferPointer(start: logits.floats + index * vocabularySize, count: vocabularySize))
        }
    }

    /// Refuses sessions that can't be in one batch.
    private func check(_ sessions: [Session]) throws(SessionError) {
        guard sessions.count <= maximumBatchSize else {
            throw .invalidOption("a batch of \(sessions.count) sessions; this decoder takes \(maximumBatchSize)")
        }
        guard Set(sessions.map(ObjectIdentifier.init)).count == sessions.count else {
            throw .invalidOption("a session stands in a batch twice")
        }
        guard sessions.allSatisfy({ $0.model === model }) else {
            throw .invalidOption("a session of another model is in a batch")
        }
    }

    /// Continues several generations by one token each, with one pass for all of them. Prompts that are still to be
    /// processed are processed first, one after the other.
    ///
    /// - Parameter generations: Of different sessions of the decoder's model, at most ``maximumBatchSize``.
    /// - Returns: For each generation what its ``Generation/next()`` would have returned or thrown, but for cancellation: one
    ///   that can't go on doesn't hold the others up.
    /// - Throws: As ``decode(_:in:)``. All generations can be asked again, and none loses a token.
    public func next(
        for generations: [Generation]
    ) throws(SessionError) -> [Result<GeneratedToken?, SessionError>] {
        try check(generations.map(\.session))
        var failures: [Int: SessionError] = [:]
        var waiting: [(generation: Generation, token: Int)] = []
        for (index, generation) in generations.enumerated() {
            do throws(SessionError) {
                while try generation.prefillStep() {}
                if let token = generation.tokenToDecode() { waiting.append((generation, token)) }
            } catch {
                if case .cancelled = error { throw error }
                failures[index] = error
            }
        }
        let start = ContinuousClock.now
        try decode(waiting.map(\.token), in: waiting.map(\.generation.session))
        let duration = ContinuousClock.now - start
        for (generation, _) in waiting { generation.didDecode(in: duration) }
        return generations.enumerated().map { index, generation in
            if let error = failures[index] { return .failure(error) }
            return Result { () throws(SessionError) in try generation.choose() }
        }
    }
}
