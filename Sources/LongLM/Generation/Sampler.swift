import Foundation

/// How the next token is chosen from logits. The default is greedy.
public struct SamplingOptions: Sendable, Equatable {
    /// What logits are divided by; 0: always the most probable token.
    public var temperature: Float
    /// Only this many most probable tokens; nil: all.
    public var topK: Int?
    /// Only the most probable tokens that together reach this probability (nucleus sampling, Holtzman et al., 2020);
    /// nil: all.
    public var topP: Float?
    /// Only tokens at least this fraction as probable as the most probable one (min-p, Nguyen et al., 2024); nil: all.
    public var minP: Float?
    /// Where the random numbers begin: the same seed and logits give the same tokens.
    public var seed: UInt64

    /// Options; the filters apply in the order top-k, top-p, min-p.
    public init(
        temperature: Float = 0, topK: Int? = nil, topP: Float? = nil, minP: Float? = nil, seed: UInt64 = 0
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.seed = seed
    }
}

/// Chooses tokens.
public struct Sampler: Sendable {
    private let options: SamplingOptions
    private var random: SplitMix64

    /// A sampler at the beginning of its random numbers.
    ///
    /// - Throws: ``SessionError/invalidOption(_:)`` for a value outside of its range.
    public init(_ options: SamplingOptions) throws(SessionError) {
        guard options.temperature >= 0, options.temperature.isFinite else {
            throw .invalidOption("the temperature is \(options.temperature); it must be 0 or more")
        }
        if let topK = options.topK, topK < 1 {
            throw .invalidOption("top-k is \(topK); it must be at least 1")
        }
        if let topP = options.topP, !(topP > 0 && topP <= 1) {
            throw .invalidOption("top-p is \(topP); it must be more than 0 and at most 1")
        }
        if let minP = options.minP, !(minP >= 0 && minP <= 1) {
            throw .invalidOption("min-p is \(minP); it must be between 0 and 1")
        }
        self.options = options
        random = SplitMix64(state: options.seed)
    }

    /// The next token.
    ///
    /// - Parameter logits: [V], not empty.
    public mutating func sample(_ logits: [Float]) -> Int {
        precondition(!logits.isEmpty, "there are logits to choose from")
        let best = Self.greatest(logits)
        if options.temperature == 0 { return best }

        // Relative to the most probable token, whose weight is 1.
        let weights = logits.map { exp(Double(($0 - logits[best]) / options.temperature)) }
        let candidates = candidates(weights)
        var rest = random.unit() * candidates.reduce(0) { $0 + weights[$1] }
        for token in candidates {
            rest -= weights[token]
            if rest < 0 { return token }
        }
        return best
    }

    /// The index of the greatest logit, the first of equals.
    public static func greatest(_ logits: [Float]) -> Int {
        var best = 0
        for index in logits.indices where logits[index] > logits[best] { best = index }
        return best
    }

    /// The tokens that the filters leave.
    ///
    /// - Parameter weights: [V], proportional to the probabilities; the greatest is 1.
    package func candidates(_ weights: [Double]) -> [Int] {
        var tokens = Array(weights.indices)
        if options.topK == nil && options.topP == nil {
            return tokens.filter { weights[$0] >= Double(options.minP ?? 0) }
        }
        if let topP = options.topP, options.topK == nil {
            // All tokens below this weight together are less than what the nucleus may leave out, so none is in it.
            let total = weights.reduce(0, +)
            let bound = Double(1 - topP) * total / Double(weights.count)
            tokens.removeAll { weights[$0] < bound }
        }
        tokens.sort { weights[$0] != weights[$1] ? weights[$0] > weights[$1] : $0 < $1 }
        if let topK = options.topK { tokens.removeLast(max(0, tokens.count - topK)) }
        if let topP = options.topP {
            let total = (options.topK == nil ? Array(weights.indices) : tokens).reduce(0) { $0 + weights[$1] }
            var sum = 0.0
            let end = tokens.firstIndex { token in
                sum += weights[token]
                return sum >= Double(topP) * total
            }
            if let end { tokens.removeLast(tokens.count - end - 1) }
        }
        if let minP = options.minP { tokens.removeAll { weights[$0] < Double(minP) } }
        return tokens
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
