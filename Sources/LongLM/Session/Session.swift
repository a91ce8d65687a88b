import SIMDKernels

/// How a session runs.
public struct SessionOptions: Sendable, Equatable {
    /// From which positions attention takes its scores.
    public var attention: AttentionMode
    /// Threads of the team, at least 1; nil: `OMP_NUM_THREADS` or the number of processors. It shows in no bit of any
    /// result.
    public var threadCount: Int?
    /// The most positions; nil: the model's context, or what the attention mode extends it to. ReRoPE has no such limit
    /// and must be given one.
    ///
    /// More than that is allowed and computed as asked, but the model then sees relative positions that it was never
    /// trained on. Frequencies that depend on a text's length (``RotaryScaling/dynamic(factor:contextLength:)``,
    /// ``RotaryScaling/longRoPE(_:)``) are those of this length.
    public var maximumLength: Int?
    /// How keys and values are kept: ``ElementType/float32``, or ``ElementType/bfloat16`` for half the memory and less
    /// to read in decoding, at the cost of their last digits. nil: what the model's precision suggests, bfloat16 for
    /// ``Precision/bfloat16`` and float32 otherwise. With a bfloat16 model, scores and weighted values are bfloat16
    /// products too, unless the cache is float32.
    public var cacheType: ElementType?

    /// Options; the defaults are the plain model on all processors.
    public init(
        attention: AttentionMode = .plain, threadCount: Int? = nil, maximumLength: Int? = nil,
        cacheType: ElementType? = nil
    ) {
        self.attention = attention
        self.threadCount = threadCount
        self.maximumLength = maximumLength
        self.cacheType = cacheType
    }
}

/// One text in the making: the cached keys and values of its tokens, and the logits of the last.
///
/// The logits' bits depend on the tokens, the attention mode, the precision and the cache's type alone: not on
/// the threads, on how a prefill was divided, or on whether a token came by prefill or decode; and in
/// ``Precision/float32`` they are the same on every instruction set with a fused multiply-add. That holds for finite
/// activations: weights that overflow them give NaN, where it may not.
///
/// A session is not `Sendable`: keep it in one task or actor, or send it on.
public final class Session {
    /// The model.
    public let model: LanguageModel
    /// From which positions attention takes its scores.
    public let attention: AttentionMode
    /// Threads of the team.
    public let threadCount: Int
    /// The most positions.
    public let capacity: Int
    /// How keys and values are kept.
    public var cacheType: ElementType { cache.shape.cacheType }
    /// How many tokens have been processed.
    public private(set) var position = 0
    /// The logits [V] of the last token; empty before the first prefill, and after one that was cancelled midway.
    /// While a prefill is under way they are still those of before.
    public private(set) var logits: [Float] = []

    /// The most tokens that are processed at once: a longer prefill is taken in steps of this many, and cancellation is
    /// looked at between them.
    public static var stepRowLimit: Int { Workspace.rowLimit }

    /// Positions beyond 2²⁴ have no exact 32-bit float.
    static let largestCapacity = 1 << 24

    /// Whether a prefill is under way, whose `progress` could ask for another.
    private var isProcessing = false
    private let cache: KeyValueCache
    private let job: ForwardJob

    /// An empty session.
    ///
    /// - Throws: ``SessionError`` when the options don't suit the model.
    public init(model: LanguageModel, options: SessionOptions = SessionOptions()) throws(SessionError) {
        let configuration = model.configuration
        try options.attention.validate(contextLength: configuration.contextLength)
        do {
            let defaultThreadCount = try Team.defaultThreadCount()
            threadCount = options.threadCount ?? defaultThreadCount
        } catch { throw .invalidOption("\(error)") }
        guard (1...1024).contains(threadCount) else {
            throw .invalidOption("\(threadCount) threads; there must be between 1 and 1024")
        }
        if case .reRoPE = options.attention, options.maximumLength == nil {
            throw .invalidOption("ReRoPE reaches to any length; say which with maximumLength")
        }
        let trained = options.attention.capacity(contextLength: configuration.contextLength)
        capacity = options.maximumLength ?? min(trained, Self.largestCapacity)
        guard (1...Self.largestCapacity).contains(capacity) else {
            throw .invalidOption("a length of \(capacity) tokens; it must be between 1 and \(Self.largestCapacity)")
        }
        let cacheType = options.cacheType ?? (model.precision == .bfloat16 ? .bfloat16 : .float32)
        guard cacheType != .float16 else {
            throw .invalidOption("a cache of float16 numbers; it must be of float32 or bfloat16")
        }
        self.model = model
        attention = options.attention
        let shape = configuration.attentionShape(cacheType: cacheType)
        cache = KeyValueCache(
            shape: shape, layerCount: configuration.layerCount, capacity: capacity,
            neighborWindow: options.attention.neighborWindow)
        let workspace = Workspace(configuration, shape: shape, capacity: capacity, threadCount: threadCount)
        job = ForwardJob(model, workspace, cache, attention, capacity: capacity)
    }

