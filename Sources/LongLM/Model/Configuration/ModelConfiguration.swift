import Foundation
import SIMDKernels

/// The config.json of a decoder-only model, as Hugging Face transformers writes it.
public struct ModelConfiguration: Sendable, Equatable {
    /// The family, such as `llama`.
    public let modelType: String
    /// The width of the stream between layers.
    public let hiddenSize: Int
    /// The width of the feed-forward block's hidden layer.
    public let intermediateSize: Int
    /// The number of layers.
    public let layerCount: Int
    /// Hq: the query heads of a layer.
    public let queryHeadCount: Int
    /// Hkv: the key-value heads of a layer.
    public let keyValueHeadCount: Int
    /// D: the components of a head.
    public let headDimension: Int
    /// V: the tokens of the vocabulary, which is the number of logits.
    public let vocabularySize: Int
    /// L: how many positions the model was trained for, by its own statement.
    public let contextLength: Int
    /// What normalisation adds to the mean of squares (to the variance, in layer normalisation).
    public let normEpsilon: Float
    /// Whether the matrix of embeddings is also the projection onto the vocabulary.
    public let tiesEmbeddings: Bool
    /// The token at the beginning of a text; nil where config.json names none.
    public let beginningToken: Int?
    /// The tokens that end a text; see also ``LanguageModel/endTokens``.
    public let endTokens: [Int]
    /// The activation of the feed-forward block.
    public internal(set) var activation: Activation
    /// How positions rotate queries and keys.
    public internal(set) var rotary: RotaryConfiguration
    /// The same for layers of ``LayerAttention/Rotation/local``; nil for a model without such layers.
    public internal(set) var localRotary: RotaryConfiguration?
    /// How each layer attends.
    public internal(set) var layerAttention: [LayerAttention]
    /// What scores are multiplied by: 1/√D unless the family says otherwise.
    public internal(set) var attentionScale: Float
    /// c of c · tanh(score / c), which bounds the scores; nil where nothing does.
    public internal(set) var attentionSoftcap: Float?
    /// c of c · tanh(logit / c), which bounds the logits; nil where nothing does.
    public internal(set) var logitSoftcap: Float?
    /// What embeddings are multiplied by.
    public internal(set) var embeddingScale: Float = 1
    /// The chunks of Dual Chunk Attention, if the file asks for it; nil otherwise. Like transformers, a session attends
    /// without them unless it is asked for them, as by ``AttentionMode/recommended(length:for:trainedContext:)``.
    public let dualChunks: DualChunkSizes?
    /// The optional parts that the model has.
    var parts = Parts()

    /// θ of the rotary frequencies 1/θ^(2k/R).
    public var ropeTheta: Double { rotary.theta }

    /// L as ``SelfExtendPlan`` should take it: the longest texts of the model's training. This is ``contextLength`` but for
    /// models with Dual Chunk Attention, whose files name both, and Mistral's models with a sliding window, such as Mistral 7B
    /// 0.1.
    ///
    /// The latter state how far the window slid, 32,768 positions, but were trained on texts of 8,192 tokens with a window of
    /// 4,096 (Jiang et al., 2023: Mistral 7B, table 1). So no two tokens that saw each other were ever farther apart than the
    /// window. LongLM's example for this model switches the window off and takes 8,192, two windows, for the trained context.
    public var trainedContext: Int {
        if let dualChunks { return min(contextLength, dualChunks.originalContextLength) }
        guard modelType == Mistral.modelType, let window = slidingWindow else { return contextLength }
        return min(contextLength, 2 * window)
    }

    /// The sliding window of the layers to which Self-Extend applies; nil where they have none. Self-Extend switches it off.
    public var slidingWindow: Int? { layerAttention.first { $0.isExtended }?.slidingWindow }

    /// Parts that some models of a family have and others lack.
    struct Parts: Sendable, Equatable {
        /// The projections onto queries, keys and values have biases.
        var attentionBias = false
        /// The output projection of attention has a bias.
        var attentionOutputBias = false
        /// The feed-forward block has biases.
        var feedForwardBias = false
        /// Queries and keys are normalised, each head by itself.
        var headNorm = false
        /// Attention and feed-forward block read the same stream, and the outputs of both are added to it.
        var parallelResidual = false
    }

