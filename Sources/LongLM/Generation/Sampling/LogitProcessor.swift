/// Changes logits before a token is chosen from them.
public protocol LogitProcessor: Sendable {
    /// Changes the logits of the next token in place.
    ///
    /// - Parameters:
    ///   - logits: [V].
    ///   - tokens: All tokens of the text so far, including those of the prompt.
    mutating func process(_ logits: inout [Float], after tokens: [Int])
}

/// Makes recent tokens less probable: positive logits are divided by the penalty, and negative ones are multiplied by
/// it (Keskar et al., 2019: CTRL, section 4.1).
public struct RepetitionPenalty: LogitProcessor {
    /// What logits are divided by; 1 changes nothing.
    public let penalty: Float
    /// How many of the last tokens count.
    public let window: Int

    /// A penalty.
    ///
    /// - Parameters:
    ///   - penalty: More than 0, and finite; less than 1 favors repetition.
    ///   - window: How many of the last tokens count, at least 1.
    /// - Throws: ``InvalidOption`` for a value outside of its range.
    public init(_ penalty: Float, window: Int = 64) throws(InvalidOption) {
        guard penalty > 0, penalty.isFinite else {
            throw InvalidOption("repetition penalty", penalty, allowed: "finite and more than 0")
        }
        guard window >= 1 else {
            throw InvalidOption("window of the repetition penalty", window, allowed: "at least 1")
        }
        self.penalty = penalty
        self.window = window
    }

    /// Penalises each token of the window once, however often it occurred.
    public mutating func process(_ logits: inout [Float], after tokens: [Int]) {
        for token in Set(tokens.suffix(window)) where logits.indices.contains(token) {
            logits[token] = logits[token] > 0 ? logits[token] / penalty : logits[token] * penalty
        }
    }
}

/// Adds a number to the logits of some tokens.
public struct LogitBias: LogitProcessor {
    /// What is added, by token. Negative infinity forbids a token.
    public let biases: [Int: Float]

    /// Biases of tokens.
    ///
    /// - Parameter biases: By token. Tokens that a model's vocabulary doesn't have are ignored.
    /// - Throws: ``InvalidOption`` for a bias that is NaN or positive infinity.
    public init(_ biases: [Int: Float]) throws(InvalidOption) {
        for (token, bias) in biases.sorted(by: { $0.key < $1.key }) where bias.isNaN || bias == .infinity {
            throw InvalidOption("bias of token \(token)", bias, allowed: "finite, or negative infinity")
        }
        self.biases = biases
    }

    /// Adds the biases.
    public mutating func process(_ logits: inout [Float], after tokens: [Int]) {
        for (token, bias) in biases where logits.indices.contains(token) { logits[token] += bias }
    }
}
