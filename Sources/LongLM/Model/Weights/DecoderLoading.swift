import SIMDKernels

/// How a family's checkpoints name the tensors of a decoder; Llama's names unless said otherwise.
struct DecoderNames {
    /// What stands before all names but that of the vocabulary projection. Checkpoints without it exist too.
    var stem = "model."
    var embedding = "embed_tokens"
    var attentionNorm = "input_layernorm"
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

extension WeightLoader {
    /// Takes the weights of a decoder.
    ///
    /// - Parameters:
    ///   - names: How its tensors are named.
    ///   - norms: The form of its normalisations.
    ///   - vocabularyBias: Whether the projection onto the vocabulary has a bias.
    ///   - blockOrder: How attention and the feed-forward block of a layer follow each other. The sequential order needs
    ///     a norm before the second block.
    ///   - attention: Takes the projections of one layer's attention, whose names begin with the string; nil: in Llama's
    ///     form.
    ///   - feedForward: Takes one layer's feed-forward block; nil: in Llama's form.
    func decoder(
        _ configuration: ModelConfiguration, names: DecoderNames = DecoderNames(),
        norms: NormForm = NormForm(kind: .rootMeanSquare), vocabularyBias: Bool = false,
        blockOrder: BlockOrder = .sequential,
        attention takeAttention: ((String) throws(ModelError) -> AttentionWeights)? = nil,
        feedForward takeFeedForward: ((String) throws(ModelError) -> FeedForwardBlock)? = nil
    ) throws(ModelError) -> DecoderWeights {
        precondition(
            blockOrder == .parallel || names.feedForwardNorm != nil, "the second block reads what the first one wrote")
        let hidden = configuration.hiddenSize
        let stem = contains(names.stem + names.embedding + ".weight") ? names.stem : stemless(names)
        func norm(_ name: String?) throws(ModelError) -> Norm? {
            guard let name else { return nil }
            return try self.norm(name, norms, count: hidden, configuration)
        }
        let embedding = try matrix(
            stem + names.embedding + ".weight", rowCount: configuration.vocabularySize, columnCount: hidden)
        var layers: [DecoderLayer] = []
        for index in 0..<configuration.layerCount {
            let name = "\(stem)layers.\(index)."
            let attention =
                if let takeAttention { try takeAttention(name + names.attention) } else {
                    try self.attention(name + names.attention, configuration, norms: norms)
                }
            precondition(
                attention.query.weight.rowCount == configuration.queryWidth
                    && attention.key.weight.rowCount == configuration.keyWidth
                    && attention.value.weight.rowCount == configuration.keyWidth,
                "a family's projections are as wide as its heads")
            let feedForward =
                if let takeFeedForward { try takeFeedForward(name + names.feedForward) } else {
                    FeedForwardBlock.dense(try gatedFeedForward(name + names.feedForward, configuration))
                }
            layers.append(
                DecoderLayer(
                    attentionNorm: try self.norm(name + names.attentionNorm, norms, count: hidden, configuration),
                    attention: attention,
                    feedForwardNorm: try norm(names.feedForwardNorm.map { name + $0 }),
                    feedForward: feedForward,
                    attentionOutputNorm: try norm(names.attentionOutputNorm.map { name + $0 }),
                    feedForwardOutputNorm: try norm(names.feedForwardOutputNorm.map { name + $0 })))
        }
        let finalNorm = try self.norm(stem + names.finalNorm, norms, count: hidden, configuration)
        let projection =
            configuration.tiesEmbeddings
            ? Linear(
                weight: embedding,
                bias: vocabularyBias
                    ? try vector(names.vocabulary + ".bias", count: configuration.vocabularySize) : nil)
            : try linear(
                names.vocabulary, rowCount: configuration.vocabularySize, columnCount: hidden, bias: vocabularyBias)
        try finishLoading { name in
            // Old checkpoints store what follows from config.json: rotary frequencies and causal masks. Some have a copy
            // of a tied embedding.
            name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".attention.bias")
                || name.hasSuffix(".attention.masked_bias")
                || configuration.tiesEmbeddings && name == names.vocabulary + ".weight"
        }
        return DecoderWeights(
            embedding: embedding, layers: layers, finalNorm: finalNorm, vocabularyProjection: projection,
            blockOrder: blockOrder)
    }

    /// The stem of a checkpoint that has none. An absent embedding is reported by its usual name.
    private func stemless(_ names: DecoderNames) -> String {
        contains(names.embedding + ".weight") ? "" : names.stem
    }

    /// `name.weight` and, if the form has one, `name.bias`.
    func norm(
        _ name: String, _ form: NormForm, count: Int, _ configuration: ModelConfiguration
    ) throws(ModelError) -> Norm {
        let weight = try vector(name + ".weight", count: count)
        if form.weightOffset != 0 {
            for index in 0..<count { weight.floats[index] += form.weightOffset }
        }
        return Norm(
            kind: form.kind, weight: weight, bias: form.hasBias ? try vector(name + ".bias", count: count) : nil,
            epsilon: configuration.normEpsilon)
    }

    /// `name.weight` and, if there is one, `name.bias`.
    func linear(
        _ name: String, rowCount: Int, columnCount: Int, bias: Bool = false
    ) throws(ModelError) -> Linear {
        Linear(
            weight: try matrix(name + ".weight", rowCount: rowCount, columnCount: columnCount),
            bias: bias ? try vector(name + ".bias", count: rowCount) : nil)
    }

    /// Attention in Llama's form, with the biases and the normalised heads that the configuration asks for.
    func attention(
        _ name: String, _ configuration: ModelConfiguration, norms: NormForm? = nil
    ) throws(ModelError) -> AttentionWeights {
        let hidden = configuration.hiddenSize
        let hasBias = configuration.parts.attentionBias
        var attention = AttentionWeights(
            query: try linear(
                name + "q_proj", rowCount: configuration.queryWidth, columnCount: hidden, bias: hasBias),
            key: try linear(name + "k_proj", rowCount: configuration.keyWidth, columnCount: hidden, bias: hasBias),
            value: try linear(name + "v_proj", rowCount: configuration.keyWidth, columnCount: hidden, bias: hasBias),
            output: try linear(
                name + "o_proj", rowCount: hidden, columnCount: configuration.queryWidth,
                bias: configuration.parts.attentionOutputBias))
        if let norms, configuration.parts.headNorm {
            attention.queryNorm = HeadNorm(norms: [
                try norm(name + "q_norm", norms, count: configuration.headDimension, configuration)
            ])
            attention.keyNorm = HeadNorm(norms: [
                try norm(name + "k_norm", norms, count: configuration.headDimension, configuration)
            ])
        }
        return attention
    }

    /// A gated feed-forward block in Llama's form.
    func gatedFeedForward(_ name: String, _ configuration: ModelConfiguration) throws(ModelError) -> DenseFeedForward {
        let hidden = configuration.hiddenSize
        let inside = configuration.intermediateSize
        let hasBias = configuration.parts.feedForwardBias
        return DenseFeedForward(
            gate: try linear(name + "gate_proj", rowCount: inside, columnCount: hidden, bias: hasBias),
            up: try linear(name + "up_proj", rowCount: inside, columnCount: hidden, bias: hasBias),
            down: try linear(name + "down_proj", rowCount: hidden, columnCount: inside, bias: hasBias))
    }
}
