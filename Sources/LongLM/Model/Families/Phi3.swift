/// Phi-3 and 3.5, Phi-4 (Abdin et al., 2024): Llama with fused projections, and longrope for long contexts. Some files ask for
/// sliding-window attention, which Self-Extend switches off.
enum Phi3: Family {
    static let modelType = "phi3"
    static let defaults = FamilyDefaults(
        contextLength: 4096, normEpsilon: 1e-5, partialRotaryKey: "partial_rotary_factor", originalContextLength: 4096,
        longRoPENames: ["longrope", "su", "yarn"])

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        let window = try reader.size("sliding_window")
        for layer in configuration.layerAttention.indices { configuration.layerAttention[layer].slidingWindow = window }
        _ = try reader.strings("layer_types")
    }

    static func describe(_ configuration: ModelConfiguration) -> DecoderDescription {
        let hidden = configuration.hiddenSize
        let queries = configuration.queryWidth
        let keys = configuration.keyWidth
        let inside = configuration.intermediateSize
        return DecoderDescription(configuration) { name in
            let fused = LinearDescription(name + "qkv_proj", rowCount: queries + 2 * keys, columnCount: hidden)
            return AttentionDescription(
                query: fused.taking([0..<queries]), key: fused.taking([queries..<(queries + keys)]),
                value: fused.taking([(queries + keys)..<(queries + 2 * keys)]),
                output: LinearDescription(name + "o_proj", rowCount: hidden, columnCount: queries))
        } feedForward: { name in
            let fused = LinearDescription(name + "gate_up_proj", rowCount: 2 * inside, columnCount: hidden)
            return .dense(
                gate: fused.taking([0..<inside]), up: fused.taking([inside..<(2 * inside)]),
                down: LinearDescription(name + "down_proj", rowCount: hidden, columnCount: inside))
        }
    }
}
