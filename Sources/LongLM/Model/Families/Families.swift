/// A model family: what it reads from config.json beyond what all families have, and what its decoder consists of.
protocol Family {
    /// `model_type` of config.json.
    static var modelType: String { get }
    /// Its defaults and spellings.
    static var defaults: FamilyDefaults { get }
    /// Reads the fields that only this family has.
    static func read(_ reader: ConfigurationReader, into configuration: inout ModelConfiguration) throws(ModelError)
    /// Says what the decoder consists of, by the names of Hugging Face's checkpoints.
    static func describe(_ configuration: ModelConfiguration) -> DecoderDescription
}

extension Family {
    /// Llama's form and order of blocks, which many families have.
    static func describe(_ configuration: ModelConfiguration) -> DecoderDescription {
        DecoderDescription(configuration)
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
