/// Mistral (Jiang et al., 2023): Llama with sliding-window attention. Self-Extend switches the window off.
enum Mistral: Family {
    static let modelType = "mistral"
    static let defaults = FamilyDefaults(contextLength: 131_072, keyValueHeadCount: 8)

    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError) {
        // An absent key means 4,096, null means none.
        let window = try reader.has("sliding_window") ? reader.size("sliding_window") : 4096
        for layer in configuration.layerAttention.indices { configuration.layerAttention[layer].slidingWindow = window }
        // Newer files repeat here what follows from the window.
        _ = try reader.strings("layer_types")
    }
}
