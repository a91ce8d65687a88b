import Foundation

/// What a checkpoint's config.json says of a decoder-only model, in the spelling of Hugging Face transformers.
public struct ModelConfiguration: Sendable, Equatable {
    /// The family, such as `llama`.
    public let modelType: String
    /// Components of the stream between layers.
    public let hiddenSize: Int
    /// Components of the feed-forward block's gate.
    public let intermediateSize: Int
    /// Decoder layers.
    public let layerCount: Int
    /// Hq.
    public let queryHeadCount: Int
    /// Hkv.
    public let keyValueHeadCount: Int
    /// D.
    public let headDimension: Int
    /// V.
    public let vocabularySize: Int
    /// L: the positions that the model was trained on.
    public let contextLength: Int
    /// θ of the rotary frequencies 1/θ^(2k/D).
    public let ropeTheta: Double
    /// Added to the mean of squares in RMS normalisation.
    public let normEpsilon: Float
    /// Whether the embedding also projects onto the vocabulary.
    public let tiesEmbeddings: Bool
    /// The token that a text begins with.
    public let beginningToken: Int?
    /// The tokens that end a text; see also ``LanguageModel/endTokens``.
    public let endTokens: [Int]

    /// Larger than any model's, and small enough that no product of sizes overflows.
    private static let largestSize = 1 << 24
    private static let largestAttentionWidth = 1 << 18
    private static let largestLayerCount = 1 << 12

    /// Reads a config.json.
    ///
    /// - Throws: ``ModelError`` when the file can't be read, isn't of the expected form, or asks for what this engine
    ///   lacks.
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
        let raw = try decodeConfiguration(RawConfiguration.self, from: json, file: file)
        guard raw.modelType == "llama" else { throw .unsupportedArchitecture(file: file, name: raw.modelType) }
        try raw.refuseUnsupportedFeatures(file: file)

        modelType = raw.modelType
        hiddenSize = try Self.size(raw.hiddenSize, "hidden_size", file)
        intermediateSize = try Self.size(raw.intermediateSize, "intermediate_size", file)
        layerCount = try Self.size(raw.layerCount, "num_hidden_layers", file, largest: Self.largestLayerCount)
        queryHeadCount = try Self.size(
            raw.queryHeadCount, "num_attention_heads", file, largest: Self.largestAttentionWidth)
        keyValueHeadCount = try Self.size(raw.keyValueHeadCount ?? Double(queryHeadCount), "num_key_value_heads", file)
        vocabularySize = try Self.size(raw.vocabularySize, "vocab_size", file)
        contextLength = try Self.size(raw.contextLength ?? 2048, "max_position_embeddings", file)
        guard queryHeadCount % keyValueHeadCount == 0 else {
            throw .invalidConfiguration(
                file: file, key: "num_key_value_heads",
                reason: "is \(keyValueHeadCount), which doesn't divide num_attention_heads \(queryHeadCount)")
        }
        if raw.headDimension == nil, hiddenSize % queryHeadCount != 0 {
            throw .invalidConfiguration(
                file: file, key: "num_attention_heads",
                reason: "is \(queryHeadCount), which doesn't divide hidden_size \(hiddenSize)")
        }
        headDimension = try Self.size(
            raw.headDimension ?? Double(hiddenSize / queryHeadCount), "head_dim", file,
            largest: Self.largestAttentionWidth / queryHeadCount)
        guard headDimension % 2 == 0 else {
            throw .invalidConfiguration(file: file, key: "head_dim", reason: "is \(headDimension); it must be even")
        }
        ropeTheta = raw.ropeTheta ?? raw.ropeParameters?.ropeTheta ?? 10_000
        guard ropeTheta.isFinite, ropeTheta >= 1, ropeTheta <= 1e30 else {
            throw .invalidConfiguration(file: file, key: "rope_theta", reason: "is \(ropeTheta); it must be at least 1")
        }
        let epsilon = raw.normEpsilon ?? 1e-6
        normEpsilon = Float(epsilon)
        // A positive number can round to 0, by which a row of zeros would be divided.
        guard normEpsilon > 0, normEpsilon < 1 else {
            throw .invalidConfiguration(
                file: file, key: "rms_norm_eps", reason: "is \(epsilon); it must be between 0 and 1")
        }
        tiesEmbeddings = raw.tiesEmbeddings ?? false
        beginningToken = raw.beginningToken?.ids.first
        endTokens = raw.endToken?.ids ?? []
    }

    private static func size(
        _ value: Double?, _ key: String, _ file: String, largest: Int = largestSize
    ) throws(ModelError) -> Int {
        guard let value else { throw .invalidConfiguration(file: file, key: key, reason: "is missing") }
        guard let size = Int(exactly: value), (1...largest).contains(size) else {
            let found = Int(exactly: value).map(String.init) ?? "\(value)"
            throw .invalidConfiguration(
                file: file, key: key, reason: "is \(found); it must be a whole number between 1 and \(largest)")
        }
        return size
    }

    /// 1 / θ^(2k/D) for k < D/2, rounded to 32 bits as the reference does.
    var inverseFrequencies: [Float] {
        (0..<(headDimension / 2)).map { k in
            1 / Float(pow(ropeTheta, Double(Float(2 * k) / Float(headDimension))))
        }
    }
}

