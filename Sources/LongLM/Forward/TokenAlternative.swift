/// A token that could have been generated.
public struct TokenAlternative: Sendable, Equatable {
    /// The token.
    public let id: Int
    /// ln of its probability by the model's own logits.
    public let logProbability: Double

    /// A token with its log probability.
    public init(id: Int, logProbability: Double) {
        self.id = id
        self.logProbability = logProbability
    }
}

extension TokenAlternative {
    /// The most alternatives of a token.
    static let maximumCount = 1_000

    /// The most probable tokens.
    ///
    /// - Parameters:
    ///   - count: How many.
    ///   - logits: [V].
    ///   - normalizer: The logits' own.
    static func greatest(
        _ count: Int, of logits: UnsafeBufferPointer<Float>, _ normalizer: LogProbability.Normalizer
    ) -> [TokenAlternative] {
        placesOfGreatest(count, of: logits).map {
            TokenAlternative(id: $0, logProbability: LogProbability.of(Double(logits[$0]), normalizer))
        }
    }

    /// Throws for a number of alternatives that there can't be.
    static func check(count: Int) throws(InvalidOption) {
        guard (0...maximumCount).contains(count) else {
            throw InvalidOption("number of alternatives", count, between: 0, and: maximumCount)
        }
    }
}

/// The places of the greatest numbers, the greatest first, and of equal ones the first. NaN is never among them.
private func placesOfGreatest(_ count: Int, of numbers: UnsafeBufferPointer<Float>) -> [Int] {
    if count == 0 { return [] }
    var places: [Int] = []
    places.reserveCapacity(count + 1)
    for (place, number) in numbers.enumerated() {
        if places.count == count, !(number > numbers[places[count - 1]]) { continue }
        if number.isNaN { continue }
        // After all that are at least as great.
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if numbers[places[middle]] >= number { low = middle + 1 } else { high = middle }
        }
        places.insert(place, at: low)
        if places.count > count { places.removeLast() }
    }
    return places
}
