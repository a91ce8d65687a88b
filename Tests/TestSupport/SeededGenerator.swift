/// A small pseudo-random generator (SplitMix64), so that every run sees the same numbers.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Numbers of mean 0 and the given standard deviation: the sum of four uniform ones, near enough to normal.
    package mutating func floats(_ count: Int, deviation: Float) -> [Float] {
        (0..<count).map { _ in
            var sum: Float = 0
            for _ in 0..<4 { sum += Float.random(in: -1...1, using: &self) }
            return sum * deviation * Float(0.75).squareRoot()
        }
    }

    /// Token ids below `limit`.
    package mutating func tokens(_ count: Int, below limit: Int) -> [Int] {
        (0..<count).map { _ in Int.random(in: 0..<limit, using: &self) }
    }
}
