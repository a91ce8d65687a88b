internal import FileReading
import Foundation
internal import StrictJSON

/// A file of questions about long texts with their answers, in the form of LongBench or L-Eval: a JSON object in each line.
///
/// - LongBench (Bai et al., 2023, arXiv 2308.14508): `input` (the question), `context`, `answers` (a list), and, if they are
///   there, `dataset`, `language` and `length` (in words).
/// - L-Eval (An et al., 2023, arXiv 2307.11088): `input` (the text), `instructions` and `outputs` (lists of the same length),
///   and, if it is there, `evaluation`.
///
/// Other keys are ignored. A line without `dataset` belongs to the data set that the file is named after.
public struct DataSet: Sendable {
    /// The file's name without its folder.
    public let fileName: String
    /// The SHA-256 of the file.
    public let hash: String
    /// The samples in the file's order.
    public let samples: [DataSetSample]
    /// The file's path, for errors.
    let path: String

    /// The most bytes of a line. A longer text has more tokens than any model reads.
    static let maximumLineByteCount = 1 << 26
    /// The most data sets in a file.
    static let maximumDataSetCount = 1000
    /// The most samples in a file.
    static let maximumSampleCount = 1_000_000

    /// Reads a file of at most 1 GiB.
    ///
    /// - Throws: ``EvaluationError/file(_:reason:)``, or ``EvaluationError/malformedLine(file:line:reason:)`` for a line of
    ///   another form.
    public init(contentsOfFile path: String) throws(EvaluationError) {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try readWholeFile(path)
        } catch { throw .file(error.path, reason: error.reason) }
        let url = URL(fileURLWithPath: path)
        self.path = path
        fileName = url.lastPathComponent
        var samples: [DataSetSample] = []
        var names: Set<String> = []
        let ownName = url.deletingPathExtension().lastPathComponent
        var (start, number) = (0, 0)
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            number += 1
            let line = start..<end
            start = end + 1
            if bytes[line].allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }) { continue }
            func refuse(_ reason: String) -> EvaluationError {
                .malformedLine(file: path, line: number, reason: reason)
            }
            guard line.count <= Self.maximumLineByteCount else {
                throw refuse("has more than \(Self.maximumLineByteCount) bytes")
            }
            let members = try bytes.withUnsafeBufferPointer { (bytes) throws(EvaluationError) in
                try DataSetLine(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[line])), refuse)
            }
            samples += try members.samples(number: number, ownName: ownName, refuse)
            if let name = samples.last?.dataSet { names.insert(name) }
            guard samples.count <= Self.maximumSampleCount else {
                throw refuse("is one too many; a file may have \(Self.maximumSampleCount) samples")
            }
            guard names.count <= Self.maximumDataSetCount else {
                throw refuse("is of yet another data set; a file may have \(Self.maximumDataSetCount)")
            }
        }
        guard !samples.isEmpty else { throw .file(path, reason: "holds no sample") }
        self.samples = samples
        hash = SHA256.hash(of: bytes)
    }
}

/// The members of a line that mean something here.
private struct DataSetLine {
    private var texts: [String: String] = [:]
    private var lists: [String: [String]] = [:]
    private var length: Int?

    /// - Parameter refuse: Makes an error of a reason.
    init(_ bytes: UnsafeRawBufferPointer, _ refuse: (String) -> EvaluationError) throws(EvaluationError) {
        func refusal(_ error: JSONError) -> EvaluationError { refuse("column \(error.column): \(error.reason)") }
        var reader = try translating(refusal) { () throws(JSONError) in try JSONReader(bytes) }
        try reader.object(refusal) { reader, key throws(EvaluationError) in
            func refusal(_ error: JSONError) -> EvaluationError {
                refuse("\"\(key)\", column \(error.column): \(error.reason)")
            }
            switch key {
            case "input", "context", "dataset", "language", "evaluation":
                texts[key] = try translating(refusal) { () throws(JSONError) in try reader.string() }
            case "answers", "instructions", "outputs":
                var list: [String] = []
                try reader.array(refusal) { reader throws(EvaluationError) in
                    list.append(try translating(refusal) { () throws(JSONError) in try reader.string() })
                }
                lists[key] = list
            case "length": length = try translating(refusal) { () throws(JSONError) in try reader.naturalNumber() }
            default: try translating(refusal) { () throws(JSONError) in try reader.skipValue() }
            }
        }
        try translating(refusal) { () throws(JSONError) in try reader.expectEnd() }
    }

    /// The questions of the line.
    func samples(
        number: Int, ownName: String, _ refuse: (String) -> EvaluationError
    ) throws(EvaluationError) -> [DataSetSample] {
        let name = texts["dataset"] ?? ownName
        // Names go to terminals, tables and pictures.
        guard (1...64).contains(name.unicodeScalars.count), name.unicodeScalars.allSatisfy(Self.isPrintable) else {
            throw refuse("the name of its data set is empty, has more than 64 characters or an unprintable one")
        }
        func required<Value>(_ value: Value?, _ key: String) throws(EvaluationError) -> Value {
            guard let value else { throw refuse("has no \"\(key)\"") }
            return value
        }
        func sample(
            _ context: String, _ contextWordCount: Int, _ question: String, _ answers: [String]
        ) throws(EvaluationError) -> DataSetSample {
            guard !context.isEmpty || !question.isEmpty else { throw refuse("has neither a text nor a question") }
            guard !answers.contains(where: { $0.allSatisfy(\.isWhitespace) }) else {
                throw refuse("has an empty answer, which any text would contain")
            }
            return DataSetSample(
                dataSet: name, line: number, context: context, question: question, answers: answers,
                wordCount: length ?? contextWordCount + DataSetSample.wordCount([question] + answers),
                language: texts["language"], evaluation: texts["evaluation"]?.lowercased())
        }
        if texts["context"] != nil || lists["answers"] != nil {
            let question = try required(texts["input"], "input")
            let context = try required(texts["context"], "context")
            let answers = try required(lists["answers"], "answers")
            guard !answers.isEmpty else { throw refuse("\"answers\" is empty") }
            return [try sample(context, DataSetSample.wordCount([context]), question, answers)]
        }
        guard lists["instructions"] != nil || lists["outputs"] != nil else {
            throw refuse(
                "is of neither form: LongBench's has \"input\", \"context\" and \"answers\", and L-Eval's \"input\", "
                    + "\"instructions\" and \"outputs\"")
        }
        let context = try required(texts["input"], "input")
        let instructions = try required(lists["instructions"], "instructions")
        let outputs = try required(lists["outputs"], "outputs")
        guard !instructions.isEmpty, instructions.count == outputs.count else {
            throw refuse(
                "has \(instructions.count) \"instructions\" and \(outputs.count) \"outputs\"; there must be as many of "
                    + "both, and at least one")
        }
        let contextWordCount = DataSetSample.wordCount([context])
        var samples: [DataSetSample] = []
        for (instruction, output) in zip(instructions, outputs) {
            samples.append(try sample(context, contextWordCount, instruction, [output]))
        }
        return samples
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}

/// Reads with this module's error.
private func translating<Value>(
    _ translate: (JSONError) -> EvaluationError, _ read: () throws(JSONError) -> Value
) throws(EvaluationError) -> Value {
    do throws(JSONError) { return try read() } catch { throw translate(error) }
}
