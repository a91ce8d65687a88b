import LongLM

/// The texts of a request that are no chats: a text, a list of texts, a list of token ids, or a list of such lists.
struct PromptList {
    /// One of the texts.
    struct Prompt: Sendable {
        let tokens: [Int]
        /// nil where it was given as tokens.
        var text: String?
        /// How many tokens the tokenizer put before the text.
        var addedCount = 0
    }

    /// The most texts in a list.
    static let maximumCount = 2048

    var prompts: [Prompt]

    /// - Parameter field: The name of the field.
    init(_ fields: inout Fields, _ field: String, _ model: ServedModel) throws(APIError) {
        let name = fields.name(field)
        let value = fields.value(field)
        let isOne =
            if case .array(let elements) = value { elements.first?.wholeNumber != nil } else { false }
        switch value {
        case .array(let elements) where !isOne:
            guard 1...Self.maximumCount ~= elements.count else {
                throw .invalid("\(name) is not a list of 1 to \(Self.maximumCount) texts.", field: name)
            }
            prompts = []
            for (index, element) in elements.enumerated() {
                prompts.append(try Self.prompt(element, "\(name)[\(index)]", model))
            }
        case let value?: prompts = [try Self.prompt(value, name, model)]
        case nil: throw .invalid("\(name) is missing.", field: name)
        }
    }

    /// Takes `truncate_prompt_tokens`: the most tokens of a text, of which the last ones are kept.
    mutating func truncate(_ fields: inout Fields) throws(APIError) {
        guard let count = try fields.integer("truncate_prompt_tokens", in: 1 ... .max) else { return }
        for index in prompts.indices where prompts[index].tokens.count > count {
            prompts[index] = Prompt(tokens: prompts[index].tokens.suffix(count))
        }
    }

    private static func prompt(_ value: JSONValue, _ name: String, _ model: ServedModel) throws(APIError) -> Prompt {
        let prompt: Prompt
        switch value {
        // As in other servers, who completes texts may spell out control tokens.
        case .string(let text):
            let tokens = model.tokenizer.encode(text)
            let addedCount = zip(tokens, model.tokenizer.encode("")).prefix { $0 == $1 }.count
            prompt = Prompt(tokens: tokens, text: text, addedCount: addedCount)
        case .array(let elements): prompt = Prompt(tokens: try tokens(elements, name, model))
        default: throw .invalid("\(name) is neither a text nor a list of token ids.", field: name)
        }
        if prompt.tokens.isEmpty { throw .invalid("\(name) is empty.", field: name) }
        guard prompt.tokens.allSatisfy({ $0 < model.vocabularySize }) else {
            throw .invalid("\(name) has a control token that the model doesn't know.", field: name)
        }
        return prompt
    }

    /// Token ids of a list, each of which the tokenizer has.
    static func tokens(_ elements: [JSONValue], _ name: String, _ model: ServedModel) throws(APIError) -> [Int] {
        var tokens: [Int] = []
        tokens.reserveCapacity(elements.count)
        for element in elements {
            guard let token = element.wholeNumber, model.tokenizer.token(id: token) != nil else {
                throw .invalid("\(name) has \(element.text()), which is no token's number.", field: name)
            }
            tokens.append(token)
        }
        return tokens
    }
}
