import TestSupport

extension SeededGenerator {
    /// Uniform in −limit … limit, with all 24 bits of the significand in use, so that most products and sums round.
    mutating func floats(_ count: Int, limit: Float = 1) -> [Float] {
        (0..<count).map { _ in
            Float(Int64(bitPattern: next()) >> 24) * 0x1p-39 * limit
        }
    }
}
