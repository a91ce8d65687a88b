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

    static func describe(_ configuration: ModelConfiguration) -> DecoderDescription {
        let isParallel = configuration.parts.parallelResidual
        return DecoderDescription(
            configuration, names: isParallel ? DecoderNames(feedForwardNorm: nil) : DecoderNames(),
            norms: NormForm(kind: .layer, hasBias: true), blockOrder: isParallel ? .parallel : .sequential
        ) { name in
            /// Each head has a norm of its own.
            func headNorm(_ key: String, headCount: Int) -> HeadNormDescription? {
                guard configuration.parts.headNorm else { return nil }
                return HeadNormDescription(
                    norms: (0..<headCount).map { head in
                        NormDescription(
                            "\(name)\(key).norms.\(head)", NormForm(kind: .layer), count: configuration.headDimension,
                            configuration)
                    })
            }
            var attention = AttentionDescription(name, configuration)
            attention.queryNorm = headNorm("q_layernorm", headCount: configuration.queryHeadCount)
            attention.keyNorm = headNorm("k_layernorm", headCount: configuration.keyValueHeadCount)
            return attention
        }
    }
}
