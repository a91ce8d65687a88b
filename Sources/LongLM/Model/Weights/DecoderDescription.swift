import SIMDKernels

/// The names and sizes of everything that a decoder consists of.
typealias DescribedDecoder = DecoderParts<MatrixDescription, VectorDescription>
typealias LinearDescription = DescribedDecoder.Linear
typealias NormDescription = DescribedDecoder.Norm
typealias HeadNormDescription = DescribedDecoder.HeadNorm
typealias AttentionDescription = DescribedDecoder.Attention
typealias FeedForwardDescription = DescribedDecoder.FeedForward

/// What a family says of a model's weights: a value made from the configuration alone, before any checkpoint is looked at.
struct DecoderDescription {
    let decoder: DescribedDecoder
    /// How its tensors are named.
    let names: DecoderNames

    /// Describes a decoder.
    ///
    /// - Parameters:
    ///   - names: How its tensors are named.
    ///   - norms: The form of its normalisations.
    ///   - blockOrder: How the blocks of a layer follow each other.
    ///   - vocabularyBias: Whether the projection onto the vocabulary has a bias.
    ///   - attention: Describes the attention block of a layer, whose tensors' names begin with the string; nil: it has
    ///     Llama's form.
    ///   - feedForward: Describes the feed-forward block of a layer in the same way; nil: it has Llama's form.
    init(
        _ configuration: ModelConfiguration, names: DecoderNames = DecoderNames(),
        norms: NormForm = NormForm(kind: .rootMeanSquare), blockOrder: BlockOrder = .sequential,
        vocabularyBias: Bool = false, attention: ((String) -> AttentionDescription)? = nil,
        feedForward: ((String) -> FeedForwardDescription)? = nil
    ) {
        precondition(
            blockOrder == .parallel || names.feedForwardNorm != nil, "the second block reads what the first one wrote")
        self.names = names
        let hidden = configuration.hiddenSize
        func norm(_ name: String) -> NormDescription {
            NormDescription(name, norms, count: hidden, configuration)
        }
        func layer(_ index: Int) -> DescribedDecoder.Layer {
            let name = "\(names.stem)layers.\(index)."
            let attention =
                attention?(name + names.attention)
                ?? AttentionDescription(name + names.attention, configuration, norms: norms)
            precondition(
                attention.query.weight.rowCount == configuration.queryWidth
                    && attention.key.weight.rowCount == configuration.keyWidth
                    && attention.value.weight.rowCount == configuration.keyWidth,
                "a family's projections are as wide as its heads")
            return DescribedDecoder.Layer(
                attentionNorm: norm(name + names.attentionNorm), attention: attention,
                feedForwardNorm: names.feedForwardNorm.map { norm(name + $0) },
                feedForward: feedForward?(name + names.feedForward)
                    ?? .gated(name + names.feedForward, configuration),
                attentionOutputNorm: names.attentionOutputNorm.map { norm(name + $0) },
                feedForwardOutputNorm: names.feedForwardOutputNorm.map { norm(name + $0) })
        }
        let vocabulary = LinearDescription(
            names.vocabulary, rowCount: configuration.vocabularySize, columnCount: hidden, bias: vocabularyBias)
        decoder = DescribedDecoder(
            blockOrder: blockOrder,
            embedding: MatrixDescription(
                names.stem + names.embedding + ".weight", rowCount: configuration.vocabularySize, columnCount: hidden),
            layers: (0..<configuration.layerCount).map(layer), finalNorm: norm(names.stem + names.finalNorm),
            untiedVocabulary: configuration.tiesEmbeddings ? nil : vocabulary.weight, vocabularyBias: vocabulary.bias)
    }
}

/// How a family's checkpoints name the tensors of a decoder. The defaults are Llama's names.
struct DecoderNames {
    /// What all names begin with but those of the vocabulary projection. Some checkpoints leave it out.
    var stem = "model."
    var embedding = "embed_tokens"
    var attentionNorm = "input_layernorm"
    /// nil: the feed-forward block reads what attention does.
    var feedForwardNorm: String? = "post_attention_layernorm"
    var attentionOutputNorm: String?
    var feedForwardOutputNorm: String?
    var attention = "self_attn."
    var feedForward = "mlp."
    var finalNorm = "norm"
    var vocabulary = "lm_head"
}

