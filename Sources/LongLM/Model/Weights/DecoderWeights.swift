import SIMDKernels

/// The packed weights of a decoder.
typealias DecoderWeights = DecoderParts<PackedMatrix, AlignedBuffer>
typealias DecoderLayer = DecoderWeights.Layer
typealias Linear = DecoderWeights.Linear
typealias Norm = DecoderWeights.Norm
typealias HeadNorm = DecoderWeights.HeadNorm
typealias AttentionWeights = DecoderWeights.Attention
typealias FeedForwardBlock = DecoderWeights.FeedForward
typealias DenseFeedForward = DecoderWeights.DenseFeedForward

extension DecoderWeights {
    /// The bytes of which a forward pass reads single rows only.
    var lookupByteCount: Int { untiedVocabulary == nil ? 0 : embedding.byteCount }
}

extension Norm {
    /// As the kernels take it.
    var normalization: Normalization {
        Normalization(kind, weight: weight.floats, bias: bias.map { UnsafePointer($0.floats) }, epsilon: epsilon)
    }
}
