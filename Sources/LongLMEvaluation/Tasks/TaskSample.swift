import LongLM

/// A question about a long text, and what the answer is compared with.
public struct TaskSample: Sendable, Equatable {
    /// The text with its question.
    public let prompt: String
    /// What the answer begins with. The model goes on from here.
    public let answerPrefix: String
    /// What a right answer contains, or texts that it should equal.
    public let references: [String]

    init(prompt: String, answerPrefix: String, references: [String]) {
        self.prompt = prompt
        self.answerPrefix = answerPrefix
        self.references = references
    }
}

/// How a sample becomes tokens.
public struct TaskForm: Sendable {
    let tokenizer: Tokenizer
    let chatFormat: ChatFormat?

    /// A form.
    ///
    /// - Parameters:
    ///   - tokenizer: The tokenizer of the model that answers.
    ///   - chatFormat: The chat format of an instruct model: the prompt is a user's message, and the model's turn begins
    ///     with the answer's prefix. nil: the prefix follows the prompt, as for base models.
    public init(tokenizer: Tokenizer, chatFormat: ChatFormat? = nil) {
        self.tokenizer = tokenizer
        self.chatFormat = chatFormat
    }

    /// The tokens of a sample, after which the model answers.
    ///
    /// - Throws: ``EvaluationError/tokenizer(_:)`` when the chat format can't be used.
    public func tokens(_ sample: TaskSample) throws(EvaluationError) -> [Int] {
        // Texts come from outside, so the spelling of a special token in them is ordinary text.
        guard let chatFormat else {
            return tokenizer.encode(sample.prompt + sample.answerPrefix, parseSpecialTokens: false)
        }
        do throws(TokenizerError) {
            let turn = try chatFormat.encode([ChatMessage(role: .user, content: sample.prompt)], with: tokenizer)
            return turn + tokenizer.encode(sample.answerPrefix, addSpecialTokens: false)
        } catch { throw .tokenizer(error) }
    }
}
