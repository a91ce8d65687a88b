import LongLM

/// How far computed logits are from reference logits.
public struct LogitComparison: Sendable, Codable, Equatable {
    /// The greatest difference, in standard deviations of the reference.
    public let worstDeviation: Double
    /// The row of the greatest difference, counted from the beginning of the text.
    public let worstRow: Int
    /// The token of the greatest difference.
    public let worstToken: Int
    /// The rows in which another token has the greatest logit.
    public let disagreeingRows: [Int]

    /// The greatest deviation that passes. The reference's own prefill and decode differ by up to 2.5·10⁻⁵, since
    /// float32 sums depend on their order. A wrong position, mask or rotation gives 10⁻² and more.
    public static let tolerance = 1e-4

    /// Whether the logits pass: no deviation exceeds ``tolerance``, and each row's most probable token is the same.
    public var passes: Bool { worstDeviation <= Self.tolerance && disagreeingRows.isEmpty }

    /// Compares logits of the same shape, with at least one row.
    ///
    /// - Parameters:
    ///   - computed: [rows, V].
    ///   - reference: [rows, V].
    ///   - vocabularySize: V.
    ///   - firstRow: The first row's position in the text.
    public init(_ computed: ArraySlice<Float>, reference: [Float], vocabularySize: Int, firstRow: Int) {
        precondition(computed.count == reference.count && !reference.isEmpty, "the logits are of one shape")
        let mean = reference.reduce(0.0) { $0 + Double($1) } / Double(reference.count)
        let variance = reference.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        let deviation = (variance / Double(reference.count)).squareRoot()

        var worst = (difference: -1.0, index: 0)
        for (index, pair) in zip(computed, reference).enumerated() {
            let difference = abs(Double(pair.0) - Double(pair.1))
            // Comparisons with a NaN are false, so it would be overlooked.
            let comparable = difference.isNaN ? .infinity : difference
            if comparable > worst.difference { worst = (comparable, index) }
        }
        worstDeviation = deviation > 0 ? worst.difference / deviation : worst.difference == 0 ? 0 : .infinity
        worstRow = firstRow + worst.index / vocabularySize
        worstToken = worst.index % vocabularySize
        disagreeingRows = (0..<(reference.count / vocabularySize)).compactMap { row in
            let first = computed.startIndex + row * vocabularySize
            let ours = GreedySampler.indexOfGreatest(in: Array(computed[first..<(first + vocabularySize)]))
            let expected = reference[(row * vocabularySize)..<((row + 1) * vocabularySize)]
            let theirs = GreedySampler.indexOfGreatest(in: Array(expected))
            return ours == theirs ? nil : firstRow + row
        }
    }
}
