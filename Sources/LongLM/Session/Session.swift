import SIMDKernels

/// One text in progress: the cached keys and values of its tokens, and the logits of the last one.
///
/// The logits' bits depend only on the model, the tokens, the attention mode, the precision and the cache's format.
/// They don't depend on the number of threads, on how a prefill was divided, or on whether a token was processed by
/// prefill or decode. In `Precision.float32` they are the same on every instruction set with a fused multiply-add. All
/// of this holds for finite activations. If weights make activations overflow, the logits are NaN, and their bits may
/// differ.
///
/// A session is not `Sendable`: keep it in one task or actor, or send it to another.
public final class Session {
    /// The model.
    public let model: LanguageModel
    /// The positions that attention scores with.
    public var attention: AttentionMode { options.attention }
    /// Threads of the team.
    public var threadCount: Int { options.threadCount }
    /// The most tokens that the session may hold.
    public var capacity: Int { options.capacity }
    /// How keys and values are stored.
    public var cacheFormat: CacheFormat { options.cacheFormat }
    /// The most tokens of one pass of the session's own. A longer prefill takes several passes.
    public var rowLimit: Int { options.rowLimit }
    /// How the session runs.
    let options: SequenceOptions
    /// The tokens that have been processed.
    public private(set) var tokens: [Int] = []
    /// How often the tokens have changed.
    private(set) var changeCount = 0
    /// How many tokens have been processed.
    public var position: Int { tokens.count }
    /// The logits [V] of the last token. They are empty before the first prefill, after a prefill that was cancelled
    /// midway, after ``truncate(to:)`` and ``hiddenStates(of:progress:)``, and while a ``Batch`` has read only a part of a
    /// prompt. During a prefill, they are still the previous ones.
    public internal(set) var logits: [Float] = []

    /// The most tokens of one forward pass.
    public static var maximumPassRowCount: Int { Workspace.maximumRowCount }

    /// The greatest capacity.
    static let maximumCapacity = Positions.maximumCount

    /// Whether a prefill is under way. Its `progress` could ask for another.
    var isProcessing = false
    /// The most tokens that the session has ever held. Memory was taken for that many.
    private(set) var longestLength = 0
    /// The most tokens that one pass in ``workspace`` has ever had. Memory was taken for that many.
    private(set) var largestPass = 0
    private(set) var state: SequenceState
    var lookahead = Lookahead()
    let workspace: Workspace
    private let job: ForwardJob
    /// The memory that the session will take when it is full.
    let reservation: MemoryReservation
    var cache: KeyValueCache { state.cache }

    /// An empty session.
    ///
    /// It reserves the memory that it will need when it is full, and takes that memory as the text grows.
    ///
    /// - Throws: ``SessionError`` if the options don't suit the model, ``SessionError/memory(_:)`` if there is not
    ///   enough memory for a full session.
    public convenience init(
        model: LanguageModel, options: SessionOptions = SessionOptions()
    ) throws(SessionError) {
        try self.init(model, try options.resolved(for: model))
    }

    /// A session without tokens.
    ///
    /// - Parameters:
    ///   - options: How it runs; they suit the model.
    ///   - other: The cache to fork, of a session of the same heads; nil: an empty cache.
    ///   - length: How many positions of it are taken.
    private init(
        _ model: LanguageModel, _ options: SequenceOptions, forking other: KeyValueCache? = nil, length: Int = 0
    ) throws(SessionError) {
        self.model = model
        self.options = options
        let configuration = model.configuration
        let workspaceSizes = Workspace.Sizes(
            configuration, rowCount: min(options.rowLimit, options.capacity), threadCount: options.threadCount)
        reservation = try Self.reserve(model, options, workspaceByteCount: workspaceSizes.byteCount)
        workspace = Workspace(workspaceSizes)
        let size = KeyValueCache.Size(configuration, options)
        let cache =
            other.map { KeyValueCache(forking: $0, length: length, size: size) } ?? KeyValueCache(size)
        state = SequenceState(configuration, options, cache: cache)
        job = ForwardJob(model, workspace, threadCount: options.threadCount)
    }

    /// - Parameter count: Threads; nil: the default.
    static func checkedThreadCount(_ count: Int?) throws(SessionError) -> Int {
        do {
            return try Team.checkedThreadCount(count)
        } catch { throw .invalidOption(error) }
    }

