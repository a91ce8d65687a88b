/// SmolLM3 (Bakouch et al., 2025): Llama in which every fourth layer has no rotary positions. Self-Extend leaves those
/// layers alone.
enum SmolLM3: Family {
    static let modelType = "smollm3"
    static let defaults = FamilyDefaults(
        contextLength: 32_768, keyValueHeadCount: 4, tiesEmbeddings: true, ropeTheta: 2_000_000)

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        configuration.parts.attentionBias = try reader.bool("attention_bias") ?? false
        configuration.parts.attentionOutputBias = configuration.parts.attentionBias
        configuration.parts.feedForwardBias = try reader.bool("mlp_bias") ?? false
        let interval = try reader.size("no_rope_layer_interval") ?? 4
        let rotates =
            try reader.integers("no_rope_layers")
            ?? (0..<configuration.layerCount).map { ($0 + 1) % interval == 0 ? 0 : 1 }
        guard rotates.count == configuration.layerCount else {
            throw reader.invalid(
                "no_rope_layers", "has \(rotates.count) layers; num_hidden_layers is \(configuration.layerCount)")
        }
        for (layer, rotates) in rotates.enumerated() where rotates == 0 {
            configuration.layerAttention[layer] = LayerAttention(rotation: .none, isExtended: false)
        }
        let isOn = try reader.bool("use_sliding_window") ?? false
        let window = try reader.size("sliding_window")
        let isSliding = try reader.layerTypes(configuration.layerCount)
        guard let window else { return }
        for layer in rotates.indices where isSliding?[layer] ?? (isOn && rotates[layer] == 0) {
            configuration.layerAttention[layer].slidingWindow = window
        }
    }
}
