import SIMDKernels

/// The Llama family (Llama 1 to 3, TinyLlama, SmolLM2): RMS normalisation, rotary grouped-query attention and a SwiGLU
/// feed-forward block, without biases.
struct LlamaModel: Architecture {
    private struct Layer {
        let attentionNorm: AlignedBuffer
        let queryProjection: PackedMatrix
        let keyProjection: PackedMatrix
        let valueProjection: PackedMatrix
        let outputProjection: PackedMatrix
        let feedForwardNorm: AlignedBuffer
        let gateProjection: PackedMatrix
        let upProjection: PackedMatrix
        let downProjection: PackedMatrix
    }

    private let embedding: PackedMatrix
    private let layers: [Layer]
    private let finalNorm: AlignedBuffer
    private let vocabularyProjection: PackedMatrix

    /// Takes the weights by their names in Hugging Face's checkpoints.
    init(_ configuration: ModelConfiguration, _ weights: WeightLoader) throws(ModelError) {
        let hidden = configuration.hiddenSize
        let intermediate = configuration.intermediateSize
        let queries = configuration.queryHeadCount * configuration.headDimension
        let keys = configuration.keyValueHeadCount * configuration.headDimension

        embedding = try weights.matrix(
            "model.embed_tokens.weight", rowCount: configuration.vocabularySize, columnCount: hidden)
        var layers: [Layer] = []
        for index in 0..<configuration.layerCount {
            let name = "model.layers.\(index)."
            layers.append(
                Layer(
                    attentionNorm: try weights.vector(name + "input_layernorm.weight", count: hidden),
                    queryProjection: try weights.matrix(
                        name + "self_attn.q_proj.weight", rowCount: queries, columnCount: hidden),
                    keyProjection: try weights.matrix(
                        name + "self_attn.k_proj.weight", rowCount: keys, columnCount: hidden),
                    valueProjection: try weights.matrix(
                        name + "self_attn.v_proj.weight", rowCount: keys, columnCount: hidden),
                    outputProjection: try weights.matrix(
                        name + "self_attn.o_proj.weight", rowCount: hidden, columnCount: queries),
                    feedForwardNorm: try weights.vector(name + "post_attention_layernorm.weight", count: hidden),
                    gateProjection: try weights.matrix(
                        name + "mlp.gate_proj.weight", rowCount: intermediate, columnCount: hidden),
                    upProjection: try weights.matrix(
                        name + "mlp.up_proj.weight", rowCount: intermediate, columnCount: hidden),
                    downProjection: try weights.matrix(
                        name + "mlp.down_proj.weight", rowCount: hidden, columnCount: intermediate)))
        }
        self.layers = layers
        finalNorm = try weights.vector("model.norm.weight", count: hidden)
        vocabularyProjection =
            configuration.tiesEmbeddings
            ? embedding
            : try weights.matrix("lm_head.weight", rowCount: configuration.vocabularySize, columnCount: hidden)
        // Old checkpoints store the rotary frequencies, which follow from config.json, and some a copy of a tied embedding.
        try weights.finishLoading { name in
            name.hasSuffix(".rotary_emb.inv_freq") || configuration.tiesEmbeddings && name == "lm_head.weight"
        }
    }

    var lookupByteCount: Int { embedding === vocabularyProjection ? 0 : embedding.byteCount }

    func forward(_ pass: ForwardPass) {
        pass.embed(embedding)
        for (index, layer) in layers.enumerated() {
            pass.normalize(layer.attentionNorm)
            pass.projectAttention(layer.queryProjection, layer.keyProjection, layer.valueProjection)
            pass.rotateAndCache(layer: index)
            pass.attend(layer: index)
            pass.projectAttended(layer.outputProjection)
            pass.normalize(layer.feedForwardNorm)
            pass.projectGated(layer.gateProjection, layer.upProjection)
            pass.projectDown(layer.downProjection)
        }
        pass.projectLogits(finalNorm, vocabularyProjection)
    }
}