    /// The largest size that is accepted. No model comes near it, and no product of sizes overflows.
    static let largestSize = 1 << 24
    private static let largestAttentionWidth = 1 << 18
    private static let largestLayerCount = 1 << 12

    /// Reads a config.json.
    ///
    /// - Throws: ``ModelError`` when the file can't be read, isn't of the expected form, or asks for a feature that this
    ///   engine lacks. Every member that changes the forward pass is either understood or refused by name.
    public init(contentsOfFile path: String) throws(ModelError) {
        try self.init(json: readConfiguration(path), file: path)
    }

    /// Reads the contents of a config.json.
    ///
    /// - Parameters:
    ///   - json: The contents.
    ///   - file: What errors call the file.
    /// - Throws: ``ModelError``.
    public init(json: Data, file: String) throws(ModelError) {
        try self.init(json: [UInt8](json), file: file)
    }

    init(json: [UInt8], file: String) throws(ModelError) {
        try self.init(ConfigurationReader(json: json, file: file))
    }

    /// Reads members in the form of config.json.
    init(_ reader: ConfigurationReader) throws(ModelError) {
        let file = reader.file
        guard let name = try reader.string("model_type") else {
            throw .malformedConfiguration(
                file: file, reason: reader.has("model_type") ? "model_type has no value" : "model_type is missing")
        }
        guard let family = Families.named(name) else { throw .unsupportedArchitecture(file: file, name: name) }
        // How weights are quantised concerns those who read them.
        for key in ["quantization", "quantization_config"] { _ = try reader.object(key) }
        try self.init(reader, defaults: family.defaults, modelType: name)
        try family.read(reader, into: &self)
        try reader.refuseUnread()
        for rotary in [rotary, localRotary].compactMap({ $0 }) where !rotary.isUsable {
            throw unusableFrequencies(file)
        }
    }

    /// An error about rotary frequencies of which no cosines can be computed.
    func unusableFrequencies(_ file: String) -> ModelError {
        .malformedConfiguration(file: file, reason: "its rotary frequencies are too high, or no numbers")
    }

    /// Reads the members that all families have.
    private init(
        _ reader: ConfigurationReader, defaults: FamilyDefaults, modelType: String
    ) throws(ModelError) {
        self.modelType = modelType
        hiddenSize = try reader.requiredSize("hidden_size")
        intermediateSize = try reader.requiredSize("intermediate_size")
        layerCount = try reader.requiredSize("num_hidden_layers", largest: Self.largestLayerCount)
        queryHeadCount = try reader.requiredSize("num_attention_heads", largest: Self.largestAttentionWidth)
        // null means as many as query heads. Only where the key is absent, the family has a default.
        let silentCount = reader.has("num_key_value_heads") ? nil : defaults.keyValueHeadCount
        keyValueHeadCount = try reader.size("num_key_value_heads") ?? silentCount ?? queryHeadCount
        vocabularySize = try reader.requiredSize("vocab_size")
        contextLength = try reader.size("max_position_embeddings") ?? defaults.contextLength
        guard queryHeadCount % keyValueHeadCount == 0 else {
            throw reader.invalid(
                "num_key_value_heads",
                "is \(keyValueHeadCount), which doesn't divide num_attention_heads \(queryHeadCount)")
        }
        if let stated = try reader.size("head_dim", largest: Self.largestAttentionWidth / queryHeadCount)
            ?? defaults.headDimension
        {
            headDimension = stated
        } else {
            guard hiddenSize % queryHeadCount == 0 else {
                throw reader.invalid(
                    "num_attention_heads", "is \(queryHeadCount), which doesn't divide hidden_size \(hiddenSize)")
            }
            headDimension = hiddenSize / queryHeadCount
        }
        guard headDimension <= Self.largestAttentionWidth / queryHeadCount else {
            throw reader.invalid(
                "head_dim",
                "is \(headDimension); with \(queryHeadCount) heads it can be at most "
                    + "\(Self.largestAttentionWidth / queryHeadCount)")
        }
        guard headDimension % 2 == 0 else { throw reader.invalid("head_dim", "is \(headDimension); it must be even") }
        let epsilon = try reader.number(defaults.normEpsilonKey) ?? defaults.normEpsilon
        normEpsilon = Float(epsilon)
        // A positive number can round to 0, and a row of zeros would then be divided by 0.
        guard normEpsilon > 0, normEpsilon < 1 else {
            throw reader.invalid(defaults.normEpsilonKey, "is \(epsilon); it must be between 0 and 1")
        }
        tiesEmbeddings = try reader.bool("tie_word_embeddings") ?? defaults.tiesEmbeddings
        beginningToken = try reader.integers("bos_token_id")?.first
        endTokens = try reader.integers("eos_token_id") ?? []
        activation = try Self.activation(reader, defaults)
        rotary = try RotaryConfiguration(
            reader, defaults, headDimension: headDimension, contextLength: contextLength)
        dualChunks = try DualChunkSizes(reader, contextLength: contextLength)
        layerAttention = Array(repeating: LayerAttention(), count: layerCount)
        attentionScale = 1 / Float(headDimension).squareRoot()
    }