/// The form of a family's normalisations.
struct NormForm {
    let kind: Normalization.Kind
    var hasBias = false
    /// What is added to the weights of the checkpoint.
    var weightOffset: Float = 0
}

extension ModelConfiguration {
    /// Hq · D.
    var queryWidth: Int { queryHeadCount * headDimension }
    /// Hkv · D.
    var keyWidth: Int { keyValueHeadCount * headDimension }
}

extension LinearDescription {
    /// `name.weight` [rowCount, columnCount] and, where there is a bias, `name.bias` [rowCount].
    init(_ name: String, rowCount: Int, columnCount: Int, bias: Bool = false) {
        self.init(
            weight: MatrixDescription(name + ".weight", rowCount: rowCount, columnCount: columnCount),
            bias: bias ? VectorDescription(name + ".bias", count: rowCount) : nil)
    }

    /// A projection of some of the rows of a fused one.
    func taking(_ rows: [Range<Int>]) -> LinearDescription {
        LinearDescription(weight: weight.taking(rows), bias: bias?.taking(rows))
    }
}

extension NormDescription {
    /// `name.weight` and, if the form has one, `name.bias`, each of `count` numbers.
    init(_ name: String, _ form: NormForm, count: Int, _ configuration: ModelConfiguration) {
        self.init(
            kind: form.kind, weight: VectorDescription(name + ".weight", count: count, addend: form.weightOffset),
            bias: form.hasBias ? VectorDescription(name + ".bias", count: count) : nil,
            epsilon: configuration.normEpsilon)
    }
}

extension AttentionDescription {
    /// Attention in Llama's form, with the biases that the configuration asks for.
    ///
    /// - Parameters:
    ///   - name: What the names of its tensors begin with.
    ///   - norms: The form of the normalised heads that the configuration may ask for; nil: they are left out.
    init(_ name: String, _ configuration: ModelConfiguration, norms: NormForm? = nil) {
        let hidden = configuration.hiddenSize
        let hasBias = configuration.parts.attentionBias
        self.init(
            query: LinearDescription(
                name + "q_proj", rowCount: configuration.queryWidth, columnCount: hidden, bias: hasBias),
            key: LinearDescription(
                name + "k_proj", rowCount: configuration.keyWidth, columnCount: hidden, bias: hasBias),
            value: LinearDescription(
                name + "v_proj", rowCount: configuration.keyWidth, columnCount: hidden, bias: hasBias),
            output: LinearDescription(
                name + "o_proj", rowCount: hidden, columnCount: configuration.queryWidth,
                bias: configuration.parts.attentionOutputBias))
        guard let norms, configuration.parts.headNorm else { return }
        func headNorm(_ key: String) -> HeadNormDescription {
            HeadNormDescription(norms: [
                NormDescription(name + key, norms, count: configuration.headDimension, configuration)
            ])
        }
        queryNorm = headNorm("q_norm")
        keyNorm = headNorm("k_norm")
    }
}

extension FeedForwardDescription {
    /// A gated feed-forward block in Llama's form.
    ///
    /// - Parameter name: What the names of its tensors begin with.
    static func gated(_ name: String, _ configuration: ModelConfiguration) -> FeedForwardDescription {
        let hidden = configuration.hiddenSize
        let inside = configuration.intermediateSize
        let hasBias = configuration.parts.feedForwardBias
        return dense(
            gate: LinearDescription(name + "gate_proj", rowCount: inside, columnCount: hidden, bias: hasBias),
            up: LinearDescription(name + "up_proj", rowCount: inside, columnCount: hidden, bias: hasBias),
            down: LinearDescription(name + "down_proj", rowCount: hidden, columnCount: inside, bias: hasBias))
    }

    /// One block for all tokens.
    static func dense(
        gate: LinearDescription? = nil, up: LinearDescription, down: LinearDescription
    ) -> FeedForwardDescription {
        .dense(DescribedDecoder.DenseFeedForward(gate: gate, up: up, down: down))
    }
}