/// config.json as it is written. Sizes are read as floating-point numbers, so that a size that isn't whole or is far out
/// of range can be refused by its key.
private struct RawConfiguration: Decodable {
    let modelType: String
    let hiddenSize: Double?
    let intermediateSize: Double?
    let layerCount: Double?
    let queryHeadCount: Double?
    let keyValueHeadCount: Double?
    let headDimension: Double?
    let vocabularySize: Double?
    let contextLength: Double?
    let ropeTheta: Double?
    let ropeScaling: RotaryParameters?
    let ropeParameters: RotaryParameters?
    let normEpsilon: Double?
    let tiesEmbeddings: Bool?
    let beginningToken: TokenIDs?
    let endToken: TokenIDs?
    let activation: String?
    let partialRotaryFactor: Double?
    let quantization: Presence?
    let attentionBias: Bool?
    let feedForwardBias: Bool?

    enum CodingKeys: String, CodingKey {
        case modelType = "model_type"
        case hiddenSize = "hidden_size"
        case intermediateSize = "intermediate_size"
        case layerCount = "num_hidden_layers"
        case queryHeadCount = "num_attention_heads"
        case keyValueHeadCount = "num_key_value_heads"
        case headDimension = "head_dim"
        case vocabularySize = "vocab_size"
        case contextLength = "max_position_embeddings"
        case ropeTheta = "rope_theta"
        case ropeScaling = "rope_scaling"
        case ropeParameters = "rope_parameters"
        case normEpsilon = "rms_norm_eps"
        case tiesEmbeddings = "tie_word_embeddings"
        case beginningToken = "bos_token_id"
        case endToken = "eos_token_id"
        case activation = "hidden_act"
        case partialRotaryFactor = "partial_rotary_factor"
        case quantization = "quantization_config"
        case attentionBias = "attention_bias"
        case feedForwardBias = "mlp_bias"
    }

    func refuseUnsupportedFeatures(file: String) throws(ModelError) {
        if let activation, activation != "silu" {
            throw .unsupportedFeature(file: file, key: "hidden_act", value: activation)
        }
        if attentionBias == true { throw .unsupportedFeature(file: file, key: "attention_bias", value: "true") }
        if feedForwardBias == true { throw .unsupportedFeature(file: file, key: "mlp_bias", value: "true") }
        if quantization != nil {
            throw .unsupportedFeature(file: file, key: "quantization_config", value: "quantized weights")
        }
        if let factor = partialRotaryFactor ?? ropeParameters?.partialRotaryFactor, factor != 1 {
            throw .unsupportedFeature(file: file, key: "partial_rotary_factor", value: "\(factor)")
        }
        // rope_parameters may leave its kind out, as transformers then takes the default; rope_scaling may not.
        if let ropeScaling, ropeScaling.kind == nil {
            throw .invalidConfiguration(file: file, key: "rope_scaling", reason: "has no rope_type")
        }
        for (key, parameters) in [("rope_scaling", ropeScaling), ("rope_parameters", ropeParameters)] {
            if let kind = parameters?.kind, kind != "default" {
                throw .unsupportedFeature(file: file, key: key, value: kind)
            }
        }
    }
}

