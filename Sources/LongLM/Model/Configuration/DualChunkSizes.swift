/// `dual_chunk_attention_config` of a config.json, as Qwen2.5-1M's have it.
public struct DualChunkSizes: Sendable, Equatable {
    /// `chunk_size`, which ``DualChunkAttention`` calls C.
    public let chunkSize: Int
    /// `local_size`, which ``DualChunkAttention`` calls W.
    public let localSize: Int
    /// The texts of the training: `original_max_position_embeddings`.
    public let originalContextLength: Int

    /// Reads the object; nil: the file has none. The object may also describe sparse attention, which
    /// only makes long prefills faster. That is not read.
    init?(_ reader: ConfigurationReader, contextLength: Int) throws(ModelError) {
        guard let sizes = try reader.object("dual_chunk_attention_config") else { return nil }
        chunkSize = try sizes.requiredSize("chunk_size")
        localSize = try sizes.requiredSize("local_size")
        originalContextLength = try sizes.size("original_max_position_embeddings") ?? contextLength
        guard localSize < chunkSize else {
            throw sizes.invalid("local_size", "is \(localSize); it must be less than chunk_size \(chunkSize)")
        }
        guard chunkSize < contextLength else {
            throw sizes.invalid(
                "chunk_size", "is \(chunkSize); it must be less than the \(contextLength) of max_position_embeddings")
        }
        guard originalContextLength >= 2 else {
            throw sizes.invalid(
                "original_max_position_embeddings", "is \(originalContextLength); it must be at least 2")
        }
    }
}
