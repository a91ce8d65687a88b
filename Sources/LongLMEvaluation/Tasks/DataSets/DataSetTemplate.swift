import Foundation
import LongLM
internal import StrictJSON

/// How a sample becomes a prompt: a text in which `{context}` and `{input}` stand for the sample's text and question.
public struct DataSetTemplate: Sendable, Equatable {
    /// The file's name, or `default`.
    public let name: String
    /// The SHA-256 of the file, or of nothing for the default.
    public let hash: String
    private let texts: Texts

    private enum Texts: Equatable {
        case standard
        case one(String)
        /// By the names of data sets.
        case named([String: String])
    }

    /// The text, and after it the question and `Answer:`. If there is no question, a summary is asked for.
    public static let standard = DataSetTemplate(name: "default", hash: SHA256.hash(of: []), texts: .standard)

    private init(name: String, hash: String, texts: Texts) {
        (self.name, self.hash, self.texts) = (name, hash, texts)
    }

    /// Reads a template from a text file, whose last line break doesn't count, or templates from a file whose name ends in
    /// `.json`: an object with the names of data sets as keys, such as LongBench's `dataset2prompt.json`.
    ///
    /// - Throws: ``EvaluationError/file(_:reason:)``, also for a template without `{context}`.
    public init(contentsOfFile path: String) throws(EvaluationError) {
        let bytes = [UInt8](try readFile(path, maximumByteCount: 1 << 20))
        name = URL(fileURLWithPath: path).lastPathComponent
        hash = SHA256.hash(of: bytes)
        func check(_ text: String, _ place: String = "") throws(EvaluationError) {
            guard text.contains("{context}") else {
                throw .file(path, reason: "\(place)has no {context}, where the text goes")
            }
        }
        guard path.lowercased().hasSuffix(".json") else {
            guard var text = String(validating: bytes, as: UTF8.self) else {
                throw .file(path, reason: "is not UTF-8 text")
            }
            if text.last?.isNewline == true { text.removeLast() }
            try check(text)
            texts = .one(text)
            return
        }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: bytes)
        } catch { throw .file(path, reason: error.text) }
        guard let members = value.members else { throw .file(path, reason: "is no JSON object of templates") }
        var named: [String: String] = [:]
        for member in members {
            let name = String(decoding: member.key, as: UTF8.self)
            guard let text = member.value.string else { throw .file(path, reason: "\"\(name)\" is no text") }
            try check(text, "\"\(name)\" ")
            named[name] = text
        }
        texts = .named(named)
    }

    /// The prompt of a sample.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when there is no template for its data set, or no place for its
    ///   question.
    func prompt(of sample: DataSetSample) throws(EvaluationError) -> String {
        let text: String
        switch texts {
        case .standard:
            text =
                sample.question.isEmpty
                ? "{context}\n\nSummary of the text above:" : "{context}\n\nQuestion: {input}\nAnswer:"
        case .one(let only):
            text = only
            guard sample.question.isEmpty || text.contains("{input}") else {
                throw .invalidSetting("\(name): has no {input}, where the question of line \(sample.line) goes")
            }
        case .named(let named):
            // LongBench-E's data sets have the templates of LongBench's.
            let short = sample.dataSet.hasSuffix("_e") ? String(sample.dataSet.dropLast(2)) : sample.dataSet
            guard let found = named[sample.dataSet] ?? named[short] else {
                throw .invalidSetting("\(name): has no template for the data set \(sample.dataSet)")
            }
            text = found
        }
        return Self.filled(text, sample)
    }

    /// One pass, so that a text which spells a placeholder stays as it is.
    private static func filled(_ template: String, _ sample: DataSetSample) -> String {
        var prompt = ""
        var rest = template[...]
        while let brace = rest.firstIndex(of: "{") {
            prompt += rest[..<brace]
            rest = rest[brace...]
            if rest.hasPrefix("{context}") {
                prompt += sample.context
                rest = rest.dropFirst("{context}".count)
            } else if rest.hasPrefix("{input}") {
                prompt += sample.question
                rest = rest.dropFirst("{input}".count)
            } else {
                prompt += "{"
                rest = rest.dropFirst()
            }
        }
        return prompt + rest
    }
}
