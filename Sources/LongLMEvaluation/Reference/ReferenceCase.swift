internal import FileReading
import LongLM
internal import StrictJSON

/// One reference case: an input, an attention mode, and the logits that the reference computed.
///
/// A directory of cases holds `cases.json`, an array of these, beside a safetensors file for each.
public struct ReferenceCase: Sendable {
    /// The safetensors file with `input_ids [n]`, `logits [≤ n, V]`, and optionally `baseline_logits [≤ n, V]` and
    /// `decode_logits [m, V]`.
    public let file: String
    /// N, the length of the input.
    public let n: Int
    /// The attention mode as `AttentionMode(text:)` reads it; nil: the members from `group` on name it.
    public let attention: String?
    /// G; k of Leaky ReRoPE. 1 where `attention` is there.
    public let group: Int
    /// W. 1 where `attention` is there.
    public let window: Int
    /// The base of the query scale; −1: no scale.
    public let scaleBase: Double
    /// How the grouped query is shifted: `floor` or `fractional`.
    public let shift: String
    /// `self_extend`, `rerope` or `leaky_rerope`; nil: `self_extend`.
    public let mode: String?
    /// The length that rotary frequencies are chosen for, where they depend on it; nil: N.
    public let length: Int?

    /// The attention mode.
    ///
    /// - Throws: ``ReferenceError/malformedCases(file:reason:)`` when `attention`, `mode` or `shift` is unknown.
    public func attention(casesFile: String) throws(ReferenceError) -> AttentionMode {
        if let attention {
            do {
                return try AttentionMode(text: attention)
            } catch { throw .malformedCases(file: casesFile, reason: "\(error)") }
        }
        let base = scaleBase > 0 ? Float(scaleBase) : nil
        switch mode ?? "self_extend" {
        case "self_extend":
            guard let shift = SelfExtend.Shift(rawValue: shift) else {
                throw .malformedCases(file: casesFile, reason: "unknown shift \(shift)")
            }
            return .selfExtend(
                SelfExtend(groupSize: group, neighborWindow: window, shift: shift, queryScaleBase: base))
        case "rerope": return .reRoPE(ReRoPE(neighborWindow: window, queryScaleBase: base))
        case "leaky_rerope":
            return .leakyReRoPE(
                LeakyReRoPE(slowdown: Double(group), neighborWindow: window, queryScaleBase: base))
        case let mode: throw .malformedCases(file: casesFile, reason: "unknown mode \(mode)")
        }
    }

    /// Reads a directory's `cases.json`.
    ///
    /// - Throws: ``ReferenceError/malformedCases(file:reason:)``.
    public static func read(directory: String) throws(ReferenceError) -> [ReferenceCase] {
        let path = directory + "/cases.json"
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try readWholeFile(path)
        } catch { throw .malformedCases(file: path, reason: error.reason) }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: bytes)
        } catch { throw .malformedCases(file: path, reason: error.text) }
        guard let entries = value.elements else {
            throw .malformedCases(file: path, reason: "is not a list of reference cases")
        }
        guard !entries.isEmpty else { throw .malformedCases(file: path, reason: "holds no case") }
        var cases: [ReferenceCase] = []
        for (index, entry) in entries.enumerated() {
            cases.append(try ReferenceCase(CaseFields(file: path, number: index + 1, value: entry)))
        }
        return cases
    }

    private init(_ fields: CaseFields) throws(ReferenceError) {
        file = try fields.required("file", "a string") { $0.string }
        n = try fields.required("n", "a whole number") { $0.number?.wholeNumber }
        attention = try fields.optional("attention", "a string") { $0.string }
        if attention == nil {
            group = try fields.required("group", "a whole number") { $0.number?.wholeNumber }
            window = try fields.required("window", "a whole number") { $0.number?.wholeNumber }
            scaleBase = try fields.required("scale_base", "a number") { $0.number?.double }
            shift = try fields.required("shift", "a string") { $0.string }
        } else {
            (group, window, scaleBase, shift) = (1, 1, -1, SelfExtend.Shift.floor.rawValue)
        }
        mode = try fields.optional("mode", "a string") { $0.string }
        length = try fields.optional("length", "a whole number") { $0.number?.wholeNumber }
        guard !file.isEmpty, !file.contains("/"), !file.contains("\\") else {
            throw .malformedCases(file: fields.file, reason: "\(file) is not a file name")
        }
    }
}

/// The members of one case of a cases.json.
private struct CaseFields {
    let file: String
    /// The case's place in the file, from 1.
    let number: Int
    let value: JSONValue

    /// - Parameters:
    ///   - expected: What the member must be, for the error.
    ///   - read: Gives nil for a value of another type.
    func required<Value>(
        _ key: String, _ expected: String, _ read: (JSONValue) -> Value?
    ) throws(ReferenceError) -> Value {
        guard let value = try optional(key, expected, read) else {
            throw .malformedCases(file: file, reason: "case \(number) has no \(key)")
        }
        return value
    }

    /// The same; nil when the member is absent or null.
    func optional<Value>(
        _ key: String, _ expected: String, _ read: (JSONValue) -> Value?
    ) throws(ReferenceError) -> Value? {
        guard let members = value.members else {
            throw .malformedCases(file: file, reason: "case \(number) is not an object")
        }
        guard let value = members.value(of: key), !value.isNull else { return nil }
        guard let result = read(value) else {
            throw .malformedCases(file: file, reason: "case \(number): \(key) is not \(expected)")
        }
        return result
    }
}

/// Why reference cases can't be run. A comparison that failed is a result, not an error.
public enum ReferenceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A cases.json that can't be read or has another form than expected.
    case malformedCases(file: String, reason: String)
    /// A case whose tensors have shapes that don't fit together.
    case malformedCase(file: String, reason: String)
    /// A checkpoint or case file that is not valid.
    case tensors(SafetensorsError)
    /// A model that can't be loaded.
    case model(ModelError)
    /// A case that the session refuses.
    case session(file: String, SessionError)
    /// Comparisons that failed, of ``ReferenceCase/verify(directory:modelDirectory:threadCount:)``.
    case mismatches([ReferenceResult])

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .malformedCases(let file, let reason): "\(file): \(reason)"
        case .malformedCase(let file, let reason): "\(file): \(reason)"
        case .tensors(let error): "\(error)"
        case .model(let error): "\(error)"
        case .session(let file, let error): "\(file): \(error)"
        case .mismatches(let results):
            "logits differ from the reference: "
                + results.map { "\($0.directory)/\($0.file), \($0.mode)" }.joined(separator: "; ")
        }
    }
}
