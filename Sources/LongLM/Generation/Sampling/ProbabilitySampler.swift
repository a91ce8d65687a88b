import Foundation

/// Draws tokens by their probabilities, softmax(logits / temperature), among the tokens that the filters leave. The
/// filters apply in the order top-k, top-p, min-p.
public struct ProbabilitySampler: Sampler {
    /// What logits are divided by.
    public let temperature: Float
    /// Only this many most probable tokens; nil: all.
    public let topK: Int?
    /// Only the most probable tokens that together reach this probability (nucleus sampling, Holtzman et al., 2020);
    /// nil: all.
    public let topP: Float?
    /// Only tokens at least this fraction as probable as the most probable one (min-p, Nguyen et al., 2024); nil: all.
    public let minP: Float?
    private var random: SplitMix64

    /// A sampler at the start of its random numbers.
    ///
    /// - Parameters:
    ///   - temperature: More than 0, and finite.
    ///   - topK: At least 1.
    ///   - topP: More than 0 and at most 1.
    ///   - minP: Between 0 and 1.
    ///   - seed: The start of the random numbers: the same seed and logits give the same tokens.
    /// - Throws: ``InvalidOption`` for a value outside of its range.
    public init(
        temperature: Float = 1, topK: Int? = nil, topP: Float? = nil, minP: Float? = nil, seed: UInt64 = 0
    ) throws(InvalidOption) {
        guard temperature > 0, temperature.isFinite else {
            throw InvalidOption("temperature", temperature, allowed: "finite and more than 0")
        }
        if let topK, topK < 1 {
            throw InvalidOption("top-k", topK, allowed: "at least 1")
        }
        if let topP, !(topP > 0 && topP <= 1) {
            throw InvalidOption("top-p", topP, allowed: "more than 0 and at most 1")
        }
        if let minP, !(minP >= 0 && minP <= 1) {
            throw InvalidOption("min-p", minP, between: 0, and: 1)
        }
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        random = SplitMix64(state: seed)
    }

    /// The next token. Each call uses one random number.
    ///
    /// - Parameter logits: [V], not empty.
    public mutating func sample(_ logits: [Float]) -> Int {
        let best = GreedySampler.indexOfGreatest(in: logits)
        // Relative to the most probable token, whose weight is 1.
        let weights = logits.map { exp(Double(($0 - logits[best]) / temperature)) }
        let candidates = candidates(weights)
        var rest = random.unit() * candidates.reduce(0) { $0 + weights[$1] }
        for token in candidates {
            rest -= weights[token]
            if rest < 0 { return token }
        }
        return best
    }

    /// The tokens that the filters leave.
    ///
    /// - Parameter weights: [V], proportional to the probabilities; the greatest is 1.
    package func candidates(_ weights: [Double]) -> [Int] {
        var tokens: [Int]
        if let topK {
            tokens = Self.greatest(topK, of: weights)
        } else if let topP {
            // All tokens below this weight together have less than the nucleus may leave out, so none of them is in it.
            let bound = Double(1 - topP) * weights.reduce(0, +) / Double(weights.count)
            tokens = weights.indices.filter { weights[$0] >= bound }
            Self.sort(&tokens, by: weights)
        } else {
            return weights.indices.filter { weights[$0] >= Double(minP ?? 0) }
        }
        if let topP {
            let total = topK == nil ? weights.reduce(0, +) : tokens.reduce(0) { $0 + weights[$1] }
            var sum = 0.0
            let end = tokens.firstIndex { token in
                sum += weights[token]
                return sum >= Double(topP) * total
            }
            if let end { tokens.removeLast(tokens.count - end - 1) }
        }
        if let minP { tokens.removeAll { weights[$0] < Double(minP) } }
        return tokens
    }

    /// Sorts by descending weight, and tokens of equal weight by ascending number.
    private static func sort(_ tokens: inout [Int], by weights: [Double]) {
        tokens.sort { weights[$0] != weights[$1] ? weights[$0] > weights[$1] : $0 < $1 }
    }

    /// The `count` tokens with the greatest weights, sorted. Only tokens that may be among them are sorted, not the
    /// whole vocabulary.
    private static func greatest(_ count: Int, of weights: [Double]) -> [Int] {
        let count = min(count, weights.count)
        var tokens: [Int] = []
        var bound = 0.0
        for token in weights.indices where tokens.count < count || weights[token] > bound {
            tokens.append(token)
            if tokens.count >= 2 * count {
                sort(&tokens, by: weights)
                tokens.removeLast(tokens.count - count)
                bound = weights[tokens[count - 1]]
            }
        }
        sort(&tokens, by: weights)
        return Array(tokens.prefix(count))
    }
}

/// Sebastiano Vigna's SplitMix64: small, and the same on every machine.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(state: UInt64) { self.state = state }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in 0 ..< 1, in steps of 2⁻⁵³.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
