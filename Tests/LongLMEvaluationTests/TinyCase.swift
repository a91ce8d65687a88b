import LongLM
import LongLMEvaluation
import TestSupport

/// A directory of one reference case, whose logits a session of the tiny model computed, with parts replaced.
struct TinyCase {
    static let vocabularySize = 67
    static let file = "case.safetensors"

    let tiny = TinyLlama()
    let directory: TemporaryDirectory
    let n: Int
    /// The values of the case in cases.json, as JSON.
    var entry: [String: String]
    var tokens: [Int]
    var logits: [Float]
    var baselineLogits: [Float]?
    var decodeLogits: [Float]?

    /// A case of `n` tokens, the last `decoded` of them decoded, with its model in the same directory.
    init(n: Int = 40, decoded: Int = 8, selfExtend: SelfExtend = SelfExtend(groupSize: 4, neighborWindow: 16)) throws {
        directory = try TemporaryDirectory()
        try tiny.write(to: directory)
        self.n = n
        var generator = SeededGenerator(seed: 71)
        tokens = generator.tokens(n, below: Self.vocabularySize)
        let scaleBase = selfExtend.queryScaleBase ?? -1
        entry = [
            "file": "\"\(Self.file)\"", "n": "\(n)", "group": "\(selfExtend.groupSize)",
            "window": "\(selfExtend.neighborWindow)", "scale_base": "\(scaleBase)",
            "shift": "\"\(selfExtend.shift.rawValue)\"",
        ]
        let model = try LanguageModel(directory: directory.path)
        baselineLogits = try Session(model: model, options: SessionOptions(capacity: n)).prefillAllLogits(tokens)
        let session = try Session(
            model: model, options: SessionOptions(attention: AttentionMode(selfExtend), capacity: n))
        logits = try session.prefillAllLogits(tokens)
        decodeLogits = Array(logits.suffix(decoded * Self.vocabularySize))
    }

    /// Writes cases.json and the case's file.
    func write() throws {
        try directory.write("[\(jsonObject(entry))]", to: "cases.json")
        var writer = SafetensorsWriter()
        let bytes = tokens.flatMap { token in withUnsafeBytes(of: Int64(token).littleEndian) { Array($0) } }
        try writer.add("input_ids", dtype: .int64, shape: [tokens.count], bytes: bytes)
        try writer.add("logits", shape: [logits.count], floats: logits)
        if let baselineLogits {
            try writer.add("baseline_logits", shape: [baselineLogits.count], floats: baselineLogits)
        }
        if let decodeLogits { try writer.add("decode_logits", shape: [decodeLogits.count], floats: decodeLogits) }
        try writer.write(to: directory.file(Self.file))
    }

    /// Writes and runs the case.
    func results(threadCount: Int? = nil) throws -> [ReferenceResult] {
        try write()
        return try run(directory.path, threadCount: threadCount)
    }

    /// What it is refused for when it is written and run; nil when it runs.
    func refusal(threadCount: Int? = nil) throws -> ReferenceError? {
        try write()
        return refusalOfWhatIsThere(threadCount: threadCount)
    }

    /// What it is refused for when it is run from the files as they are.
    func refusalOfWhatIsThere(threadCount: Int? = nil) -> ReferenceError? {
        do throws(ReferenceError) {
            _ = try run(directory.path, threadCount: threadCount)
            return nil
        } catch { return error }
    }
}

/// All results of a directory of cases.
func run(
    _ directory: String, modelDirectory: String? = nil, threadCount: Int? = nil
) throws(ReferenceError) -> [ReferenceResult] {
    let verification = try ReferenceVerification(
        directory: directory, modelDirectory: modelDirectory, threadCount: threadCount)
    var results: [ReferenceResult] = []
    try verification.run { results.append($0) }
    return results
}
