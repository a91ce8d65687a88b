import LongLM

/// What a request has to know of the model.
struct ServedModel: Sendable {
    /// What clients call it.
    let name: String
    let tokenizer: Tokenizer
    /// nil: the model was not trained to chat, or its template can't be used.
    let format: ChatFormat?
    /// The tokens at which an answer in a chat ends.
    let chatEndTokens: [Int]
    /// V.
    let vocabularySize: Int
    /// The most tokens of a prompt and its answer.
    let capacity: Int
    /// The most tokens of an answer.
    let answerLimit: Int
    /// L: how long the texts were that the model was trained with, in tokens.
    let trainedContext: Int
    let attention: AttentionMode
}