    /// A session at the same position as another, from which both go on by themselves.
    private init(forking other: Session) {
        model = other.model
        attention = other.attention
        threadCount = other.threadCount
        capacity = other.capacity
        position = other.position
        logits = other.logits
        cache = KeyValueCache(forking: other.cache)
        let workspace = Workspace(
            model.configuration, shape: cache.shape, capacity: capacity, threadCount: threadCount)
        job = ForwardJob(model, workspace, cache, attention, capacity: capacity)
    }

    /// A second session that has processed the same tokens, so that one beginning can be continued in several ways.
    ///
    /// The two share the keys and values of their common tokens, but for the last up to 512 positions and Self-Extend's
    /// ring of neighbor keys, of which each has its own; activations take memory of their own as well. What either does
    /// afterwards shows in no bit of the other, and each gives the bits of a session that processed all of its tokens.
    ///
    /// - Throws: ``SessionError/busy`` from within the progress of a prefill.
    public func fork() throws(SessionError) -> Session {
        guard !isProcessing else { throw .busy }
        return Session(forking: self)
    }

    /// The memory that keys and values take now, in bytes, those that a fork shares included.
    public var cacheByteCount: Int { cache.byteCount }

    /// Processes tokens; afterwards ``logits`` are those of the last.
    ///
    /// - Parameters:
    ///   - tokens: At least one.
    ///   - progress: Called after each step with how many of `tokens` have been processed. The session refuses further
    ///     work meanwhile.
    /// - Throws: ``SessionError`` before any work when a token doesn't exist or they don't all fit;
    ///   ``SessionError/cancelled(position:)`` between steps when the task is cancelled.
    public func prefill(_ tokens: [Int], progress: ((Int) -> Void)? = nil) throws(SessionError) {
        try tokens.withUnsafeBufferPointer { (tokens) throws(SessionError) in
            try check(tokens)
            // Not `logits` itself, at which `progress` may look.
            var last = [Float](repeating: 0, count: model.configuration.vocabularySize)
            try process(tokens, into: &last, wantsAll: false, progress)
            logits = last
        }
    }

    /// Processes tokens and returns the logits [tokens.count, V] of all of them, row by row.
    ///
    /// - Parameters:
    ///   - tokens: At least one.
    ///   - progress: Called after each step with how many of `tokens` have been processed.
    /// - Throws: ``SessionError``, as ``prefill(_:progress:)``.
    public func prefillAllLogits(
        _ tokens: [Int], progress: ((Int) -> Void)? = nil
    ) throws(SessionError) -> [Float] {
        try tokens.withUnsafeBufferPointer { (tokens) throws(SessionError) in
            try check(tokens)
            let vocabularySize = model.configuration.vocabularySize
            var all = [Float](repeating: 0, count: tokens.count * vocabularySize)
            try process(tokens, into: &all, wantsAll: true, progress)
            logits = Array(all.suffix(vocabularySize))
            return all
        }
    }

    /// Processes one token; afterwards ``logits`` are its. From the second call on it allocates no memory, as long as
    /// nobody else keeps ``logits`` and but for the cache's next 512 positions.
    ///
    /// - Throws: ``SessionError`` before any work when the token doesn't exist or doesn't fit.
    public func decode(_ token: Int) throws(SessionError) {
        try withUnsafePointer(to: token) { (pointer) throws(SessionError) in
            let tokens = UnsafeBufferPointer(start: pointer, count: 1)
            try check(tokens)
            // Before there are logits that are nobody's.
            if Task.isCancelled { throw .cancelled(position: position) }
            if logits.isEmpty { logits = Array(repeating: 0, count: model.configuration.vocabularySize) }
            try process(tokens, into: &logits, wantsAll: false, nil)
        }
    }

    private func check(_ tokens: UnsafeBufferPointer<Int>) throws(SessionError) {
        guard !isProcessing else { throw .busy }
        guard !tokens.isEmpty else { throw .noTokens }
        let vocabularySize = model.configuration.vocabularySize
        if let stranger = tokens.first(where: { !(0..<vocabularySize).contains($0) }) {
            throw .tokenOutOfRange(id: stranger, vocabularySize: vocabularySize)
        }
        guard tokens.count <= capacity - position else {
            throw .capacityExceeded(needed: position + tokens.count, capacity: capacity)
        }
    }

