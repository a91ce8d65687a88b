import LongLM
internal import StrictJSON

/// The words of a pass key task: a key hidden in filler, and a question at the end (Mohtashami and Jaggi, 2023: Landmark
/// Attention; LongLM's example).
public struct PasskeyTemplate: Sendable, Codable, Equatable {
    /// What the text begins with; may be empty.
    public var introduction: String
    /// Pieces of filler. Each place of the text takes one of them at random.
    public var filler: [String]
    /// The sentence that is hidden between two pieces; every `{key}` in it becomes the key.
    public var key: String
    /// What the text ends with. The model should continue with the key.
    public var question: String

    /// A template.
    public init(introduction: String, filler: [String], key: String, question: String) {
        self.introduction = introduction
        self.filler = filler
        self.key = key
        self.question = question
    }

    /// The template that is widely used.
    public static let standard = PasskeyTemplate(
        introduction: "There is an important info hidden inside a lot of irrelevant text. Find it and memorize it. "
            + "I will quiz you about the important information there.\n",
        filler: ["The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. "],
        key: "The pass key is {key}. Remember it. {key} is the pass key. ",
        question: "\nWhat is the pass key? The pass key is")

    /// Reads a template from a JSON file with the members `introduction`, `filler`, `key` and `question`.
    ///
    /// - Throws: ``EvaluationError/file(_:reason:)``.
    public init(contentsOfFile path: String) throws(EvaluationError) {
        let contents = try readFile(path)
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: [UInt8](contents))
        } catch { throw .file(path, reason: error.text) }
        let pieces = value["filler"]?.elements
        guard let introduction = value["introduction"]?.string, let key = value["key"]?.string,
            let question = value["question"]?.string, let filler = pieces?.compactMap({ $0.string }),
            filler.count == pieces?.count
        else { throw .file(path, reason: "is no template of a pass key task") }
        self.init(introduction: introduction, filler: filler, key: key, question: question)
        guard !filler.isEmpty, !filler.contains(""), key.contains("{key}"), !question.isEmpty else {
            throw .file(path, reason: "needs filler, a key sentence with {key}, and a question")
        }
    }

    /// The text with a key at a depth, and `count` pieces of filler.
    func text(key: String, depth: Double, filler pieces: ArraySlice<String>) -> String {
        let place = pieces.startIndex + Int((depth * Double(pieces.count)).rounded())
        return introduction + pieces[..<place].joined() + self.key.replacing("{key}", with: key)
            + pieces[place...].joined() + question
    }
}
