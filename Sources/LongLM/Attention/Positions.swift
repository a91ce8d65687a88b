/// Positions of tokens, which rotations take as 32-bit floats.
enum Positions {
    /// 2²⁴: beyond that not every position has an exact 32-bit float.
    static let maximumCount = 1 << 24
}
