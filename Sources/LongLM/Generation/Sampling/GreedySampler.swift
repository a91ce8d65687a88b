/// Always takes the most probable token; among equals, the first.
public struct GreedySampler: Sampler {
    /// A greedy sampler.
    public init() {}

    /// The index of the greatest logit.
    public mutating func sample(_ logits: [Float]) -> Int { Self.indexOfGreatest(in: logits) }

    /// The index of the greatest logit; among equals, the first.
    ///
    /// - Parameter logits: Not empty.
    public static func indexOfGreatest(in logits: [Float]) -> Int {
        precondition(!logits.isEmpty, "there are logits to choose from")
        var best = 0
        for index in logits.indices where logits[index] > logits[best] { best = index }
        return best
    }
}
