/// Qwen 1.5, 2 and 2.5 (Yang et al., 2024): Llama with biases on queries, keys and values.
enum Qwen2: Family {
    static let modelType = "qwen2"
    static let defaults = FamilyDefaults(contextLength: 32_768, keyValueHeadCount: 32)

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        configuration.parts.attentionBias = true
        try configuration.readSlidingLayers(reader)
    }
}

/// Qwen3 (Yang et al., 2025): Llama with queries and keys normalised head by head.
enum Qwen3: Family {
    static let modelType = "qwen3"
    static let defaults = FamilyDefaults(contextLength: 32_768, keyValueHeadCount: 32, headDimension: 128)

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        configuration.parts.headNorm = true
        configuration.parts.attentionBias = try reader.bool("attention_bias") ?? false
        configuration.parts.attentionOutputBias = configuration.parts.attentionBias
        try configuration.readSlidingLayers(reader)
    }
}

extension ModelConfiguration {
    /// Reads which layers attend within a window: those of `layer_types`, or all from `max_window_layers` on.
    mutating func readSlidingLayers(_ reader: ConfigurationReader) throws(ModelError) {
        let isOn = try reader.bool("use_sliding_window") ?? false
        // An absent key means 4,096, null means none.
        let window = try reader.has("sliding_window") ? reader.size("sliding_window") : 4096
        // It may be 0, which size(_:) would refuse.
        let first = try reader.integers("max_window_layers")?.first ?? 28
        let isSliding = try reader.layerTypes(layerCount) ?? (0..<layerCount).map { isOn && $0 >= first }
        for layer in 0..<layerCount where isOn && isSliding[layer] { layerAttention[layer].slidingWindow = window }
    }
}
