import Foundation
import LongLM

/// One reference case: an input, an attention mode, and the logits that the reference computed.
///
/// A directory of cases holds `cases.json`, an array of these, beside a safetensors file for each.
public struct ReferenceCase: Sendable, Decodable {
    /// The safetensors file with `input_ids [n]`, `logits [≤ n, V]`, and optionally `baseline_logits [≤ n, V]` and
    /// `decode_logits [m, V]`.
    public let file: String
    /// N, the length of the input.
    public let n: Int
    /// G; k of Leaky ReRoPE.
    public let group: Int
    /// W.
    public let window: Int
    /// The base of the query scale; −1: no scale.
    public let scaleBase: Double
    /// How the grouped query is shifted: `floor` or `fractional`.
    public let shift: String
    /// `self_extend`, `rerope` or `leaky_rerope`; nil: `self_extend`.
    public let mode: String?
    /// The length that rotary frequencies are chosen for, where they depend on it; nil: N.
    public let length: Int?

    enum CodingKeys: String, CodingKey {
        case file, n, group, window, shift, mode, length
        case scaleBase = "scale_base"
    }

    /// The attention mode.
    ///
    /// - Throws: ``ReferenceError/malformedCases(file:reason:)`` when `mode` or `shift` is unknown.
    public func attention(casesFile: String) throws(ReferenceError) -> AttentionMode {
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
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw .malformedCases(file: path, reason: "can't be read")
        }
        let cases: [ReferenceCase]
        do {
            cases = try JSONDecoder().decode([ReferenceCase].self, from: data)
        } catch {
            throw .malformedCases(file: path, reason: "is not a list of reference cases")
        }
        guard !cases.isEmpty else { throw .malformedCases(file: path, reason: "holds no case") }
        for entry in cases where entry.file.isEmpty || entry.file.contains("/") || entry.file.contains("\\") {
            throw .malformedCases(file: path, reason: "\(entry.file) is not a file name")
        }
        return cases
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