    /// Replaces the session's tokens.
    ///
    /// - Parameters:
    ///   - cache: The new tokens' keys and values.
    ///   - logits: [V] of the last token; may be empty.
    func take(_ cache: KeyValueCache, tokens: [Int], logits: [Float]) {
        state = SequenceState(model.configuration, options, cache: cache)
        self.tokens = tokens
        self.logits = logits
        lookahead.removeAll()
        longestLength = tokens.count
        changeCount += 1
        noteMemory()
    }

    /// A second session with the same tokens, so that one beginning can be continued in several ways.
    ///
    /// The two share the keys and values of their common tokens. Each has its own activations, its own ring of neighbor
    /// keys, and its own copy of up to 512 of the last positions. What one does afterwards doesn't change a bit of the
    /// other. Each gives the bits of a session that processed all of its tokens itself. Different tasks may use the two
    /// at the same time.
    ///
    /// - Throws: ``SessionError/memory(_:)`` if there is not enough for another session of this capacity,
    ///   ``SessionError/busy`` if it is called from a prefill's `progress`.
    public func fork() throws(SessionError) -> sending Session { try fork(position, options) }

    /// A second session with the first tokens of this one and a capacity of its own. Otherwise, it is as ``fork()``
    /// describes. Frequencies that depend on a text's length stay those of this session, so that the bits are the same.
    ///
    /// - Parameters:
    ///   - length: How many tokens the fork has, as for ``truncate(to:)``. If they aren't all, it has no ``logits``.
    ///   - capacity: The most tokens that the fork may hold, at least `length`. It reserves memory for that many.
    /// - Throws: As ``fork()`` and ``truncate(to:)``, and ``SessionError/invalidOption(_:)`` for a capacity out of range.
    public func fork(keeping length: Int, capacity: Int) throws(SessionError) -> sending Session {
        var options = options
        options.capacity = capacity
        return try fork(length, options)
    }

    /// A fork with the first `length` tokens.
    ///
    /// - Parameter options: This session's, with any capacity and limit of rows.
    func fork(_ length: Int, _ options: SequenceOptions) throws(SessionError) -> sending Session {
        guard !isProcessing else { throw .busy }
        try checkTruncation(to: length)
        guard (max(1, length)...Self.maximumCapacity).contains(options.capacity) else {
            throw .invalidOption(
                InvalidOption("capacity", options.capacity, between: max(1, length), and: Self.maximumCapacity))
        }
        // The fork reserves all of its memory, since it may have to copy what is shared now, or keep it when this
        // session is gone.
        //
        // `nonisolated(unsafe)`: the two share only segments, and each writes only into segments that nobody else
        // refers to.
        nonisolated(unsafe) let fork = try Session(model, options, forking: cache, length: length)
        fork.tokens = Array(tokens[..<length])
        if length == position { fork.logits = logits }
        fork.longestLength = length
        fork.noteMemory()
        return fork
    }

    /// Forgets all tokens from position `length` on. What is processed afterwards gives the bits of a session that never
    /// saw them.
    ///
    /// With a neighbor window, the session keeps the neighbor keys of its last tokens only, and it can't compute others
    /// from far keys. So it can't be shortened to less than ``earliestTruncation``, except to 0. To keep fewer tokens
    /// than that, truncate to 0 and prefill them again.
    ///
    /// - Parameter length: Between 0 and ``position``. If it is less than ``position``, ``logits`` are empty
    ///   afterwards. To get the logits of the last of `n` tokens, truncate to `n - 1` and prefill that token again.
    /// - Throws: ``SessionError/cannotTruncate(to:earliest:)``, ``SessionError/invalidOption(_:)`` for a length out of
    ///   range, ``SessionError/busy`` if it is called from a prefill's `progress`.
    public func truncate(to length: Int) throws(SessionError) {
        guard !isProcessing else { throw .busy }
        try checkTruncation(to: length)
        if length == position { return }
        cache.truncate(to: length)
        lookahead.removeAll()
        tokens.removeLast(position - length)
        changeCount += 1
        logits = []
    }

