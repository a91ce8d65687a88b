import Foundation
import SIMDKernels

/// A JSON value of config.json.
enum ConfigurationValue: Decodable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([ConfigurationValue])
    case object([String: ConfigurationValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // What can be nested comes first: the error of a try with another type holds the whole path to the value, and a
        // hostile file has hundreds of levels.
        if let value = try? container.decode([ConfigurationValue].self) {
            self = .array(value)
        } else if let value = try? container.decode([String: ConfigurationValue].self) {
            self = .object(value)
        } else if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    /// As an error shows it.
    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let value): Int(exactly: value).map(String.init) ?? "\(value)"
        case .string(let value): value
        case .array: "a list"
        case .object: "an object"
        }
    }
}

/// Reads the members of config.json by name and type, and remembers which were read: what changes a forward pass and
/// nobody read is refused.
struct ConfigurationReader {
    let file: String
    private let members: [String: ConfigurationValue]
    /// What errors put before a key: the object that it stands in.
    private let path: String
    private let readKeys: KeyLog

    /// The keys that were read; shared by copies of a reader.
    private final class KeyLog { var keys: Set<String> = [] }

    /// Parses a file's contents.
    init(json: Data, file: String) throws(ModelError) {
        self.init(try decodeConfiguration([String: ConfigurationValue].self, from: json, file: file), file, path: "")
    }

    private init(_ members: [String: ConfigurationValue], _ file: String, path: String) {
        self.file = file
        self.members = members
        self.path = path
        readKeys = KeyLog()
    }

    /// A member that isn't null.
    private func value(_ key: String) -> ConfigurationValue? {
        readKeys.keys.insert(key)
        guard let value = members[key], value != .null else { return nil }
        return value
    }

    /// Whether there is such a member, be it null.
    func has(_ key: String) -> Bool { members[key] != nil }

    private func wrongType(_ key: String) -> ModelError {
        .malformedConfiguration(file: file, reason: "\(path)\(key) is of the wrong type")
    }

    /// An error about a member's value.
    func invalid(_ key: String, _ reason: String) -> ModelError {
        .invalidConfiguration(file: file, key: path + key, reason: reason)
    }

    /// An error about a member that asks for what this engine lacks.
    func unsupported(_ key: String, _ value: String) -> ModelError {
        .unsupportedFeature(file: file, key: path + key, value: value)
    }

    /// A number; nil when absent or null.
    func number(_ key: String) throws(ModelError) -> Double? {
        switch value(key) {
        case nil: return nil
        case .number(let number): return number
        default: throw wrongType(key)
        }
    }

    /// true or false; nil when absent or null.
    func bool(_ key: String) throws(ModelError) -> Bool? {
        switch value(key) {
        case nil: return nil
        case .bool(let bool): return bool
        default: throw wrongType(key)
        }
    }

    /// A string; nil when absent or null.
    func string(_ key: String) throws(ModelError) -> String? {
        switch value(key) {
        case nil: return nil
        case .string(let string): return string
        default: throw wrongType(key)
        }
    }

    /// A list of strings; nil when absent or null.
    func strings(_ key: String) throws(ModelError) -> [String]? {
        try list(key) { if case .string(let string) = $0 { string } else { nil } }
    }

    /// A list of numbers; nil when absent or null.
    func numbers(_ key: String) throws(ModelError) -> [Double]? {
        try list(key) { if case .number(let number) = $0 { number } else { nil } }
    }

    private func list<Element>(
        _ key: String, _ element: (ConfigurationValue) -> Element?
    ) throws(ModelError) -> [Element]? {
        guard let value = value(key) else { return nil }
        guard case .array(let values) = value else { throw wrongType(key) }
        let elements = values.compactMap(element)
        guard elements.count == values.count else { throw wrongType(key) }
        return elements
    }

    /// A reader of an object; nil when absent or null.
    func object(_ key: String) throws(ModelError) -> ConfigurationReader? {
        switch value(key) {
        case nil: return nil
        case .object(let members): return ConfigurationReader(members, file, path: "\(path)\(key).")
        default: throw wrongType(key)
        }
    }

    /// Whole numbers: one, or a list of them; nil when absent or null.
    func integers(_ key: String) throws(ModelError) -> [Int]? {
        guard let value = value(key) else { return nil }
        let values = if case .array(let values) = value { values } else { [value] }
        var integers: [Int] = []
        for value in values {
            guard case .number(let number) = value, let integer = Int(exactly: number) else { throw wrongType(key) }
            integers.append(integer)
        }
        return integers
    }

