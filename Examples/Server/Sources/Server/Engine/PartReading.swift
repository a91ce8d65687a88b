import LongLM

/// What reads a text in passes of its own, some tokens at a time.
protocol PartReading: AnyObject {
    /// Holds the tokens that have been read.
    var session: Session { get }
    /// How many tokens are left.
    var remainingCount: Int { get }
    /// Reads the next tokens, at least 1 and at most ``remainingCount``.
    func read(_ count: Int) throws(SessionError)
}

/// Scores the tokens of a prompt.
final class PromptScoring: PartReading {
    let session: Session
    private let prompt: [Int]
    private let alternativeCount: Int
    private(set) var tokens: [Answer.PromptToken] = []

    /// - Parameters:
    ///   - session: An empty one, with room for the prompt.
    ///   - alternativeCount: How many alternatives each token has.
    init(_ prompt: [Int], alternativeCount: Int, in session: Session) {
        self.session = session
        self.prompt = prompt
        self.alternativeCount = alternativeCount
    }

    var remainingCount: Int { prompt.count - tokens.count }

    func read(_ count: Int) throws(SessionError) {
        let part = Array(prompt[tokens.count..<(tokens.count + count)])
        let scores = try session.score(part, alternativeCount: alternativeCount)
        for (token, score) in zip(part, scores) {
            tokens.append(
                Answer.PromptToken(
                    id: token, logProbability: tokens.isEmpty ? nil : score.logProbability,
                    alternatives: score.alternatives))
        }
    }
}

/// The mean of a text's hidden states, of length 1.
final class TextEmbedding: PartReading {
    let session: Session
    private let tokens: [Int]
    private var sums: [Double]

    /// - Parameter session: An empty one, with room for the tokens.
    init(_ tokens: [Int], in session: Session) {
        self.session = session
        self.tokens = tokens
        sums = Array(repeating: 0, count: session.model.configuration.hiddenSize)
    }

    var remainingCount: Int { tokens.count - session.position }

    func read(_ count: Int) throws(SessionError) {
        let states = try session.hiddenStates(of: Array(tokens[session.position..<(session.position + count)]))
        for (index, number) in states.enumerated() { sums[index % sums.count] += Double(number) }
    }

    /// The vector, once nothing is left; zeros stay zeros.
    var vector: [Float] {
        let length = sums.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return sums.map { Float($0 / (length > 0 ? length : 1)) }
    }
}
