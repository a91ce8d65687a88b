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

    static func describe(_ configuration: ModelConfiguration) -> DecoderDescription {
        let hidden = configuration.hiddenSize
        let inside = configuration.intermediateSize
        let norms = NormForm(kind: .layer, hasBias: true)
        return DecoderDescription(
            configuration, names: DecoderNames(feedForwardNorm: nil, finalNorm: "final_layernorm"), norms: norms,
            blockOrder: .parallel, vocabularyBias: true
        ) { name in
            func linear(_ key: String, _ rowCount: Int, _ columnCount: Int) -> LinearDescription {
                LinearDescription(name + key, rowCount: rowCount, columnCount: columnCount, bias: true)
            }
            func headNorm(_ key: String) -> HeadNormDescription? {
                guard configuration.parts.headNorm else { return nil }
                return HeadNormDescription(norms: [
                    NormDescription(name + key, norms, count: configuration.headDimension, configuration)
                ])
            }
            return AttentionDescription(
                query: linear("q_proj", configuration.queryWidth, hidden),
                key: linear("k_proj", configuration.keyWidth, hidden),
                value: linear("v_proj", configuration.keyWidth, hidden),
                output: linear("dense", hidden, configuration.queryWidth), queryNorm: headNorm("q_layernorm"),
                keyNorm: headNorm("k_layernorm"))
        } feedForward: { name in
            .dense(
                up: LinearDescription(name + "fc1", rowCount: inside, columnCount: hidden, bias: true),
                down: LinearDescription(name + "fc2", rowCount: hidden, columnCount: inside, bias: true))
        }
    }
}
