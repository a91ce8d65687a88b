import Foundation

/// A range that holds the mean score of all prompts of a kind, as far as some of them tell.
struct ScoreInterval: Equatable {
    let low: Double
    let high: Double

    /// Wilson's interval of 95 per cent (Wilson, 1927).
    ///
    /// It is exact in its coverage for scores of 0 and 1. Scores between them with the same mean vary less, so for them it is
    /// wider than it has to be. The same holds for the mean over tasks of equal counts.
    ///
    /// - Parameters:
    ///   - mean: The mean score, from 0 to 1.
    ///   - count: The number of scores, at least 1.
    init(mean: Double, count: Int) {
        let mean = min(max(mean, 0), 1)
        let (n, z) = (Double(count), 1.959_964)
        let center = mean + z * z / (2 * n)
        let spread = z * (mean * (1 - mean) / n + z * z / (4 * n * n)).squareRoot()
        let scale = 1 + z * z / n
        // Roundings aside, the interval reaches these means.
        low = mean == 0 ? 0 : min(mean, (center - spread) / scale)
        high = mean == 1 ? 1 : max(mean, (center + spread) / scale)
    }
}

/// The two-sided sign test: the probability that a fair coin falls at least as unevenly as `better` to `worse`. 1 without
/// any difference. It is rounded to six decimals, since logarithms of different C libraries differ in their last digits.
func signTest(better: Int, worse: Int) -> Double {
    let count = better + worse
    var tail = 0.0
    // ln of the probability that the coin falls k times on the rarer side.
    var term = -Double(count) * log(2)
    for k in 0...min(better, worse) {
        tail += exp(term)
        term += log(Double(count - k) / Double(k + 1))
    }
    return (min(1, 2 * tail) * 1e6).rounded() / 1e6
}