    private static func activation(
        _ reader: ConfigurationReader, _ defaults: FamilyDefaults
    ) throws(ModelError) -> Activation {
        for key in defaults.activationKeys {
            guard let name = try reader.string(key) else { continue }
            switch name {
            case "silu", "swish": return .silu
            case "gelu": return .gelu
            case "gelu_new", "gelu_fast", "gelu_pytorch_tanh": return .geluTanh
            default: throw reader.unsupported(key, name)
            }
        }
        return defaults.activation
    }
}

/// The values that transformers assumes for absent keys, and the keys that a family spells differently.
struct FamilyDefaults {
    var contextLength = 2048
    var keyValueHeadCount: Int?
    var headDimension: Int?
    var tiesEmbeddings = false
    var normEpsilonKey = "rms_norm_eps"
    var normEpsilon = 1e-6
    /// The first of these that is there counts.
    var activationKeys = ["hidden_act"]
    var activation = Activation.silu
    var ropeThetaKey = "rope_theta"
    /// What newer files call it; nil where that is the same.
    var newerRopeThetaKey: String?
    var ropeTheta = 10_000.0
    /// The key of the part of a head that is rotated; nil for families that rotate whole heads.
    var partialRotaryKey: String?
    /// What newer files call it; nil where that is the same.
    var newerPartialRotaryKey: String?
    var partialRotaryFactor = 1.0
    /// L₀ of longrope, where the family has a default.
    var originalContextLength: Int?
    /// The names of longrope in this family.
    var longRoPENames: Set = ["longrope"]
}

/// How one layer attends.
public struct LayerAttention: Sendable, Equatable {
    /// How queries and keys are rotated.
    public enum Rotation: Sendable {
        /// As ``ModelConfiguration/rotary`` says.
        case global
        /// As ``ModelConfiguration/localRotary`` says.
        case local
        /// Not at all (NoPE).
        case none
    }

    /// The rotation.
    public var rotation = Rotation.global
    /// How many of the last keys a query sees, its own included; nil for all.
    public var slidingWindow: Int?
    /// Whether Self-Extend applies to this layer. It then switches the layer's sliding window off. All other layers attend
    /// as in the plain model.
    public var isExtended = true
}

extension ModelConfiguration {
    /// The tokens that end a text: those of generation_config.json where it names any, and otherwise those of config.json.
    /// Hugging Face transformers does the same. An instruction-tuned model often has more of them in
    /// generation_config.json.
    ///
    /// - Throws: ``ModelError`` when there is a generation_config.json that can't be read.
    func endTokens(directory: String) throws(ModelError) -> [Int] {
        let path = directory + "/generation_config.json"
        guard FileManager.default.fileExists(atPath: path) else { return endTokens }
        return try ConfigurationReader(json: readConfiguration(path), file: path).integers("eos_token_id") ?? endTokens
    }
}