    /// Throws for a length that the session can't be shortened to.
    private func checkTruncation(to length: Int) throws(SessionError) {
        guard (0...position).contains(length) else {
            throw .invalidOption(InvalidOption("number of tokens to keep", length, between: 0, and: position))
        }
        guard length == 0 || length == position || length >= earliestTruncation else {
            throw .cannotTruncate(to: length, earliest: earliestTruncation)
        }
    }

    /// The least length above 0 that ``truncate(to:)`` can shorten the session to. In the plain mode it is 0, since any
    /// length is possible. With a neighbor window, it is some 500 tokens before the end of the longest text that the
    /// session has held.
    public var earliestTruncation: Int {
        guard let window = attention.method.ringWindow, cache.earliestNeighborPosition > 0 else { return 0 }
        return min(position, cache.earliestNeighborPosition + window - 1)
    }

    /// Processes tokens. Afterwards, ``logits`` are those of the last one.
    ///
    /// - Parameters:
    ///   - tokens: At least one.
    ///   - progress: Called after each pass with how many of `tokens` have been processed. The session refuses other
    ///     work during the call.
    /// - Throws: ``SessionError`` before any work if a token doesn't exist or they don't all fit;
    ///   ``SessionError/cancelled(position:)`` if the task is cancelled, at most two layers of one pass later. The
    ///   session then holds the tokens of all complete passes.
    public func prefill(_ tokens: [Int], progress: ((Int) -> Void)? = nil) throws(SessionError) {
        try tokens.withUnsafeBufferPointer { (tokens) throws(SessionError) in
            try check(tokens)
            // Not `logits` itself, since `progress` may look at it.
            var last = [Float](repeating: 0, count: model.configuration.vocabularySize)
            try process(tokens, into: &last, wantsAll: false, progress)
            logits = last
        }
    }

    /// Processes tokens and returns the logits [tokens.count, V] of all of them, row by row.
    ///
    /// - Parameters:
    ///   - tokens: At least one. The memory of their logits is reserved during the call.
    ///   - progress: Called after each pass with how many of `tokens` have been processed.
    /// - Throws: ``SessionError``, as ``prefill(_:progress:)``, and ``SessionError/memory(_:)`` if there is not enough for the
    ///   logits.
    public func prefillAllLogits(
        _ tokens: [Int], progress: ((Int) -> Void)? = nil
    ) throws(SessionError) -> [Float] {
        try tokens.withUnsafeBufferPointer { (tokens) throws(SessionError) in
            try check(tokens)
            let vocabularySize = model.configuration.vocabularySize
            let reservation = try reserveMemory(
                tokens.count * vocabularySize * MemoryLayout<Float>.stride, for: .logits(tokenCount: tokens.count))
            defer { withExtendedLifetime(reservation) {} }
            var all = [Float](repeating: 0, count: tokens.count * vocabularySize)
            try process(tokens, into: &all, wantsAll: true, progress)
            logits = Array(all.suffix(vocabularySize))
            return all
        }
    }

    /// Processes one token. Afterwards, ``logits`` are those of this token.
    ///
    /// From the second call on, it allocates memory only for the next 512 positions of the cache, unless somebody else
    /// keeps ``logits``.
    ///
    /// - Throws: ``SessionError`` before any work if the token doesn't exist or doesn't fit;
    ///   ``SessionError/cancelled(position:)`` if the task is cancelled, at most two layers later. The session is then
    ///   as before. If the cancellation comes while the logits are computed, only the next call sees it.
    public func decode(_ token: Int) throws(SessionError) {
        try withUnsafePointer(to: token) { (pointer) throws(SessionError) in
            let tokens = UnsafeBufferPointer(start: pointer, count: 1)
            try check(tokens)
            // Before the memory for logits is taken.
            if Task.isCancelled { throw .cancelled(position: position) }
            let hadLogits = !logits.isEmpty
            if !hadLogits { logits = Array(repeating: 0, count: model.configuration.vocabularySize) }
            do throws(SessionError) {
                try process(tokens, into: &logits, wantsAll: false, nil)
            } catch {
                if !hadLogits { logits = [] }
                throw error
            }
        }
    }

    /// Throws for tokens that don't exist or don't fit.
    func check(_ tokens: UnsafeBufferPointer<Int>) throws(SessionError) {
        guard !isProcessing else { throw .busy }
        guard !tokens.isEmpty else { throw .noTokens }
        try checkVocabulary(tokens)
        guard tokens.count <= capacity - position else {
            throw .capacityExceeded(needed: position + tokens.count, capacity: capacity)
        }
    }

