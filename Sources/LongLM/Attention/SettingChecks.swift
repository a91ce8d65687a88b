import Foundation

// What the settings of several methods have in common.

/// max(1, ln(i + 1) / ln b), or 1 without a base.
func logarithmicScale(_ position: Int, base: Float?) -> Float {
    guard let base else { return 1 }
    return max(1, Float(log(Double(position + 1)) / log(Double(base))))
}

/// Throws for a window that is empty or leaves no position of the context for far keys.
func validateWindow(
    _ window: Int, name: String = "neighbor window", contextLength: Int
) throws(AttentionError) {
    guard window >= 1, window < contextLength else {
        throw .invalidOption(
            InvalidOption(
                name, window, allowed: "at least 1 and less than the model's context length of \(contextLength)"))
    }
}

/// Throws for a base whose logarithm isn't positive.
func validateQueryScale(base: Float?) throws(AttentionError) {
    guard let base else { return }
    guard base > 1, base.isFinite else {
        throw .invalidOption(InvalidOption("query scale base", base, allowed: "finite and greater than 1"))
    }
}

/// Throws for lengths that no session and no model has.
func checkLengths(_ length: Int, trainedContext: Int) throws(AttentionError) {
    guard (1...Positions.maximumCount).contains(length) else {
        throw .invalidOption(InvalidOption("length", length, between: 1, and: Positions.maximumCount))
    }
    guard (2...Positions.maximumCount).contains(trainedContext) else {
        throw .invalidOption(
            InvalidOption("trained context length", trainedContext, between: 2, and: Positions.maximumCount))
    }
}

/// Throws for a factor that no cosine should have.
func checkAttentionFactor(_ attentionFactor: Double) throws(AttentionError) {
    guard attentionFactor > 0, attentionFactor <= 16 else {
        throw .invalidOption(
            InvalidOption("attention factor", attentionFactor, allowed: "greater than 0 and at most 16"))
    }
}

/// The factor in a text, with a colon before it; nothing for the published one.
func attentionFactorText(_ factor: Double) -> String {
    factor == STRING.publishedAttentionFactor ? "" : ":\(settingText(factor))"
}

extension RotaryConfiguration {
    /// The same, with cosines and sines of queries and keys multiplied by a factor. Of a head that is rotated in part, the
    /// rest keeps its scores.
    func multiplied(by factor: Double) -> RotaryConfiguration {
        var multiplied = self
        multiplied.attentionFactor = factor
        return multiplied
    }
}
