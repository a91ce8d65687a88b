import LongLM

/// OpenAI's penalties: each occurrence of a token in the answer lowers its logit by one number, its having occurred at all
/// by another.
struct OccurrencePenalty: LogitProcessor {
    private let frequency: Float
    private let presence: Float
    /// How many tokens have been counted, those of the prompt as if they had been.
    private var countedLength: Int
    private var counts: [Int: Int] = [:]

    init(frequency: Float, presence: Float, promptLength: Int) {
        self.frequency = frequency
        self.presence = presence
        countedLength = promptLength
    }

    mutating func process(_ logits: inout [Float], after tokens: [Int]) {
        for token in tokens[countedLength...] { counts[token, default: 0] += 1 }
        countedLength = tokens.count
        for (token, count) in counts { logits[token] -= Float(count) * frequency + presence }
    }
}
