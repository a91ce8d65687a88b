import LongLM

/// One comparison of a reference case.
public struct ReferenceResult: Sendable, Codable, Equatable {
    /// The directory of the case.
    public let directory: String
    /// The case's file.
    public let file: String
    /// How the logits were computed, such as `prefill` or `chunks of 7`.
    public let mode: String
    /// The comparison.
    public let comparison: LogitComparison
    /// Whether it passes.
    public let passes: Bool
}

/// Runs reference cases against a model.
public struct ReferenceVerification {
    private let directory: String
    private let model: LanguageModel
    private let threadCount: Int?

    /// Loads a model for the cases of a directory.
    ///
    /// - Parameters:
    ///   - directory: Holds `cases.json`.
    ///   - modelDirectory: Holds the model, or is a GGUF file; nil: `directory` holds it.
    ///   - threadCount: Threads; nil: the default.
    ///   - instructionSet: The instruction set to compute with; nil: the default.
    /// - Throws: ``ReferenceError`` when the model can't be loaded.
    public init(
        directory: String, modelDirectory: String? = nil, threadCount: Int? = nil,
        instructionSet: InstructionSet? = nil
    ) throws(ReferenceError) {
        self.directory = directory
        self.threadCount = threadCount
        do {
            model = try LanguageModel(
                path: modelDirectory ?? directory, options: LoadOptions(instructionSet: instructionSet))
        } catch { throw .model(error) }
    }

    /// Runs every case of the directory.
    ///
    /// - Parameter report: Called with each result when it is known.
    /// - Throws: ``ReferenceError`` for the first case that can't be run. A failed comparison is a result.
    public func run(report: (ReferenceResult) -> Void) throws(ReferenceError) {
        for entry in try ReferenceCase.read(directory: directory) {
            try run(entry, report: report)
        }
    }

    /// Runs one case: the plain model, then the case's attention mode as one prefill, in chunks of 1, 7 and 64 tokens, and
    /// as a prefill followed by decoding.
    ///
    /// - Parameters:
    ///   - entry: The case, one of ``ReferenceCase/read(directory:)``.
    ///   - report: Called with each result when it is known.
    /// - Throws: ``ReferenceError`` when the case can't be run. A failed comparison is a result.
    public func run(_ entry: ReferenceCase, report: (ReferenceResult) -> Void) throws(ReferenceError) {
        let data = try CaseData(entry, path: directory + "/" + entry.file, model: model)
        let attention = try entry.attention(casesFile: directory + "/cases.json")
        if let baseline = data.baselineLogits {
            report(compare(entry, "plain", try compute(entry, data, .plain, chunk: entry.n), baseline))
        }
        report(compare(entry, "prefill", try compute(entry, data, attention, chunk: entry.n), data.logits))
        for chunk in [1, 7, 64] {
            let computed = try compute(entry, data, attention, chunk: chunk)
            report(compare(entry, "chunks of \(chunk)", computed, data.logits))
        }
        if let decodeLogits = data.decodeLogits {
            report(compare(entry, "decode", try decode(entry, data, attention), decodeLogits))
        }
    }

    private func compare(
        _ entry: ReferenceCase, _ mode: String, _ computed: [Float], _ reference: [Float]
    ) -> ReferenceResult {
        let vocabularySize = model.configuration.vocabularySize
        let comparison = LogitComparison(
            computed.suffix(reference.count), reference: reference, vocabularySize: vocabularySize,
            firstRow: entry.n - reference.count / vocabularySize)
        return ReferenceResult(
            directory: directory, file: entry.file, mode: mode, comparison: comparison, passes: comparison.passes)
    }

    /// All logits, from prefills of `chunk` tokens.
    private func compute(
        _ entry: ReferenceCase, _ data: CaseData, _ attention: AttentionMode, chunk: Int
    ) throws(ReferenceError) -> [Float] {
        do throws(SessionError) {
            let session = try session(attention, length: entry.length ?? entry.n)
            var logits: [Float] = []
            for start in stride(from: 0, to: entry.n, by: chunk) {
                logits += try session.prefillAllLogits(Array(data.tokens[start..<min(start + chunk, entry.n)]))
            }
            return logits
        } catch {
            throw .session(file: directory + "/" + entry.file, error)
        }
    }

