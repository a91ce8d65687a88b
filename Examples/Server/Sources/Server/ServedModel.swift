import LongLM

/// What a request has to know of the model.
struct ServedModel: Sendable {
    /// What clients may call it; the first is the one in answers.
    let names: [String]
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
    /// How its publishers recommend to choose tokens.
    let sampling: SamplingSettings
    /// The size of the vector of a text.
    let embeddingSize: Int
    /// L: how long the texts were that the model was trained with, in tokens.
    let trainedContext: Int
    let attention: AttentionMode

    /// What answers call it.
    var name: String { names[0] }
}
