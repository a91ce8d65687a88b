/// StableLM 3B and 2 (Bellagente et al., 2024): layer normalisation, a SwiGLU feed-forward block, partial rotation; some
/// with biases on queries, keys and values, with normalised heads, or with attention and feed-forward block side by side.
enum StableLM: Family {
    static let modelType = "stablelm"
    static let defaults = FamilyDefaults(
        contextLength: 4096, keyValueHeadCount: 32, normEpsilonKey: "layer_norm_eps", normEpsilon: 1e-5,
        partialRotaryKey: "partial_rotary_factor", partialRotaryFactor: 0.25)

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        configuration.parts.attentionBias = try reader.bool("use_qkv_bias") ?? false
        configuration.parts.headNorm = try reader.bool("qk_layernorm") ?? false
        configuration.parts.parallelResidual = try reader.bool("use_parallel_residual") ?? false
    }

    static func load(
        _ configuration: ModelConfiguration, _ weights: WeightLoader
    ) throws(ModelError) -> DecoderWeights {
        let isParallel = configuration.parts.parallelResidual
        let names = isParallel ? DecoderNames(feedForwardNorm: nil) : DecoderNames()
        return try weights.decoder(
            configuration, names: names, norms: NormForm(kind: .layer, hasBias: true),
            blockOrder: isParallel ? .parallel : .sequential
        ) { name throws(ModelError) in
            /// Each head has a norm of its own.
            func headNorm(_ key: String, headCount: Int) throws(ModelError) -> HeadNorm? {
                guard configuration.parts.headNorm else { return nil }
                var norms: [Norm] = []
                for head in 0..<headCount {
                    norms.append(
                        try weights.norm(
                            "\(name)\(key).norms.\(head)", NormForm(kind: .layer), count: configuration.headDimension,
                            configuration))
                }
                return HeadNorm(norms: norms)
            }
            var attention = try weights.attention(name, configuration)
            attention.queryNorm = try headNorm("q_layernorm", headCount: configuration.queryHeadCount)
            attention.keyNorm = try headNorm("k_layernorm", headCount: configuration.keyValueHeadCount)
            return attention
        }
    }
}
