internal import FileReading
import SIMDKernels
internal import StrictJSON

/// Reads the members of config.json, or of an object in it, by name and type.
///
/// It remembers which members were read. A member that changes a forward pass and that nothing has read is refused, so
/// that no model runs without a feature that its configuration asks for.
struct ConfigurationReader {
    let file: String
    private let members: [JSONMember]
    /// What errors put before a key: the keys of the objects that it stands in.
    private let path: String
    /// What errors call a key instead, where the file that it comes from spells it differently.
    private let spellings: [String: String]
    private let readKeys: KeyLog

    /// The keys that were read. Copies of a reader share them.
    private final class KeyLog { var keys: Set<String> = [] }

    /// Parses a file's contents.
    init(json: [UInt8], file: String) throws(ModelError) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: json, readsNonFinite: true)
        } catch { throw .malformedConfiguration(file: file, reason: error.text) }
        guard case .object(let members) = value else {
            throw .malformedConfiguration(file: file, reason: "holds no JSON object")
        }
        self.init(members, file, path: "")
    }

    /// Reads members that were made from another kind of file.
    ///
    /// - Parameter spellings: What errors call a key instead. A key in an object is spelled with the object's key and a dot
    ///   before it.
    init(_ members: [JSONMember], file: String, spellings: [String: String]) {
        self.init(members, file, path: "", spellings: spellings)
    }

    private init(_ members: [JSONMember], _ file: String, path: String, spellings: [String: String] = [:]) {
        self.file = file
        self.members = members
        self.path = path
        self.spellings = spellings
        readKeys = KeyLog()
    }

    /// A member that isn't null.
    private func value(_ key: String) -> JSONValue? {
        readKeys.keys.insert(key)
        guard let value = members.value(of: key), !value.isNull else { return nil }
        return value
    }

    /// Whether there are no members.
    var isEmpty: Bool { members.isEmpty }

    /// Whether there is such a member, be it null.
    func has(_ key: String) -> Bool { members.value(of: key) != nil }

    /// What errors call a key.
    private func spelled(_ key: String) -> String { spellings[path + key] ?? path + key }

    private func wrongType(_ key: String, _ expected: String) -> ModelError {
        .malformedConfiguration(file: file, reason: "\(spelled(key)) is not \(expected)")
    }

    /// An error about a member's value.
    func invalid(_ key: String, _ reason: String) -> ModelError {
        .invalidConfiguration(file: file, key: spelled(key), reason: reason)
    }

    /// An error about a member that asks for a feature that this engine lacks.
    func unsupported(_ key: String, _ value: String) -> ModelError {
        .unsupportedFeature(file: file, key: spelled(key), value: value)
    }

    /// A number; nil when absent or null.
    func number(_ key: String) throws(ModelError) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.number else { throw wrongType(key, "a number") }
        guard number.double.isFinite else { throw invalid(key, "is \(number.double); it must be finite") }
        return number.double
    }

    /// A number that newer files give under another key, or under both; nil when absent or null.
    ///
    /// - Throws: ``ModelError/invalidConfiguration(file:key:reason:)`` when the two differ.
    func number(_ key: String, alsoSpelled other: String?) throws(ModelError) -> Double? {
        guard let other else { return try number(key) }
        let (first, second) = (try number(key), try number(other))
        if let first, let second, first != second {
            throw invalid(key, "is \(first), but \(spelled(other)) is \(second)")
        }
        return first ?? second
    }

    /// true or false; nil when absent or null.
    func bool(_ key: String) throws(ModelError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.bool else { throw wrongType(key, "true or false") }
        return bool
    }

    /// A string; nil when absent or null.
    func string(_ key: String) throws(ModelError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.string else { throw wrongType(key, "a string") }
        return string
    }

    /// A list of strings; nil when absent or null.
    func strings(_ key: String) throws(ModelError) -> [String]? {
        try list(key, "a list of strings") { $0.string }
    }

    /// A list of numbers; nil when absent or null.
    func numbers(_ key: String) throws(ModelError) -> [Double]? {
        let numbers = try list(key, "a list of numbers") { $0.number?.double }
        guard numbers?.allSatisfy(\.isFinite) ?? true else { throw invalid(key, "has a number that isn't finite") }
        return numbers
    }

    private func list<Element>(
        _ key: String, _ expected: String, _ element: (JSONValue) -> Element?
    ) throws(ModelError) -> [Element]? {
        guard let value = value(key) else { return nil }
        guard let values = value.elements else { throw wrongType(key, expected) }
        let elements = values.compactMap(element)
        guard elements.count == values.count else { throw wrongType(key, expected) }
        return elements
    }

    /// A reader of an object; nil when absent or null.
    func object(_ key: String) throws(ModelError) -> ConfigurationReader? {
        guard let value = value(key) else { return nil }
        guard let members = value.members else { throw wrongType(key, "an object") }
        return ConfigurationReader(members, file, path: "\(path)\(key).", spellings: spellings)
    }

    /// Whole numbers: one, or a list of them; nil when absent or null.
    func integers(_ key: String) throws(ModelError) -> [Int]? {
        guard let value = value(key) else { return nil }
        let values = value.elements ?? [value]
        let integers = values.compactMap { $0.number?.wholeNumber }
        guard integers.count == values.count else { throw wrongType(key, "a whole number or a list of them") }
        return integers
    }

    /// A size; nil when absent or null.
    func size(_ key: String, largest: Int = ModelConfiguration.largestSize) throws(ModelError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let number = value.number else { throw wrongType(key, "a number") }
        guard let size = number.wholeNumber, (1...largest).contains(size) else {
            throw invalid(key, "is \(value.summary); it must be a whole number between 1 and \(largest)")
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
        // The arithmetic uses it as a 32-bit float, to which a positive number can round to 0 or to infinity.
        guard Float(value) > 0, Float(value).isFinite else { throw invalid(key, "is \(value); it must be positive") }
        return value
    }

    /// `layer_types`: whether each layer attends within a sliding window; nil when absent or null.
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

    /// Refuses members that change a forward pass and that nothing has read.
    func refuseUnread() throws(ModelError) {
        for (key, value) in unread {
            guard let neutral = Self.significantKeys[key] else { continue }
            if value.bool == false { continue }
            if let number = value.number, neutral.contains(number.double) { continue }
            // Newer files say this of every layer in families that have no other.
            let isFullAttention = value.elements?.allSatisfy { $0.string == "full_attention" } ?? false
            if key == "layer_types", isFullAttention { continue }
            throw unsupported(key, value.summary)
        }
    }

    /// Refuses every member that nothing has read: for objects in which each one matters.
    ///
    /// - Parameter harmless: Members that change nothing here.
    func refuseAllUnread(except harmless: Set<String>) throws(ModelError) {
        // `finetuned` in YaRN's first files only says that the model was trained with it.
        for (key, value) in unread where key != "finetuned" && !harmless.contains(key) {
            throw unsupported(key, value.summary)
        }
    }

    /// The members that nothing has read and that aren't null, by name: the same file must give the same error.
    private var unread: [(key: String, value: JSONValue)] {
        members.map { (String(decoding: $0.key, as: UTF8.self), $0.value) }
            .filter { !readKeys.keys.contains($0.0) && !$0.1.isNull }
            .sorted { $0.0 < $1.0 }
    }

    /// The keys that change a forward pass in some family, each with the numbers that change nothing. null and false
    /// change nothing either.
    ///
    /// Other keys are names, settings of the training and defaults of generation. Files hold any number of them.
    private static let significantKeys: [String: [Double]] = [
        "activation_function": [], "alibi": [], "attention_bias": [], "attention_multiplier": [1],
        "attention_out_bias": [], "attn_logit_softcapping": [], "clip_qkv": [], "embedding_multiplier": [1],
        "embedding_size": [], "layer_norm_eps": [], "layer_norm_epsilon": [], "rms_norm_eps": [],
        "rotary_emb_base": [], "final_logit_softcapping": [], "hidden_act": [], "hidden_activation": [],
        "layer_types": [], "logit_scale": [1], "logits_scaling": [1], "mlp_bias": [],
        "no_rope_layers": [], "num_experts": [0, 1], "num_local_experts": [0, 1],
        "partial_rotary_factor": [1], "qk_layernorm": [], "qk_norm": [], "query_pre_attn_scalar": [],
        "residual_multiplier": [1], "rope_interleaved": [], "rope_parameters": [], "rope_scaling": [],
        "rotary_pct": [1], "sliding_window": [], "sliding_window_pattern": [], "use_alibi": [],
        "use_bidirectional_attention": [], "use_parallel_residual": [], "use_qk_norm": [], "use_qkv_bias": [],
        "use_sliding_window": [],
    ]
}

extension JSONValue {
    /// The value in an error's words.
    fileprivate var summary: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let number): number.wholeNumber.map(String.init) ?? "\(number.double)"
        case .string(let bytes): String(decoding: bytes, as: UTF8.self)
        case .array: "a list"
        case .object: "an object"
        }
    }
}

/// Reads a whole file, with the error of models.
func readConfiguration(_ path: String) throws(ModelError) -> [UInt8] {
    do throws(FileError) {
        return try readWholeFile(path)
    } catch { throw .unreadable(file: error.path, reason: error.reason) }
}
