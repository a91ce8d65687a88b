import SIMDKernels

/// Dual Chunk Attention: positions within chunks (An et al., 2024: arXiv 2402.17463, known as ChunkLlama).
///
/// A text is divided into chunks of s = C − W positions. A key stands at j mod s. A query meets the keys of its own chunk
/// from i mod s, those of the chunk before from min(i mod s + s, C), and older ones from min(2s − 1, C). So no text is too
/// long, but older keys have no true distances. Keys stand at one position only: there is one copy of them, and the memory is
/// the plain model's. If W is at most half of C, all distances within the first C tokens are the true ones.
///
/// Qwen2.5-1M's files name C and W (``ModelConfiguration/dualChunks``). vLLM also multiplies those models' queries by
/// 0.1 · ln(N/L) + 1 in texts of N tokens, where L is the trained context. That would let a token's logits depend on what
/// comes after it. This factor, and the one in the newest code of the authors, are left out.
public struct DualChunkAttention: Sendable, Equatable {
    /// C: the farthest position of a query. Less than the model's context.
    public var chunkSize: Int
    /// W: at least so many of the last keys keep their true distances, whatever chunk they are in, if W is at most half of C.
    /// At least 1 and less than C.
    public var localSize: Int

    /// Dual Chunk Attention with the size of a chunk and of its local part.
    public init(chunkSize: Int, localSize: Int) {
        self.chunkSize = chunkSize
        self.localSize = localSize
    }

    /// s: the positions of a chunk.
    private var chunkLength: Int { chunkSize &- localSize }
}

extension DualChunkAttention: NamedMethod {
    package var zones: [AttentionZone] {
        [
            AttentionZone(from: .beginning), AttentionZone(from: .chunk(length: chunkLength, before: 1)),
            AttentionZone(from: .chunk(length: chunkLength)),
        ]
    }

    package func queryPosition(_ position: Int, zone: Int, pairBlock: Int) -> Float {
        let place = position % chunkLength
        return switch zone {
        case 0: Float(min(2 * chunkLength - 1, chunkSize))
        case 1: Float(min(place + chunkLength, chunkSize))
        default: Float(place)
        }
    }

    package func keyPosition(_ position: Int, pairBlock: Int) -> Float { Float(position % chunkLength) }

    package func capacity(contextLength: Int) -> Int { .max }

    package func validate(contextLength: Int) throws(AttentionError) {
        try validateWindow(chunkSize, name: "chunk size", contextLength: contextLength)
        guard localSize >= 1, localSize < chunkSize else {
            throw .invalidOption(
                InvalidOption(
                    "local size", localSize, allowed: "at least 1 and less than the chunk size of \(chunkSize)"))
        }
    }

    package static var name: String { "dca" }
    package static var title: String { "Dual Chunk Attention" }
    package static var form: String { "dca:C:W, such as dca:6144:1024" }
    package var mode: AttentionMode { .dualChunk(self) }
    package var settings: String { "\(chunkSize):\(localSize)" }

    package init?(_ settings: inout SettingsReader) {
        guard let chunk = settings.integer(), let local = settings.integer() else { return nil }
        self.init(chunkSize: chunk, localSize: local)
    }

    /// `dual_chunk_attention_config`, unless its chunks are longer than the training's texts.
    package static func published(for model: ModelConfiguration, trainedContext: Int) -> DualChunkAttention? {
        guard let sizes = model.dualChunks, sizes.chunkSize <= trainedContext else { return nil }
        return DualChunkAttention(chunkSize: sizes.chunkSize, localSize: sizes.localSize)
    }

    /// The authors' parts of the context: C is three quarters of it, and W an eighth.
    package static func recommended(length: Int, trainedContext: Int) -> DualChunkAttention {
        // In a context of fewer than four positions there is no room for either.
        let chunk = max(2, trainedContext * 3 / 4)
        return DualChunkAttention(chunkSize: chunk, localSize: max(1, min(trainedContext / 8, chunk - 1)))
    }
}
