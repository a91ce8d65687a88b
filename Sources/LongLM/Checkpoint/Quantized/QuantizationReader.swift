internal import FileReading
import Foundation
internal import StrictJSON

/// Reads the members of an object that says how a checkpoint is quantised.
struct QuantizationReader {
    private let file: String
    /// What errors call the object.
    private let path: String
    private let members: [JSONMember]

    init(_ members: [JSONMember], file: String, path: String) {
        self.members = members
        self.file = file
        self.path = path
    }

    /// The keys, in the order of the file.
    var keys: [String] { members.map { String(decoding: $0.key, as: UTF8.self) } }

    /// An error about a form that isn't read.
    func unsupported(_ form: String, _ reason: String) -> CheckpointError {
        .unsupportedQuantization(file: file, form: form, reason: reason)
    }

    /// An error about what the object says.
    func invalid(_ reason: String) -> CheckpointError { .invalidQuantization(file: file, reason: "\(path) \(reason)") }

    private func value<Value>(
        _ key: String, _ expected: String, _ convert: (JSONValue) -> Value?
    ) throws(CheckpointError) -> Value? {
        guard let value = members.value(of: key), !value.isNull else { return nil }
        guard let converted = convert(value) else { throw invalid("has a member \(key) that is not \(expected)") }
        return converted
    }

    /// A string; nil when absent or null.
    func string(_ key: String) throws(CheckpointError) -> String? { try value(key, "a string") { $0.string } }

    /// true or false; nil when absent or null.
    func bool(_ key: String) throws(CheckpointError) -> Bool? { try value(key, "true or false") { $0.bool } }

    /// A whole number; nil when absent or null.
    func integer(_ key: String) throws(CheckpointError) -> Int? {
        try value(key, "a whole number") { $0.number?.wholeNumber }
    }

    /// A whole number that must be there.
    func requiredInteger(_ key: String) throws(CheckpointError) -> Int {
        guard let integer = try integer(key) else { throw invalid("has no member \(key)") }
        return integer
    }

    /// Whole numbers; nil when absent or null.
    func integers(_ key: String) throws(CheckpointError) -> [Int]? {
        try value(key, "a list of whole numbers") { value in
            guard let elements = value.elements else { return nil }
            let integers = elements.compactMap { $0.number?.wholeNumber }
            return integers.count == elements.count ? integers : nil
        }
    }

    /// An object; nil when absent or null.
    func object(_ key: String) throws(CheckpointError) -> QuantizationReader? {
        try value(key, "an object") { value in
            value.members.map { QuantizationReader($0, file: file, path: "\(path).\(key)") }
        }
    }

    /// An object; nil in place of a truth value.
    func objectOrBool(_ key: String) throws(CheckpointError) -> QuantizationReader? {
        boolIfAny(key) == nil ? try object(key) : nil
    }

    /// A truth value; nil for anything else.
    func boolIfAny(_ key: String) -> Bool? { members.value(of: key)?.bool }

    /// Whether a member is absent, null, or an object or a list of nothing.
    func isEmpty(_ key: String) throws(CheckpointError) -> Bool {
        guard let value = members.value(of: key), !value.isNull else { return true }
        return value.members?.isEmpty ?? value.elements?.isEmpty ?? false
    }

    /// How many columns share a scale; nil for −1, which stands for all of them.
    func groupLength(_ key: String) throws(CheckpointError) -> Int? {
        let length = try requiredInteger(key)
        guard length == -1 || (1...(1 << 24)).contains(length) else {
            throw invalid("has a \(key) of \(length); it must be -1, or between 1 and \(1 << 24)")
        }
        return length == -1 ? nil : length
    }
}

// MARK: Recognising forms

extension QuantizationReader {
    /// How the checkpoint in a directory is quantised; nil for one that isn't.
    ///
    /// - Parameters:
    ///   - directory: The model's directory.
    ///   - configuration: The contents of its config.json.
    /// - Throws: ``CheckpointError`` for a form that isn't read, by its name.
    static func form(
        directory: String, configuration: [UInt8]
    ) throws(CheckpointError) -> (any QuantizationForm)? {
        let file = directory + "/config.json"
        let root = try QuantizationReader(parsing: configuration, file: file, path: "the file")
        // MLX writes the same twice, and the second time under the key that others use.
        if let own = try root.named("quantization") { return try MLXAffine(own) }
        if let config = try root.named("quantization_config") { return try config.form() }
        let other = directory + "/quantize_config.json"
        guard FileManager.default.fileExists(atPath: other) else { return nil }
        let json: [UInt8]
        do throws(FileError) {
            json = try readWholeFile(other)
        } catch { throw .invalidQuantization(file: other, reason: error.reason) }
        let reader = try QuantizationReader(parsing: json, file: other, path: "the file")
        if reader.keys.contains("quant_method") { return try reader.form() }
        return try GPTQ(reader)
    }

    private init(parsing json: [UInt8], file: String, path: String) throws(CheckpointError) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: json, readsNonFinite: true)
        } catch { throw .invalidQuantization(file: file, reason: error.text) }
        guard let members = value.members else {
            throw .invalidQuantization(file: file, reason: "holds no JSON object")
        }
        self.init(members, file: file, path: path)
    }

    /// An object that errors call by its key alone.
    private func named(_ key: String) throws(CheckpointError) -> QuantizationReader? {
        try object(key).map { QuantizationReader($0.members, file: file, path: key) }
    }

    /// The form that a method's name and settings say.
    private func form() throws(CheckpointError) -> any QuantizationForm {
        guard let method = try string("quant_method") else {
            if keys.contains("load_in_4bit") || keys.contains("load_in_8bit") { throw bitsAndBytes() }
            if keys.contains("bits"), keys.contains("group_size") { return try MLXAffine(self) }
            throw invalid("has no quant_method")
        }
        switch method.lowercased() {
        case "gptq": return try GPTQ(self)
        case "awq": return try AWQ(self)
        case "compressed-tensors": return try CompressedTensors(self)
        case "fp8": return try BlockFloat8(self)
        case "bitsandbytes": throw bitsAndBytes()
        default: throw unsupported(method, "which isn't read; take the original, or a GGUF file")
        }
    }

    private func bitsAndBytes() -> CheckpointError {
        let isInt8 = members.value(of: "load_in_8bit")?.bool ?? false
        let type = members.value(of: "bnb_4bit_quant_type")?.string ?? "nf4"
        return unsupported(
            "bitsandbytes \(isInt8 ? "int8" : type)", "which isn't read; take the original, or a GGUF file")
    }
}
