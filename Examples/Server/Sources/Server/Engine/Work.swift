import LongLM

/// What the engine computes for a request.
enum Work: Sendable {
    case texts(TextWork)
    /// One vector for each list of tokens.
    case embeddings([[Int]])

    /// How many parts it has: choices of a text, or vectors.
    var partCount: Int {
        switch self {
        case .texts(let work): work.choices.count
        case .embeddings(let texts): texts.count
        }
    }
}

/// Texts that continue prompts.
struct TextWork: Sendable {
    /// One text.
    struct Choice: Sendable {
        /// Which of the prompts it continues.
        let prompt: Int
        let options: GenerationOptions
    }

    let prompts: [[Int]]
    /// In the order in which the answer numbers them. Choices of the same prompt stand together.
    let choices: [Choice]
    /// How many alternatives are reported for each token of a prompt, beside the token's own log probability; nil: prompts
    /// aren't scored.
    let promptAlternativeCount: Int?
}
