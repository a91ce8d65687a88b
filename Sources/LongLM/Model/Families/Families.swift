/// A model family: what it reads from config.json beyond what all have, and how its checkpoints name their weights.
protocol Family {
    /// `model_type` of config.json.
    static var modelType: String { get }
    /// Its defaults and spellings.
    static var defaults: FamilyDefaults { get }
    /// Reads the fields of its own.
    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError)
    /// Takes the weights by their names in Hugging Face's checkpoints.
    static func load(
        _ configuration: ModelConfiguration, _ weights: WeightLoader
    ) throws(ModelError) -> DecoderWeights
}

extension Family {
    /// Llama's form and order of blocks, which many families have.
    static func load(
        _ configuration: ModelConfiguration, _ weights: WeightLoader
    ) throws(ModelError) -> DecoderWeights {
        try weights.decoder(configuration)
    }
}

/// All families.
enum Families {
    static var all: [any Family.Type] {
        [
            Llama.self, Mistral.self, Qwen2.self, Qwen3.self, SmolLM3.self, Gemma.self, Gemma2.self, Gemma3.self,
            Phi.self, Phi3.self, StableLM.self, GPTNeoX.self,
        ]
    }

    /// The family of a `model_type`.
    static func named(_ modelType: String) -> (any Family.Type)? { all.first { $0.modelType == modelType } }
}

extension ModelConfiguration {
    /// The `model_type`s of config.json that can be run.
    public static var supportedModelTypes: [String] { Families.all.map { $0.modelType } }
}
