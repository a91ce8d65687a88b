import SIMDKernels

/// What a decoder consists of, with the parts that some families lack left out.
///
/// The same shape serves three times, with something else in the place of a matrix and of a vector: a family describes
/// names and sizes (``DescribedDecoder``), a plan matches them with what a checkpoint holds (``PlannedDecoder``), and a
/// model has the packed numbers (``DecoderWeights``). ``map(matrix:vector:)`` leads from one to the next.
struct DecoderParts<Matrix: Sendable, Vector: Sendable>: Sendable {
    /// How the blocks of a layer follow each other.
    let blockOrder: BlockOrder
    /// [V, hidden].
    let embedding: Matrix
    let layers: [Layer]
    let finalNorm: Norm
    /// [V, hidden]; nil where the embedding also projects onto the vocabulary.
    let untiedVocabulary: Matrix?
    /// [V].
    let vocabularyBias: Vector?

    /// The projection onto the vocabulary.
    var vocabularyProjection: Linear { Linear(weight: untiedVocabulary ?? embedding, bias: vocabularyBias) }

    /// One layer.
    struct Layer: Sendable {
        let attentionNorm: Norm
        let attention: Attention
        /// nil where the feed-forward block reads what attention does.
        let feedForwardNorm: Norm?
        let feedForward: FeedForward
        /// Normalises what attention adds to the stream.
        let attentionOutputNorm: Norm?
        /// Normalises what the feed-forward block adds to the stream.
        let feedForwardOutputNorm: Norm?
    }

    /// A projection: x · weightᵀ + bias.
    struct Linear: Sendable {
        let weight: Matrix
        let bias: Vector?
    }

    /// A normalisation with its weights.
    struct Norm: Sendable {
        let kind: Normalization.Kind
        let weight: Vector
        let bias: Vector?
        let epsilon: Float
    }

    /// A normalisation of single heads: one for all, or one for each.
    struct HeadNorm: Sendable {
        let norms: [Norm]
    }

    /// An attention block: its projections, and the normalisations of queries and keys where a model has them.
    struct Attention: Sendable {
        let query: Linear
        let key: Linear
        let value: Linear
        let output: Linear
        var queryNorm: HeadNorm?
        var keyNorm: HeadNorm?
    }

    /// A feed-forward block of any kind.
    enum FeedForward: Sendable {
        /// One block for all tokens.
        case dense(DenseFeedForward)
    }

    /// A feed-forward block: down(activation(gate(x)) · up(x)), or down(activation(up(x))) without a gate.
    struct DenseFeedForward: Sendable {
        let gate: Linear?
        let up: Linear
        let down: Linear
    }
}

/// How the attention block and the feed-forward block of a layer follow each other.
enum BlockOrder: Sendable {
    /// Attention adds to the stream, and the feed-forward block reads the sum.
    case sequential
    /// Both blocks read the same stream, normalised once or each in its own way, and both are added to it.
    case parallel
}

extension DecoderParts {
    /// A decoder of the same shape with other matrices and vectors. They are made in one fixed order, which is also that
    /// in which weights lie in memory: from the embedding through the layers to the vocabulary.
    func map<NewMatrix, NewVector, Failure: Error>(
        matrix: (Matrix) throws(Failure) -> NewMatrix, vector: (Vector) throws(Failure) -> NewVector
    ) throws(Failure) -> DecoderParts<NewMatrix, NewVector> {
        typealias New = DecoderParts<NewMatrix, NewVector>
        func linear(_ old: Linear) throws(Failure) -> New.Linear {
            New.Linear(weight: try matrix(old.weight), bias: try old.bias.map(vector))
        }
        func norm(_ old: Norm) throws(Failure) -> New.Norm {
            New.Norm(
                kind: old.kind, weight: try vector(old.weight), bias: try old.bias.map(vector), epsilon: old.epsilon)
        }
        func headNorm(_ old: HeadNorm) throws(Failure) -> New.HeadNorm {
            New.HeadNorm(norms: try old.norms.map(norm))
        }
        func attention(_ old: Attention) throws(Failure) -> New.Attention {
            New.Attention(
                query: try linear(old.query), key: try linear(old.key), value: try linear(old.value),
                output: try linear(old.output), queryNorm: try old.queryNorm.map(headNorm),
                keyNorm: try old.keyNorm.map(headNorm))
        }
        func feedForward(_ old: FeedForward) throws(Failure) -> New.FeedForward {
            switch old {
            case .dense(let block):
                .dense(
                    New.DenseFeedForward(
                        gate: try block.gate.map(linear), up: try linear(block.up), down: try linear(block.down)))
            }
        }
        func layer(_ old: Layer) throws(Failure) -> New.Layer {
            New.Layer(
                attentionNorm: try norm(old.attentionNorm), attention: try attention(old.attention),
                feedForwardNorm: try old.feedForwardNorm.map(norm), feedForward: try feedForward(old.feedForward),
                attentionOutputNorm: try old.attentionOutputNorm.map(norm),
                feedForwardOutputNorm: try old.feedForwardOutputNorm.map(norm))
        }
        return New(
            blockOrder: blockOrder, embedding: try matrix(embedding), layers: try layers.map(layer),
            finalNorm: try norm(finalNorm), untiedVocabulary: try untiedVocabulary.map(matrix),
            vocabularyBias: try vocabularyBias.map(vector))
    }
}
