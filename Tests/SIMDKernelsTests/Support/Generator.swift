/// Reproducible random numbers (SplitMix64, Steele et al., 2014).
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Uniform in −limit … limit, with all 24 bits of the significand in use, so that most products and sums round.
    mutating func floats(_ count: Int, limit: Float = 1) -> [Float] {
        (0..<count).map { _ in
            Float(Int64(bitPattern: next()) >> 24) * 0x1p-39 * limit
        }
    }
}
