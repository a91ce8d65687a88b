/// Logarithms of probabilities that logits stand for.
///
/// They are computed in double precision from 32-bit logits: the logit, less the greatest one, less the logarithm of
/// Σ exp(logit − greatest), which is summed in the order of the vocabulary. The exponential and the logarithm are this
/// file's own, made of additions, multiplications and divisions that every processor rounds alike. So equal logits give
/// equal bits everywhere.
package enum LogProbability {
    /// ln p of a token.
    ///
    /// - Parameters:
    ///   - token: The token.
    ///   - logits: [V]. If one of them is NaN or +∞, or all are −∞, the result is NaN.
    package static func of(_ token: Int, logits: UnsafeBufferPointer<Float>) -> Double {
        of(Double(logits[token]), normalizer(of: logits))
    }

    /// ln p of a token.
    ///
    /// - Parameter logits: [V].
    package static func of(_ token: Int, logits: ArraySlice<Float>) -> Double {
        logits.withUnsafeBufferPointer { of(token, logits: $0) }
    }

    /// ln p of a logit.
    static func of(_ logit: Double, _ normalizer: Normalizer) -> Double {
        (logit - normalizer.greatest) - normalizer.logarithm
    }

    /// What a vocabulary's logits have in common: ln Σ exp(logits), in two parts.
    struct Normalizer {
        /// The greatest logit.
        let greatest: Double
        /// ln Σ exp(logit − greatest), between 0 and ln V.
        let logarithm: Double
        /// The first token with the greatest logit.
        let top: Int
    }

    /// - Parameter logits: [V], not empty.
    static func normalizer(of logits: UnsafeBufferPointer<Float>) -> Normalizer {
        var top = 0
        for index in logits.indices where logits[index] > logits[top] { top = index }
        let greatest = Double(logits[top])
        var sum = 0.0
        for logit in logits { sum += exponential(Double(logit) - greatest) }
        return Normalizer(greatest: greatest, logarithm: logarithm(sum), top: top)
    }

    /// exp(x) for x ≤ 0, with a relative error below 2⁻⁵¹; 0 below −708, NaN for NaN and above 0.
    ///
    /// x = k · ln 2 + r with |r| ≤ ½ · ln 2, and exp(r) is its Taylor series up to r¹³.
    static func exponential(_ x: Double) -> Double {
        guard x > -708, x <= 0 else { return x <= -708 ? 0 : .nan }
        // The sum has no room for a fraction: this rounds to the nearest whole number.
        let shift = 0x1.8p52
        let k = (x * 1.4426950408889634 + shift) - shift
        // ln 2 in two parts, of which the first has so few digits that its product with k is exact.
        let r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33
        var sum = 1.0 / 6_227_020_800
        sum = sum * r + 1.0 / 479_001_600
        sum = sum * r + 1.0 / 39_916_800
        sum = sum * r + 1.0 / 3_628_800
        sum = sum * r + 1.0 / 362_880
        sum = sum * r + 1.0 / 40_320
        sum = sum * r + 1.0 / 5_040
        sum = sum * r + 1.0 / 720
        sum = sum * r + 1.0 / 120
        sum = sum * r + 1.0 / 24
        sum = sum * r + 1.0 / 6
        sum = sum * r + 0.5
        sum = sum * r + 1
        sum = sum * r + 1
        return sum * Double(bitPattern: UInt64(1023 + Int(k)) << 52)
    }

    /// ln x for a finite x ≥ 1, with an error below 2⁻⁵¹ of the greater of 1 and the result; NaN for all else.
    ///
    /// x = m · 2ᵏ with m between √½ and √2, and ln m = 2 · artanh((m − 1)/(m + 1)) is its series up to the 23rd power.
    static func logarithm(_ x: Double) -> Double {
        guard x >= 1, x.isFinite else { return .nan }
        var (m, k) = (x.significand, Double(x.exponent))
        if m > 1.4142135623730951 { (m, k) = (m / 2, k + 1) }
        let s = (m - 1) / (m + 1)
        let square = s * s
        var sum = 0.0
        for power in stride(from: 23.0, through: 3, by: -2) { sum = (sum + 1 / power) * square }
        return k * 0x1.62e42feep-1 + (k * 0x1.a39ef35793c76p-33 + (2 * s + 2 * s * sum))
    }
}

/// How probable a token was before it was read.
public struct TokenScore: Sendable, Equatable {
    /// ln of the probability that the model gives the token, from the model's own logits: without temperature or any
    /// ``LogitProcessor``. It is NaN if weights make logits overflow.
    public let logProbability: Double
    /// Whether the token is the one that a ``GreedySampler`` takes: the first with the greatest logit.
    public let isMostProbable: Bool

    /// A score.
    public init(logProbability: Double, isMostProbable: Bool) {
        self.logProbability = logProbability
        self.isMostProbable = isMostProbable
    }

    /// The score of a token that is given, not predicted.
    static let certain = TokenScore(logProbability: 0, isMostProbable: true)

    /// The score of a token before which a model has some logits.
    ///
    /// - Parameter logits: [V].
    init(of token: Int, logits: UnsafeBufferPointer<Float>) {
        let normalizer = LogProbability.normalizer(of: logits)
        logProbability = LogProbability.of(Double(logits[token]), normalizer)
        isMostProbable = normalizer.top == token
    }
}
