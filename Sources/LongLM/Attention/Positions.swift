/// Facts about the positions of any text.
enum Positions {
    /// The most tokens of a text: positions from 2²⁴ on have no exact 32-bit float.
    static let maximumCount = 1 << 24
}
