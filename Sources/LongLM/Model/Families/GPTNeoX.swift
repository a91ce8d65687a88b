/// GPT-NeoX and Pythia (Black et al., 2022): layer normalisation, partial rotation, biases everywhere, a plain feed-forward
/// block, which reads the same stream as attention unless the file says otherwise.
enum GPTNeoX: Family {
    static let modelType = "gpt_neox"
    static let defaults = FamilyDefaults(
        normEpsilonKey: "layer_norm_eps", normEpsilon: 1e-5, activation: .gelu, ropeThetaKey: "rotary_emb_base",
        newerRopeThetaKey: "rope_theta", partialRotaryKey: "rotary_pct",
        newerPartialRotaryKey: "partial_rotary_factor", partialRotaryFactor: 0.25)

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        guard configuration.keyValueHeadCount == configuration.queryHeadCount else {
            throw reader.invalid(
                "num_key_value_heads",
                "is \(configuration.keyValueHeadCount); this family has as many as num_attention_heads "
                    + "\(configuration.queryHeadCount)")
        }
        configuration.parts.attentionBias = try reader.bool("attention_bias") ?? true
        configuration.parts.parallelResidual = try reader.bool("use_parallel_residual") ?? true
    }

    static func describe(_ configuration: ModelConfiguration) -> DecoderDescription {
        let hidden = configuration.hiddenSize
        let inside = configuration.intermediateSize
        let hasBias = configuration.parts.attentionBias
        let names = DecoderNames(
            stem: "gpt_neox.", embedding: "embed_in", attention: "attention.", finalNorm: "final_layer_norm",
            vocabulary: "embed_out")
        return DecoderDescription(
            configuration, names: names, norms: NormForm(kind: .layer, hasBias: true),
            blockOrder: configuration.parts.parallelResidual ? .parallel : .sequential
        ) { name in
            let fused = LinearDescription(
                name + "query_key_value", rowCount: 3 * configuration.queryWidth, columnCount: hidden, bias: hasBias)
            // Rows are ordered by head, and then by query, key and value.
            func part(_ index: Int) -> LinearDescription {
                let dimension = configuration.headDimension
                return fused.taking(
                    (0..<configuration.queryHeadCount).map { head in
                        let first = (3 * head + index) * dimension
                        return first..<(first + dimension)
                    })
            }
            return AttentionDescription(
                query: part(0), key: part(1), value: part(2),
                output: LinearDescription(
                    name + "dense", rowCount: hidden, columnCount: configuration.queryWidth, bias: hasBias))
        } feedForward: { name in
            .dense(
                up: LinearDescription(name + "dense_h_to_4h", rowCount: inside, columnCount: hidden, bias: true),
                down: LinearDescription(name + "dense_4h_to_h", rowCount: hidden, columnCount: inside, bias: true))
        }
    }
}