    /// The logits of the last rows, decoded one by one after a prefill of the others.
    private func decode(
        _ entry: ReferenceCase, _ data: CaseData, _ attention: AttentionMode
    ) throws(ReferenceError) -> [Float] {
        let decodedCount = (data.decodeLogits?.count ?? 0) / model.configuration.vocabularySize
        do throws(SessionError) {
            let session = try session(attention, length: entry.length ?? entry.n)
            if decodedCount < entry.n { try session.prefill(Array(data.tokens.dropLast(decodedCount))) }
            var logits: [Float] = []
            for token in data.tokens.suffix(decodedCount) {
                try session.decode(token)
                logits += session.logits
            }
            return logits
        } catch {
            throw .session(file: directory + "/" + entry.file, error)
        }
    }

    private func session(_ attention: AttentionMode, length: Int) throws(SessionError) -> Session {
        try Session(
            model: model,
            options: SessionOptions(attention: attention, threadCount: threadCount, capacity: length))
    }
}

extension ReferenceCase {
    /// Runs all cases of a directory and throws when a comparison fails, as a test needs it:
    ///
    /// ```swift
    /// try ReferenceCase.verify(directory: "Tests/Reference/llama")
    /// ```
    ///
    /// - Parameters:
    ///   - directory: Holds `cases.json`.
    ///   - modelDirectory: Holds the model, or is a GGUF file; nil: `directory` holds it.
    ///   - threadCount: Threads; nil: the default.
    /// - Returns: The comparisons, all of which passed.
    /// - Throws: ``ReferenceError/mismatches(_:)`` when comparisons failed, another ``ReferenceError`` when cases can't be
    ///   run.
    @discardableResult
    public static func verify(
        directory: String, modelDirectory: String? = nil, threadCount: Int? = nil
    ) throws(ReferenceError) -> [ReferenceResult] {
        let verification = try ReferenceVerification(
            directory: directory, modelDirectory: modelDirectory, threadCount: threadCount)
        var results: [ReferenceResult] = []
        try verification.run { results.append($0) }
        let mismatches = results.filter { !$0.passes }
        guard mismatches.isEmpty else { throw .mismatches(mismatches) }
        return results
    }
}

/// The tensors of one case, whose shapes fit together.
private struct CaseData {
    let tokens: [Int]
    let logits: [Float]
    let baselineLogits: [Float]?
    let decodeLogits: [Float]?

    init(_ entry: ReferenceCase, path: String, model: LanguageModel) throws(ReferenceError) {
        let vocabularySize = model.configuration.vocabularySize
        do throws(SafetensorsError) {
            let file = try SafetensorsFile(path: path)
            tokens = try file.tensor("input_ids").integers()
            logits = try file.tensor("logits").floats()
            baselineLogits = file.contains("baseline_logits") ? try file.tensor("baseline_logits").floats() : nil
            decodeLogits = file.contains("decode_logits") ? try file.tensor("decode_logits").floats() : nil
        } catch {
            throw .tensors(error)
        }
        guard tokens.count == entry.n, entry.n > 0 else {
            throw .malformedCase(file: path, reason: "has \(tokens.count) tokens where cases.json says \(entry.n)")
        }
        for (name, values) in [
            ("logits", logits), ("baseline_logits", baselineLogits), ("decode_logits", decodeLogits),
        ] {
            guard let values else { continue }
            guard !values.isEmpty, values.count % vocabularySize == 0, values.count / vocabularySize <= entry.n else {
                throw .malformedCase(
                    file: path,
                    reason: "\(name) has \(values.count) numbers, not 1 to \(entry.n) rows of \(vocabularySize)")
            }
        }
    }
}
