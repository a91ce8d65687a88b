/// Phi-3 and 3.5, Phi-4 (Abdin et al., 2024): Llama with fused projections, and longrope for long contexts. Sliding-window
/// attention, where a file asks for it, Self-Extend switches off.
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

    static func load(
        _ configuration: ModelConfiguration, _ weights: WeightLoader
    ) throws(ModelError) -> DecoderWeights {
        let hidden = configuration.hiddenSize
        let queries = configuration.queryWidth
        let keys = configuration.keyWidth
        let inside = configuration.intermediateSize
        return try weights.decoder(configuration) { name throws(ModelError) in
            let fused = try weights.rows(name + "qkv_proj.weight", rowCount: queries + 2 * keys, columnCount: hidden)
            return AttentionWeights(
                query: Linear(weight: fused.matrix(rows: [0..<queries])),
                key: Linear(weight: fused.matrix(rows: [queries..<(queries + keys)])),
                value: Linear(weight: fused.matrix(rows: [(queries + keys)..<(queries + 2 * keys)])),
                output: try weights.linear(name + "o_proj", rowCount: hidden, columnCount: queries))
        } feedForward: { name throws(ModelError) in
            let fused = try weights.rows(name + "gate_up_proj.weight", rowCount: 2 * inside, columnCount: hidden)
            return .dense(
                DenseFeedForward(
                    gate: Linear(weight: fused.matrix(rows: [0..<inside])),
                    up: Linear(weight: fused.matrix(rows: [inside..<(2 * inside)])),
                    down: try weights.linear(name + "down_proj", rowCount: hidden, columnCount: inside)))
        }
    }
}
