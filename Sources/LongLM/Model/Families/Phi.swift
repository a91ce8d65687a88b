/// Phi-1, 1.5 and 2 (Li et al., 2023): layer normalisation, attention and feed-forward block side by side, partial
/// rotation, biases everywhere.
enum Phi: Family {
    static let modelType = "phi"
    static let defaults = FamilyDefaults(
        normEpsilonKey: "layer_norm_eps", normEpsilon: 1e-5, activation: .geluTanh,
        partialRotaryKey: "partial_rotary_factor", partialRotaryFactor: 0.5)

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        configuration.parts.headNorm = try reader.bool("qk_layernorm") ?? false
    }

    static func load(
        _ configuration: ModelConfiguration, _ weights: WeightLoader
    ) throws(ModelError) -> DecoderWeights {
        let hidden = configuration.hiddenSize
        let inside = configuration.intermediateSize
        let norms = NormForm(kind: .layer, hasBias: true)
        return try weights.decoder(
            configuration, names: DecoderNames(feedForwardNorm: nil, finalNorm: "final_layernorm"), norms: norms,
            vocabularyBias: true, blockOrder: .parallel
        ) { name throws(ModelError) in
            func headNorm(_ key: String) throws(ModelError) -> HeadNorm? {
                guard configuration.parts.headNorm else { return nil }
                return HeadNorm(norms: [
                    try weights.norm(name + key, norms, count: configuration.headDimension, configuration)
                ])
            }
            return AttentionWeights(
                query: try weights.linear(
                    name + "q_proj", rowCount: configuration.queryWidth, columnCount: hidden, bias: true),
                key: try weights.linear(
                    name + "k_proj", rowCount: configuration.keyWidth, columnCount: hidden, bias: true),
                value: try weights.linear(
                    name + "v_proj", rowCount: configuration.keyWidth, columnCount: hidden, bias: true),
                output: try weights.linear(
                    name + "dense", rowCount: hidden, columnCount: configuration.queryWidth, bias: true),
                queryNorm: try headNorm("q_layernorm"), keyNorm: try headNorm("k_layernorm"))
        } feedForward: { name throws(ModelError) in
            .dense(
                DenseFeedForward(
                    gate: nil, up: try weights.linear(name + "fc1", rowCount: inside, columnCount: hidden, bias: true),
                    down: try weights.linear(name + "fc2", rowCount: hidden, columnCount: inside, bias: true)))
        }
    }
}