    /// Runs forward passes of bounded size over tokens that have been checked.
    ///
    /// - Parameter output: The logits [V] of the last token, or [tokens.count, V] of all.
    private func process(
        _ tokens: UnsafeBufferPointer<Int>, into output: inout [Float], wantsAll: Bool, _ progress: ((Int) -> Void)?
    ) throws(SessionError) {
        isProcessing = true
        defer { isProcessing = false }
        var done = 0
        while done < tokens.count {
            if Task.isCancelled {
                if done > 0 { logits = [] }
                throw .cancelled(position: position)
            }
            let count = min(Workspace.rowLimit, tokens.count - done)
            let isLast = done + count == tokens.count
            let logitRows = wantsAll ? 0..<count : isLast ? (count - 1)..<count : 0..<0
            let offset = wantsAll ? done * model.configuration.vocabularySize : 0
            cache.reserve(position..<(position + count))
            output.withUnsafeMutableBufferPointer { output in
                advance(
                    UnsafeBufferPointer(rebasing: tokens[done..<(done + count)]), logitRows: logitRows,
                    into: UnsafeMutableBufferPointer(rebasing: output[offset...]))
            }
            position += count
            done += count
            progress?(done)
        }
    }

    /// One forward pass.
    private func advance(
        _ tokens: UnsafeBufferPointer<Int>, logitRows: Range<Int>, into logits: UnsafeMutableBufferPointer<Float>
    ) {
        guard let destination = logits.baseAddress else { return }
        job.tokens = tokens
        job.firstPosition = position
        job.logitRows = logitRows
        job.logits = destination
        Team.run(job, threadCount: threadCount, instructionSet: model.instructionSet)
    }
}

/// The forward passes of a session as what a team runs. One object serves them all, so that none allocates memory.
private final class ForwardJob: TeamJob {
    private let model: LanguageModel
    private let workspace: Workspace
    private let cache: KeyValueCache
    private let attention: AttentionMode
    private let frequencies: RotaryFrequencies
    private let localFrequencies: RotaryFrequencies?
    var tokens = UnsafeBufferPointer<Int>(start: nil, count: 0)
    var firstPosition = 0
    var logitRows = 0..<0
    var logits: UnsafeMutablePointer<Float>?

    init(
        _ model: LanguageModel, _ workspace: Workspace, _ cache: KeyValueCache, _ attention: AttentionMode,
        capacity: Int
    ) {
        self.model = model
        self.workspace = workspace
        self.cache = cache
        self.attention = attention
        frequencies = model.configuration.rotary.frequencies(length: capacity)
        localFrequencies = model.configuration.localRotary?.frequencies(length: capacity)
    }

    func run(on worker: Worker) {
        guard let logits else { return }
        model.architecture.forward(
            ForwardPass(
                configuration: model.configuration, precision: model.precision, workspace: workspace, cache: cache,
                attention: attention, frequencies: frequencies, localFrequencies: localFrequencies, tokens: tokens,
                firstPosition: firstPosition, logitRows: logitRows, logits: logits, worker: worker))
    }
}

extension ModelConfiguration {
    /// The heads of the model's attention.
    func attentionShape(cacheType: ElementType) -> AttentionShape {
        AttentionShape(
            queryHeadCount: queryHeadCount, keyValueHeadCount: keyValueHeadCount, headDimension: headDimension,
            cacheType: cacheType)
    }

    /// The memory that a session's cache takes when it holds `length` positions, in bytes.
    ///
    /// - Parameters:
    ///   - length: Between 0 and 2²⁴.
    ///   - neighborWindow: W of Self-Extend, whose ring of neighbor keys is counted; nil: plain attention.
    ///   - cacheType: How keys and values are kept: float32 or bfloat16.
    public func cacheByteCount(
        length: Int, neighborWindow: Int? = nil, cacheType: ElementType = .float32
    ) -> Int {
        precondition((0...Session.largestCapacity).contains(length), "a length that a session can have")
        let attentionShape = attentionShape(cacheType: cacheType)
        let segments = AttentionShape.segmentCount(length: length) * attentionShape.segmentFloatCount
        let ring = neighborWindow.map { window in
            let panels = KeyValueCache.ringPanelCount(
                shape: attentionShape, capacity: length, neighborWindow: window)
            return attentionShape.ringFloatCount(panelCount: panels)
        }
        return layerCount * (segments + (ring ?? 0)) * MemoryLayout<Float>.stride
    }
}
