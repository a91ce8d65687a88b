import LongLM

/// The memory that a model takes for a text of some length, reckoned without loading it. Activations, some tens of
/// megabytes, come on top.
public struct MemoryNeed: Sendable, Equatable {
    /// The packed weights, in bytes: all matrices and vectors of the checkpoint, without padding.
    public let weightByteCount: Int
    /// Keys and values of all positions, in bytes.
    public let cacheByteCount: Int
    /// The ring of neighbor keys, in bytes; 0 in the plain mode.
    public let neighborRingByteCount: Int

    /// All of it, in bytes.
    public var totalByteCount: Int { weightByteCount + cacheByteCount + neighborRingByteCount }

    /// Reads the headers of a model directory.
    ///
    /// - Parameters:
    ///   - directory: The path.
    ///   - configuration: What its config.json says.
    ///   - length: Tokens, between 0 and 2²⁴.
    ///   - attention: From which positions attention takes its scores.
    ///   - precision: What products are computed in, which decides how matrices are stored.
    ///   - cacheFormat: How keys and values are kept: float32 or bfloat16; nil: what the precision suggests.
    /// - Throws: `SafetensorsError` when the checkpoint isn't valid.
    public init(
        directory: String, configuration: ModelConfiguration, length: Int, attention: AttentionMode,
        precision: Precision = .float32, cacheFormat: CacheFormat? = nil
    ) throws(SafetensorsError) {
        weightByteCount = try Checkpoint(directory: directory).files.flatMap(\.tensors).reduce(0) { sum, tensor in
            // A copy of a tied embedding isn't loaded.
            if configuration.tiesEmbeddings, tensor.name == "lm_head.weight" { return sum }
            // Vectors are widened to 32 bits, matrices stored as in the checkpoint unless products are of bfloat16.
            if tensor.shape.count < 2 { return sum + 4 * tensor.elementCount }
            return sum + (precision == .bfloat16 ? 2 * tensor.elementCount : tensor.byteCount)
        }
        let cacheFormat = cacheFormat ?? (precision == .bfloat16 ? .bfloat16 : .float32)
        cacheByteCount = configuration.cacheByteCount(length: length, cacheFormat: cacheFormat)
        neighborRingByteCount =
            configuration.cacheByteCount(
                length: length, neighborWindow: attention.neighborWindow, cacheFormat: cacheFormat) - cacheByteCount
    }
}
