/// Llama 1 to 3.3, TinyLlama, SmolLM2 (Touvron et al., 2023): RMS normalisation before each block, rotary grouped-query
/// attention, a SwiGLU feed-forward block.
enum Llama: Family {
    static let modelType = "llama"
    static let defaults = FamilyDefaults()

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        configuration.parts.attentionBias = try reader.bool("attention_bias") ?? false
        configuration.parts.attentionOutputBias = configuration.parts.attentionBias
        configuration.parts.feedForwardBias = try reader.bool("mlp_bias") ?? false
    }
}
