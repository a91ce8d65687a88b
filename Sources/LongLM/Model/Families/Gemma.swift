import Foundation

/// Gemma 1 (Gemma Team, 2024): Llama with normalisation weights that stand for 1 + w, scaled embeddings and a GeGLU
/// feed-forward block.
enum Gemma: Family {
    static let modelType = "gemma"
    static let defaults = gemmaDefaults

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        try configuration.readGemma(reader)
    }

    static func load(
        _ configuration: ModelConfiguration, _ weights: WeightLoader
    ) throws(ModelError) -> DecoderWeights {
        try weights.decoder(configuration, norms: .gemma)
    }
}

/// Gemma 2 (Gemma Team, 2024): Gemma with normalisation after each block too, bounded scores and logits, and
/// sliding-window attention in every other layer.
enum Gemma2: Family {
    static let modelType = "gemma2"
    static let defaults = {
        var defaults = gemmaDefaults
        defaults.activationKeys = ["hidden_activation"]
        return defaults
    }()

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        try configuration.readGemma(reader)
        try configuration.readGemmaAttention(reader)
        let isLocal = try reader.layerTypes(configuration.layerCount)
        let window = try reader.has("sliding_window") ? reader.size("sliding_window") : 4096
        for layer in 0..<configuration.layerCount where isLocal?[layer] ?? (layer % 2 == 0) {
            configuration.layerAttention[layer] = LayerAttention(slidingWindow: window, isExtended: false)
        }
    }

    static func load(
        _ configuration: ModelConfiguration, _ weights: WeightLoader
    ) throws(ModelError) -> DecoderWeights {
        try weights.decoder(configuration, names: .gemma2, norms: .gemma)
    }
}

/// Gemma 3 for text (Gemma Team, 2025): Gemma 2 with queries and keys normalised head by head instead of bounded scores,
/// and five local layers, which have a rotary base of their own, to each global one.
enum Gemma3: Family {
    static let modelType = "gemma3_text"
    static let defaults = {
        var defaults = gemmaDefaults
        defaults.activationKeys = ["hidden_activation"]
        defaults.contextLength = 131_072
        defaults.ropeTheta = 1_000_000
        return defaults
    }()

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        try configuration.readGemma(reader)
        configuration.parts.headNorm = true
        try configuration.readGemmaAttention(reader)
        if let parameters = try reader.object("rope_parameters"), !parameters.has("full_attention") {
            throw reader.unsupported("rope_parameters", "one for layers of both types")
        }
        let interval = try reader.size("sliding_window_pattern") ?? 6
        let isLocal = try reader.layerTypes(configuration.layerCount)
        let window = try reader.has("sliding_window") ? reader.size("sliding_window") : 4096
        for layer in 0..<configuration.layerCount where isLocal?[layer] ?? ((layer + 1) % interval != 0) {
            configuration.layerAttention[layer] = LayerAttention(
                rotation: .local, slidingWindow: window, isExtended: false)
        }
        var localDefaults = defaults
        localDefaults.ropeThetaKey = "rope_local_base_freq"
        localDefaults.ropeTheta = 10_000
        configuration.localRotary = try RotaryConfiguration(
            reader, localDefaults, headDimension: configuration.headDimension,
            contextLength: configuration.contextLength, layerType: "sliding_attention")
    }

    static func load(
        _ configuration: ModelConfiguration, _ weights: WeightLoader
    ) throws(ModelError) -> DecoderWeights {
        try weights.decoder(configuration, names: .gemma2, norms: .gemma)
    }
}

private let gemmaDefaults = FamilyDefaults(
    contextLength: 8192, headDimension: 256, tiesEmbeddings: true,
    activationKeys: ["hidden_activation", "hidden_act"], activation: .geluTanh)

extension ModelConfiguration {
    /// What all of Gemma have.
    fileprivate mutating func readGemma(_ reader: ConfigurationReader) throws(ModelError) {
        embeddingScale = Float(Double(hiddenSize).squareRoot())
        parts.attentionBias = try reader.bool("attention_bias") ?? false
        parts.attentionOutputBias = parts.attentionBias
        // Known and not taken: by Gemma 1 where there is a hidden_activation, by the others never.
        _ = try reader.string("hidden_act")
    }

    /// How Gemma 2 and 3 scale and bound scores.
    fileprivate mutating func readGemmaAttention(_ reader: ConfigurationReader) throws(ModelError) {
        let scalar = try reader.bounded("query_pre_attn_scalar") ?? 256
        attentionScale = Float(pow(scalar, -0.5))
        // Silence means Gemma 2's bounds there, and none in Gemma 3.
        let isBounded = modelType == Gemma2.modelType
        attentionSoftcap = try reader.softcap("attn_logit_softcapping", default: isBounded ? 50 : nil)
        logitSoftcap = try reader.softcap("final_logit_softcapping", default: isBounded ? 30 : nil)
    }
}

extension ConfigurationReader {
    /// null means none; silence the default.
    fileprivate func softcap(_ key: String, default silence: Float?) throws(ModelError) -> Float? {
        try has(key) ? bounded(key).map { Float($0) } : silence
    }

    /// A number whose quotients and products stay in range.
    fileprivate func bounded(_ key: String) throws(ModelError) -> Double? {
        guard let value = try number(key) else { return nil }
        guard value >= 1e-3, value <= 1e6 else {
            throw invalid(key, "is \(value); it must be between 0.001 and 1000000")
        }
        return value
    }
}

extension NormForm {
    /// Weights stand for 1 + w.
    fileprivate static let gemma = NormForm(kind: .rootMeanSquare, weightOffset: 1)
}

extension DecoderNames {
    /// With normalisation after each block.
    fileprivate static let gemma2 = DecoderNames(
        feedForwardNorm: "pre_feedforward_layernorm", attentionOutputNorm: "post_attention_layernorm",
        feedForwardOutputNorm: "post_feedforward_layernorm")
}
