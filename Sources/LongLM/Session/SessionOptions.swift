import SIMDKernels

/// How a session runs.
public struct SessionOptions: Sendable, Equatable {
    /// The positions that attention scores with.
    public var attention: AttentionMode
    /// Threads of the team, at least 1; nil: `OMP_NUM_THREADS` or the number of processors. The number doesn't change a
    /// bit of any result.
    public var threadCount: Int?
    /// The most tokens that the session may hold; nil: the model's context length, or what the attention mode extends
    /// it to. ReRoPE and Dual Chunk Attention extend it to any length, so with them a capacity must be given.
    ///
    /// A greater capacity is allowed, but the model then sees relative positions that it was never trained on.
    /// Frequencies that depend on a text's length are those of the capacity, unless ``frequencyLength`` is set.
    public var capacity: Int?
    /// How keys and values are stored. `CacheFormat.bfloat16` takes half the memory of `CacheFormat.float32` and
    /// `CacheFormat.int8` a little over a quarter, and decoding has less to read, but their last digits are lost. nil:
    /// what the model's precision suggests, bfloat16 for `Precision.bfloat16` and float32 otherwise. With a bfloat16
    /// model and cache, scores and weighted values are bfloat16 products too.
    public var cacheFormat: CacheFormat?
    /// The length of text for which frequencies are computed that depend on it
    /// (``RotaryScaling/dynamic(factor:contextLength:)``, ``RotaryScaling/longRoPE(_:)``); nil: ``capacity``. Sessions of
    /// different capacities give the same bits if this is the same. It lies between 1 and the greatest capacity of a session.
    /// Other values are refused with ``SessionError/invalidOption(_:)``.
    public var frequencyLength: Int?
    /// The most tokens of one pass of the session's own, between 1 and 512. Its activations take memory for that many, so
    /// a session whose passes are those of a ``Batch`` needs little with 1. The number doesn't change a bit of any result.
    /// Other values are refused with ``SessionError/invalidOption(_:)``.
    public var rowLimit = Session.maximumPassRowCount

    /// Options; the defaults are the plain model on all processors.
    public init(
        attention: AttentionMode = .plain, threadCount: Int? = nil, capacity: Int? = nil,
        cacheFormat: CacheFormat? = nil
    ) {
        self.attention = attention
        self.threadCount = threadCount
        self.capacity = capacity
        self.cacheFormat = cacheFormat
    }

    /// The capacity of a session with this model.
    func capacity(for model: LanguageModel) -> Int {
        if let capacity { return capacity }
        let trained = attention.capacity(contextLength: model.configuration.contextLength)
        return min(trained, Session.maximumCapacity)
    }

    /// How a session with this model stores keys and values.
    func cacheFormat(for model: LanguageModel) -> CacheFormat {
        cacheFormat ?? model.precision.defaultCacheFormat
    }

    /// What the options mean for a model.
    ///
    /// - Throws: ``SessionError`` if they don't suit the model.
    func resolved(for model: LanguageModel) throws(SessionError) -> SequenceOptions {
        do {
            try attention.validate(for: model.configuration)
        } catch { throw .attention(error) }
        let threadCount = try Session.checkedThreadCount(threadCount)
        if capacity == nil, attention.capacity(contextLength: model.configuration.contextLength) == .max {
            throw .invalidOption(
                InvalidOption("capacity", "missing", allowed: "given, because \(attention.title) reaches to any length")
            )
        }
        let capacity = capacity(for: model)
        try SessionOptions.check("capacity", capacity)
        if let frequencyLength { try SessionOptions.check("frequency length", frequencyLength) }
        guard (1...Session.maximumPassRowCount).contains(rowLimit) else {
            throw .invalidOption(
                InvalidOption("limit of rows", rowLimit, between: 1, and: Session.maximumPassRowCount))
        }
        return SequenceOptions(
            attention: attention, threadCount: threadCount, capacity: capacity, cacheFormat: cacheFormat(for: model),
            frequencyLength: frequencyLength ?? capacity, rowLimit: rowLimit)
    }

    /// Throws for a number of tokens that no session can have.
    static func check(_ name: String, _ length: Int) throws(SessionError) {
        guard (1...Session.maximumCapacity).contains(length) else {
            throw .invalidOption(InvalidOption(name, length, between: 1, and: Session.maximumCapacity))
        }
    }
}