/// `rope_scaling`, or `rope_parameters` as newer files have it.
private struct RotaryParameters: Decodable {
    let kind: String?
    let ropeTheta: Double?
    let partialRotaryFactor: Double?

    enum CodingKeys: String, CodingKey {
        case type
        case partialRotaryFactor = "partial_rotary_factor"
        case ropeType = "rope_type"
        case ropeTheta = "rope_theta"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind =
            try container.decodeIfPresent(String.self, forKey: .ropeType)
            ?? container.decodeIfPresent(String.self, forKey: .type)
        ropeTheta = try container.decodeIfPresent(Double.self, forKey: .ropeTheta)
        partialRotaryFactor = try container.decodeIfPresent(Double.self, forKey: .partialRotaryFactor)
    }
}

/// A value of any form, of which only matters that it is there.
private struct Presence: Decodable {
    init(from decoder: any Decoder) {}
}

/// A token id, or a list of them.
private struct TokenIDs: Decodable {
    let ids: [Int]

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let id = try? container.decode(Int.self) {
            ids = [id]
        } else {
            ids = try container.decode([Int].self)
        }
    }
}

/// The part of generation_config.json that is used here.
private struct RawGenerationConfiguration: Decodable {
    let endToken: TokenIDs?

    enum CodingKeys: String, CodingKey {
        case endToken = "eos_token_id"
    }
}

extension ModelConfiguration {
    /// The tokens that end a text: those of generation_config.json where it names any, as in Hugging Face transformers
    /// (an instruction-tuned model often has more of them there), or else config.json's.
    ///
    /// - Throws: ``ModelError`` when there is a generation_config.json that can't be read.
    func endTokens(directory: String) throws(ModelError) -> [Int] {
        let path = directory + "/generation_config.json"
        guard FileManager.default.fileExists(atPath: path) else { return endTokens }
        let raw = try decodeConfiguration(
            RawGenerationConfiguration.self, from: readConfiguration(path), file: path)
        return raw.endToken?.ids ?? endTokens
    }
}

private func readConfiguration(_ path: String) throws(ModelError) -> Data {
    do {
        return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
        throw .unreadable(
            file: path, reason: FileManager.default.fileExists(atPath: path) ? "can't be read" : "no such file")
    }
}

private func decodeConfiguration<Form: Decodable>(
    _: Form.Type, from json: Data, file: String
) throws(ModelError) -> Form {
    do {
        return try JSONDecoder().decode(Form.self, from: json)
    } catch let error as DecodingError {
        throw .malformedConfiguration(file: file, reason: error.reason)
    } catch {
        throw .malformedConfiguration(file: file, reason: "not a JSON object")
    }
}

extension DecodingError {
    /// Where and why, in one line.
    fileprivate var reason: String {
        let context: Context
        let summary: String
        switch self {
        case .typeMismatch(_, let where_): (context, summary) = (where_, "is of the wrong type")
        case .valueNotFound(_, let where_): (context, summary) = (where_, "has no value")
        case .keyNotFound(let key, _): return "\(key.stringValue) is missing"
        case .dataCorrupted(let where_):
            (context, summary) = (where_, "is not valid JSON or holds a number out of range")
        @unknown default: return "can't be decoded"
        }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? "the file \(summary)" : "\(path) \(summary)"
    }
}
