/// Chooses the next token from logits.
public protocol Sampler: Sendable {
    /// The next token.
    ///
    /// - Parameter logits: [V], not empty.
    mutating func sample(_ logits: [Float]) -> Int
}