    /// A size; nil when absent or null.
    func size(_ key: String, largest: Int = ModelConfiguration.largestSize) throws(ModelError) -> Int? {
        guard let value = try number(key) else { return nil }
        guard let size = Int(exactly: value), (1...largest).contains(size) else {
            throw invalid(
                key,
                "is \(ConfigurationValue.number(value).text); it must be a whole number between 1 and \(largest)")
        }
        return size
    }

    /// A size that must be there.
    func requiredSize(_ key: String, largest: Int = ModelConfiguration.largestSize) throws(ModelError) -> Int {
        guard let size = try size(key, largest: largest) else { throw invalid(key, "is missing") }
        return size
    }

    /// A positive finite number; nil when absent or null.
    func positive(_ key: String) throws(ModelError) -> Double? {
        guard let value = try number(key) else { return nil }
        // As a 32-bit float, which is what it is computed with.
        guard Float(value) > 0, Float(value).isFinite else { throw invalid(key, "is \(value); it must be positive") }
        return value
    }

    /// `layer_types`: whether each layer attends within a window; nil when absent.
    func layerTypes(_ layerCount: Int) throws(ModelError) -> [Bool]? {
        guard let types = try strings("layer_types") else { return nil }
        guard types.count == layerCount else {
            throw invalid("layer_types", "has \(types.count) layers; num_hidden_layers is \(layerCount)")
        }
        if let unknown = types.first(where: { $0 != "full_attention" && $0 != "sliding_attention" }) {
            throw unsupported("layer_types", unknown)
        }
        return types.map { $0 == "sliding_attention" }
    }

    /// Refuses what asks for something else than was read.
    func refuseUnread() throws(ModelError) {
        for (key, value) in members.sorted(by: { $0.key < $1.key }) where !readKeys.keys.contains(key) {
            guard let neutral = Self.significantKeys[key] else { continue }
            if value == .null || value == .bool(false) || neutral.contains(value) { continue }
            throw unsupported(key, value.text)
        }
    }

    /// Refuses any member that wasn't read: for objects of which every member matters.
    func refuseAllUnread() throws(ModelError) {
        for (key, value) in members.sorted(by: { $0.key < $1.key }) where !readKeys.keys.contains(key) {
            // YaRN's first files say that they were trained.
            if value == .null || key == "finetuned" { continue }
            throw unsupported(key, value.text)
        }
    }

    /// Keys that change a forward pass in some family, with the values, beside null and false, that don't.
    ///
    /// Other keys are names, training settings and defaults of generation, of which files hold any number.
    private static let significantKeys: [String: [ConfigurationValue]] = [
        "activation_function": [], "alibi": [], "attention_bias": [], "attention_multiplier": [.number(1)],
        "attention_out_bias": [], "attn_logit_softcapping": [], "clip_qkv": [], "embedding_multiplier": [.number(1)],
        "embedding_size": [], "layer_norm_eps": [], "layer_norm_epsilon": [], "rms_norm_eps": [],
        "rotary_emb_base": [], "final_logit_softcapping": [], "hidden_act": [], "hidden_activation": [],
        "layer_types": [], "logit_scale": [.number(1)], "logits_scaling": [.number(1)], "mlp_bias": [],
        "no_rope_layers": [], "num_experts": [.number(0), .number(1)], "num_local_experts": [.number(0), .number(1)],
        "partial_rotary_factor": [.number(1)], "qk_layernorm": [], "qk_norm": [], "query_pre_attn_scalar": [],
        "residual_multiplier": [.number(1)], "rope_interleaved": [], "rope_parameters": [], "rope_scaling": [],
        "rotary_pct": [.number(1)], "sliding_window": [], "sliding_window_pattern": [], "use_alibi": [],
        "use_bidirectional_attention": [], "use_parallel_residual": [], "use_qk_norm": [], "use_qkv_bias": [],
        "use_sliding_window": [],
    ]
}

/// The whole contents of a file.
func readConfiguration(_ path: String) throws(ModelError) -> Data {
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
    } catch DecodingError.typeMismatch(_, let place) where place.codingPath.isEmpty {
        throw .malformedConfiguration(file: file, reason: "the file is of the wrong type")
    } catch {
        throw .malformedConfiguration(
            file: file, reason: "the file is not valid JSON or holds a number out of range")
    }
}
