import LongLM

/// The memory that a model takes for a text of some length, known without loading the model. Activations, some tens of
/// megabytes, come on top.
public struct MemoryNeed: Sendable, Equatable {
    /// The packed weights, in bytes: exactly what the loaded model's `weightByteCount` will be.
    public let weightByteCount: Int
    /// Keys and values of all positions, in bytes.
    public let cacheByteCount: Int
    /// The ring of neighbor keys, in bytes; 0 in the plain mode.
    public let neighborRingByteCount: Int

    /// All of it, in bytes.
    public var totalByteCount: Int { weightByteCount + cacheByteCount + neighborRingByteCount }

    /// Reads the configuration and the headers of a model.
    ///
    /// - Parameters:
    ///   - directory: The path of the model's directory, or of a GGUF file.
    ///   - length: Tokens, between 0 and 2²⁴.
    ///   - attention: The positions between which attention scores keys.
    ///   - precision: The arithmetic of products, which decides how matrices are stored.
    ///   - weightFormat: The format that matrices are rounded to, as in `LoadOptions`; nil: as in the checkpoint.
    ///   - cacheFormat: How keys and values are stored; nil: `Precision.defaultCacheFormat`.
    /// - Throws: `ModelError` when there is no model that can be run, or numbers can't be rounded to `weightFormat`.
    public init(
        directory: String, length: Int, attention: AttentionMode, precision: Precision = .float32,
        weightFormat: WeightFormat? = nil, cacheFormat: CacheFormat? = nil
    ) throws(ModelError) {
        let checkpoint = try ModelCheckpoint(path: directory)
        let options = LoadOptions(precision: precision, weightFormat: weightFormat)
        self.init(
            weightByteCount: try checkpoint.weightPlan(options).byteCount, checkpoint.configuration, length: length,
            attention: attention, cacheFormat: cacheFormat ?? precision.defaultCacheFormat)
    }

    init(
        weightByteCount: Int, _ configuration: ModelConfiguration, length: Int, attention: AttentionMode,
        cacheFormat: CacheFormat
    ) {
        self.weightByteCount = weightByteCount
        cacheByteCount = configuration.cacheByteCount(length: length, cacheFormat: cacheFormat)
        // Settings that no session accepts have some need, too.
        let window = attention.method.ringWindow.map { max($0, 1) }
        neighborRingByteCount =
            configuration.cacheByteCount(length: length, neighborWindow: window, cacheFormat: cacheFormat)
            - cacheByteCount
    }
}
