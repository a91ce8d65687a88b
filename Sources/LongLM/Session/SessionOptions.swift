import SIMDKernels

/// How a session runs.
public struct SessionOptions: Sendable, Equatable {
    /// The positions that attention scores with.
    public var attention: AttentionMode
    /// Threads of the team, at least 1; nil: `OMP_NUM_THREADS` or the number of processors. The number doesn't change a
    /// bit of any result.
    public var threadCount: Int?
    /// The most tokens that the session may hold; nil: the model's context length, or what the attention mode extends
    /// it to. ReRoPE extends it to any length, so with ReRoPE a capacity must be given.
    ///
    /// A greater capacity is allowed, but the model then sees relative positions that it was never trained on.
    /// Frequencies that depend on a text's length (``RotaryScaling/dynamic(factor:contextLength:)``,
    /// ``RotaryScaling/longRoPE(_:)``) are those of the capacity.
    public var capacity: Int?
    /// How keys and values are stored. `CacheFormat.bfloat16` takes half the memory of `CacheFormat.float32` and
    /// `CacheFormat.int8` a little over a quarter, and decoding has less to read, but their last digits are lost. nil:
    /// what the model's precision suggests, bfloat16 for `Precision.bfloat16` and float32 otherwise. With a bfloat16
    /// model and cache, scores and weighted values are bfloat16 products too.
    public var cacheFormat: CacheFormat?

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
}
