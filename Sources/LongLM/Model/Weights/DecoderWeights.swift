import SIMDKernels

/// The weights of a decoder: what all families have, with the parts that some lack left out.
struct DecoderWeights {
    let embedding: PackedMatrix
    let layers: [DecoderLayer]
    let finalNorm: Norm
    let vocabularyProjection: Linear
    let blockOrder: BlockOrder

    /// The bytes of which a forward pass reads single rows only.
    var lookupByteCount: Int { embedding === vocabularyProjection.weight ? 0 : embedding.byteCount }
}

/// How the two blocks of a layer follow each other.
enum BlockOrder {
    /// The feed-forward block reads the stream after attention was added to it.
    case sequential
    /// Both blocks read the same stream, and both are added to it.
    case parallel
}

/// The weights of one layer.
struct DecoderLayer {
    let attentionNorm: Norm
    let attention: AttentionWeights
    /// nil where the feed-forward block reads what attention does.
    let feedForwardNorm: Norm?
    let feedForward: FeedForwardBlock
    /// What attention adds to the stream is normalised by this first.
    let attentionOutputNorm: Norm?
    /// What the feed-forward block adds to the stream is normalised by this first.
    let feedForwardOutputNorm: Norm?
}

/// A projection: x · weightᵀ + bias.
struct Linear {
    let weight: PackedMatrix
    var bias: AlignedBuffer?
}

/// A normalisation with its weights.
struct Norm {
    let kind: Normalization.Kind
    let weight: AlignedBuffer
    let bias: AlignedBuffer?
    let epsilon: Float

    /// As the kernels take it.
    var normalization: Normalization {
        Normalization(kind, weight: weight.floats, bias: bias.map { UnsafePointer($0.floats) }, epsilon: epsilon)
    }
}

/// A normalisation of single heads: one for all, or one for each.
struct HeadNorm {
    let norms: [Norm]
}

/// The projections of an attention block.
struct AttentionWeights {
    let query: Linear
    let key: Linear
    let value: Linear
    let output: Linear
    var queryNorm: HeadNorm?
    var keyNorm: HeadNorm?
}

/// A feed-forward block.
enum FeedForwardBlock {
    case dense(DenseFeedForward)
}

/// One network for all rows: down(activation(gate(x)) · up(x)), or down(activation(up(x))) without a gate.
struct DenseFeedForward {
    let gate: Linear?
    let up: Linear
    let down: Linear
}
