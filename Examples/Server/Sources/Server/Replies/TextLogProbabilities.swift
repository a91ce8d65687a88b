import LongLM

/// The log probabilities of a text in the form of `/v1/completions`: four lists with an element for each token.
struct TextLogProbabilities: Sendable {
    private let tokenizer: Tokenizer
    private var tokens: [JSONValue] = []
    private var values: [JSONValue] = []
    private var alternatives: [JSONValue] = []
    private var offsets: [JSONValue] = []
    /// How many characters (Unicode scalars) the text has so far.
    private var length = 0
    /// Whether the next token with text is the text's first.
    private var startsText: Bool

    /// - Parameter startsText: Whether the list begins with the prompt's first token.
    init(_ tokenizer: Tokenizer, startsText: Bool) {
        self.tokenizer = tokenizer
        self.startsText = startsText
    }

    /// Adds a token.
    ///
    /// - Parameters:
    ///   - value: Its log probability; nil: not known.
    ///   - others: The most probable tokens in its place. The token itself is listed with them.
    ///   - showsName: Whether the text has the name of a token without text of its own, as an echo has.
    mutating func append(
        _ id: Int, _ value: Double?, _ others: [TokenAlternative], showsName: Bool = false
    ) {
        let token = TokenText(id, tokenizer, startsText: startsText)
        tokens.append(.string(token.text))
        values.append(.logProbability(value))
        alternatives.append(value.map { dictionary(token.text, $0, others) } ?? .null)
        offsets.append(.integer(length))
        if let bytes = token.bytes {
            // A character that is spread over several tokens counts where it begins.
            length += bytes.count { $0 & 0xC0 != 0x80 }
            startsText = false
        } else if showsName {
            length += token.text.unicodeScalars.count
        }
    }

    private func dictionary(_ text: String, _ value: Double, _ others: [TokenAlternative]) -> JSONValue {
        var members: [JSONValue.Member] = []
        for other in others {
            let text = TokenText(other.id, tokenizer, startsText: startsText).text
            // Different tokens may have the same text; the more probable one comes first.
            if !members.contains(where: { $0.key == text }) {
                members.append(JSONValue.Member(text, .logProbability(other.logProbability)))
            }
        }
        if !members.contains(where: { $0.key == text }) {
            members.append(JSONValue.Member(text, .logProbability(value)))
        }
        return .object(members)
    }

    /// The lists of what was added since this was last called.
    mutating func take() -> JSONValue {
        defer { (tokens, values, alternatives, offsets) = ([], [], [], []) }
        return [
            "tokens": .array(tokens), "token_logprobs": .array(values), "top_logprobs": .array(alternatives),
            "text_offset": .array(offsets),
        ]
    }
}
