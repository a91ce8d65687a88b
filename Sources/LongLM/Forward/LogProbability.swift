/// Logarithms of probabilities that logits stand for.
///
/// They are computed in double precision from 32-bit logits: the logit, less the greatest one, less the logarithm of
/// Σ exp(logit − greatest), which is four sums, each of every fourth token. The exponential and the logarithm are this
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
        var sums = SIMD4<Double>.zero
        let whole = logits.count / 4 * 4
        for index in stride(from: 0, to: whole, by: 4) {
            let four = SIMD4(logits[index], logits[index + 1], logits[index + 2], logits[index + 3])
            sums += exponential(SIMD4<Double>(four) - greatest)
        }
        for index in whole..<logits.count {
            sums[index - whole] += exponential(SIMD4(repeating: Double(logits[index]) - greatest))[0]
        }
        let sum = (sums[0] + sums[1]) + (sums[2] + sums[3])
        return Normalizer(greatest: greatest, logarithm: logarithm(sum), top: top)
    }

    /// exp(x) for x ≤ 0, with a relative error below 2⁻⁵¹; 0 below −708, NaN for NaN.
    ///
    /// x = k · ln 2 + r with |r| ≤ ½ · ln 2, and exp(r) is its Taylor series up to r¹³.
    @inline(__always)
    static func exponential(_ x: SIMD4<Double>) -> SIMD4<Double> {
        let clamped = x.replacing(with: -708, where: x .< -708)
        // The sum has no room for a fraction, so it is rounded to a whole number k, which its last bits hold.
        let shift = 0x1.8p52
        let shifted = clamped * 1.4426950408889634 + shift
        let k = shifted - shift
        // ln 2 in two parts, of which the first has so few digits that its product with k is exact.
        let r = (clamped - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33
        var sum = r * (1.0 / 6_227_020_800) + 1.0 / 479_001_600
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
        // 2ᵏ: k as the exponent's bits.
        let exponent = (unsafeBitCast(shifted, to: SIMD4<UInt64>.self) &+ 1023) &<< 52
        return (sum * unsafeBitCast(exponent, to: SIMD4<Double>.self)).replacing(with: 0, where: x .<= -708)
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
        for power in stride(from: 23, through: 3, by: -2) { sum = (sum + 1 / Double(power)) * square }
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
    /// The most probable tokens in its place, the most probable first, and of equal ones the one with the lower id; as many
    /// as were asked for. The token itself may be among them. There are none in place of a text's first token.
    public let alternatives: [TokenAlternative]

    /// A score without alternatives.
    public init(logProbability: Double, isMostProbable: Bool) {
        self.init(logProbability: logProbability, isMostProbable: isMostProbable, alternatives: [])
    }

    /// A score.
    public init(logProbability: Double, isMostProbable: Bool, alternatives: [TokenAlternative]) {
        self.logProbability = logProbability
        self.isMostProbable = isMostProbable
        self.alternatives = alternatives
    }

    /// The score of a token that is given, not predicted.
    static let certain = TokenScore(logProbability: 0, isMostProbable: true)

    /// The score of a token before which a model has some logits.
    ///
    /// - Parameters:
    ///   - alternativeCount: How many alternatives it has.
    ///   - logits: [V].
    init(of token: Int, alternativeCount: Int, logits: UnsafeBufferPointer<Float>) {
        let normalizer = LogProbability.normalizer(of: logits)
        logProbability = LogProbability.of(Double(logits[token]), normalizer)
        isMostProbable = normalizer.top == token
        alternatives = TokenAlternative.greatest(alternativeCount, of: logits, normalizer)
    }
}
