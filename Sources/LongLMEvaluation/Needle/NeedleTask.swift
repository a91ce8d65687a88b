import LongLM

/// A sentence that is hidden in a long text, and a question about it at the end (Kamradt, 2023: needle in a haystack).
public struct NeedleTask: Sendable {
    /// The hidden sentence.
    public let needle: String
    /// What the text ends with.
    public let question: String
    /// What a right answer contains.
    public let answer: String
    /// The tokens of the text around the needle. They are repeated for a longer text.
    let hay: [Int]
    /// What the tokenizer puts in front of every text.
    let prefix: [Int]
    let needleTokens: [Int]
    let questionTokens: [Int]
    let expected: ExpectedAnswer
    /// The most tokens of an answer.
    public let answerTokenLimit: Int
    /// [i]: the last boundary of sentences with at most i tokens of the hay before it.
    private let sentenceStarts: [Int]
    let tokenizer: Tokenizer

    /// The question that goes with ``standardNeedle(key:)``.
    public static let standardQuestion = "\n\nThe pass key is"

    /// A pass key as needle.
    public static func standardNeedle(key: String) -> String {
        "\n\nThe pass key is \(key). Remember it. \(key) is the pass key.\n\n"
    }

    /// A task for the model whose tokenizer is given.
    ///
    /// - Parameters:
    ///   - haystack: The text. Not empty.
    ///   - haystackName: The text's name in errors.
    ///   - needle: The sentence to hide. It goes between two sentences as it is, with its line breaks.
    ///   - question: What the text ends with.
    ///   - answer: What the model should continue with. An answer is right when it contains this.
    ///   - answerTokenLimit: The most tokens of an answer; nil: those of the right one and four more.
    ///   - tokenizer: The tokenizer of the model that answers.
    /// - Throws: ``EvaluationError``.
    public init(
        haystack: String, haystackName: String, needle: String, question: String, answer: String,
        answerTokenLimit: Int? = nil, tokenizer: Tokenizer
    ) throws(EvaluationError) {
        func encode(_ text: String) -> [Int] { tokenizer.encode(text, addSpecialTokens: false) }
        hay = encode(haystack)
        guard !hay.isEmpty else {
            let reason = haystack.isEmpty ? "is empty" : "holds no character that the tokenizer knows"
            throw .file(haystackName, reason: reason + "; there must be text to hide a needle in")
        }
        for (name, text) in [("needle", needle), ("question", question), ("answer", answer)] where text.isEmpty {
            throw .invalidSetting("the \(name) is empty")
        }
        self.needle = needle
        self.question = question
        self.answer = answer
        self.tokenizer = tokenizer
        prefix = tokenizer.encode("")
        needleTokens = encode(needle)
        questionTokens = encode(question)
        expected = ExpectedAnswer(answer, after: question, tokenizer)
        if let answerTokenLimit, answerTokenLimit < 1 {
            throw .invalidSetting("an answer of \(answerTokenLimit) tokens; there must be at least 1")
        }
        self.answerTokenLimit = answerTokenLimit ?? expected.tokens.count + 4
        var starts = [0]
        for (index, token) in hay.enumerated() {
            let text = (try? tokenizer.decode([token])) ?? ""
            let endsSentence = text.last { $0 != " " }.map { ".!?\n".contains($0) } ?? false
            starts.append(endsSentence ? index + 1 : starts[index])
        }
        sentenceStarts = starts
    }

    /// Refuses a length that has no room for hay.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)``.
    public func checkRoom(length: Int) throws(EvaluationError) { _ = try hayCount(length: length) }

    /// Tokens of the hay that fit into a text of `length` tokens.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when needle, question and answer leave no room.
    func hayCount(length: Int) throws(EvaluationError) -> Int {
        let fixed =
            prefix.count + needleTokens.count + questionTokens.count + max(expected.tokens.count, answerTokenLimit)
        guard length > fixed else {
            throw .invalidSetting(
                "\(length) tokens have no room for the needle, the question and the answer, which take \(fixed)")
        }
        return length - fixed
    }

    /// Where the needle goes: to the fraction `depth` of the hay, or back from there to the end of a sentence.
    func needlePosition(hayCount: Int, depth: Double) -> Int {
        let place = Int((depth * Double(hayCount)).rounded())
        let (turn, rest) = place.quotientAndRemainder(dividingBy: hay.count)
        return turn * hay.count + sentenceStarts[rest]
    }

    /// Tokens of the hay, as if it were repeated for ever.
    func hayTokens(_ range: Range<Int>) -> [Int] { range.map { hay[$0 % hay.count] } }

    func answer(_ session: Session) throws(EvaluationError) -> Answer {
        try session.answer(expecting: expected, tokenLimit: answerTokenLimit, tokenizer)
    }
}
