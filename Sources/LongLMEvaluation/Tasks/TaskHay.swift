/// The prose that tasks hide sentences in, as words. A longer text repeats it.
public struct TaskHay: Sendable {
    /// The words with their punctuation.
    let words: [String]
    /// The distinct plain words of at least four letters, in lower case and in the order of the alphabet.
    let vocabulary: [String]

    /// The words of a text.
    ///
    /// - Parameter name: The text's name in errors.
    /// - Throws: ``EvaluationError/file(_:reason:)`` when the text has no words.
    public init(_ text: String, name: String) throws(EvaluationError) {
        words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard !words.isEmpty else {
            throw .file(name, reason: "holds no words; there must be text to hide sentences in")
        }
        var vocabulary: Set<String> = []
        for word in words {
            let plain = word.lowercased()
            if plain.utf8.count >= 4, plain.utf8.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }) {
                vocabulary.insert(plain)
            }
        }
        self.vocabulary = vocabulary.sorted()
    }

    /// The first `count` words as sentences. The last one may be cut.
    func sentences(wordCount count: Int) -> [String] {
        var sentences: [String] = []
        var sentence: [String] = []
        for index in 0..<count {
            let word = words[index % words.count]
            sentence.append(word)
            let end = word.last { !"\"'”’)_*".contains($0) }
            guard let end, ".!?".contains(end) else { continue }
            sentences.append(sentence.joined(separator: " "))
            sentence = []
        }
        if !sentence.isEmpty { sentences.append(sentence.joined(separator: " ")) }
        return sentences
    }
}