    /// Throws for tokens that don't exist.
    func checkVocabulary(_ tokens: some Sequence<Int>) throws(SessionError) {
        let vocabularySize = model.configuration.vocabularySize
        if let stranger = tokens.first(where: { !(0..<vocabularySize).contains($0) }) {
            throw .tokenOutOfRange(id: stranger, vocabularySize: vocabularySize)
        }
    }

    /// Processes tokens that have been checked.
    ///
    /// - Parameter output: The logits [V] of the last token, or [tokens.count, V] of all.
    private func process(
        _ tokens: UnsafeBufferPointer<Int>, into output: inout [Float], wantsAll: Bool, _ progress: ((Int) -> Void)?
    ) throws(SessionError) {
        try forEachPass(over: tokens, progress) { read in
            let isLast = read.upperBound == tokens.count
            let logitRows = wantsAll ? 0..<read.count : isLast ? (read.count - 1)..<read.count : 0..<0
            let offset = wantsAll ? read.lowerBound * model.configuration.vocabularySize : 0
            return output.withUnsafeMutableBufferPointer { output in
                advance(
                    UnsafeBufferPointer(rebasing: tokens[read]), logitRows: logitRows,
                    into: PassOutput(logits: output.baseAddress.map { $0 + offset }))
            }
        }
    }

    /// Processes tokens that have been checked, in forward passes of limited size.
    ///
    /// - Parameters:
    ///   - progress: Called after each pass with how many of `tokens` have been processed.
    ///   - run: Runs the pass over the next tokens, given by their places in `tokens`. Returns false when it was cancelled.
    func forEachPass(
        over tokens: UnsafeBufferPointer<Int>, _ progress: ((Int) -> Void)?, run: (Range<Int>) -> Bool
    ) throws(SessionError) {
        isProcessing = true
        defer { isProcessing = false }
        lookahead.removeAll()
        var done = 0
        while done < tokens.count {
            if Task.isCancelled {
                if done > 0 { logits = [] }
                throw .cancelled(position: position)
            }
            let read = done..<min(done + rowLimit, tokens.count)
            reserve(read.count, isAlone: true)
            guard run(read) else {
                if done > 0 { logits = [] }
                throw .cancelled(position: position)
            }
            self.tokens.append(contentsOf: tokens[read])
            changeCount += 1
            done = read.upperBound
            progress?(done)
        }
    }

    /// Records tokens that a batch has processed.
    ///
    /// - Parameter logits: [V] of the last token; empty if they are not wanted.
    func didProcess(_ tokens: ArraySlice<Int>, logits: UnsafeBufferPointer<Float>) {
        lookahead.removeAll()
        append(tokens, logits: logits)
    }

    /// Records tokens whose keys and values are in the cache.
    func append(_ tokens: ArraySlice<Int>, logits: UnsafeBufferPointer<Float>) {
        self.tokens.append(contentsOf: tokens)
        changeCount += 1
        if self.logits.count == logits.count {
            self.logits.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: logits) }
        } else {
            self.logits = Array(logits)
        }
    }

    /// Makes room for the next tokens.
    ///
    /// - Parameter isAlone: Whether the pass is the session's own, rather than a batch's.
    func reserve(_ count: Int, isAlone: Bool) {
        let end = position + count
        if tokens.capacity < end {
            tokens.reserveCapacity(Self.tokenByteCount(length: end) / MemoryLayout<Int>.stride)
        }
        let tookMemory = cache.reserve(position..<end)
        let isLargestPass = isAlone && count > largestPass
        longestLength = max(longestLength, end)
        if isLargestPass { largestPass = count }
        if tookMemory || isLargestPass { noteMemory() }
    }

    /// One forward pass over the next tokens; false when it was cancelled.
    ///
    /// - Parameter logitRows: The rows whose logits are wanted.
    func advance(_ tokens: UnsafeBufferPointer<Int>, logitRows: Range<Int>, into output: PassOutput) -> Bool {
        job.pass.add(state, tokens: tokens, firstPosition: position, logitRows: logitRows)
        return job.run(output)
    }
}
