import LongLMEvaluation
import TestSupport
import Testing

@Suite struct LogitComparisonTests {
    private let vocabularySize = 4

    private func compare(_ computed: [Float], _ reference: [Float], firstRow: Int = 0) -> LogitComparison {
        LogitComparison(computed[...], reference: reference, vocabularySize: vocabularySize, firstRow: firstRow)
    }

    @Test func equalLogits() {
        let logits: [Float] = [1, 2, 3, 4, 4, 3, 2, 1]
        let comparison = compare(logits, logits)
        #expect(comparison.worstDeviation == 0 && comparison.disagreeingRows.isEmpty && comparison.passes)
    }

    /// The difference is told in standard deviations of the reference, and where it is.
    @Test func worstPosition() {
        // Mean 0, standard deviation 2.
        let reference: [Float] = [2, -2, -2, 2, 2, -2, 2, -2, -2, 2, -2, 2]
        var computed = reference
        computed[9] += 0.5
        computed[3] -= 0.25
        let comparison = compare(computed, reference, firstRow: 100)
        #expect(comparison.worstDeviation == 0.25 && comparison.worstRow == 102 && comparison.worstToken == 1)
        #expect(!comparison.passes)
        // A slice need not begin at 0.
        let slice = LogitComparison(
            ([9, 9, 9] + computed).dropFirst(3), reference: reference, vocabularySize: vocabularySize, firstRow: 100)
        #expect(slice == comparison)
    }

    @Test func toleranceIsAnUpperBound() {
        let reference: [Float] = [1, -1, 1, -1]
        // Half and twice the tolerance, in steps that float32 has near 1.
        #expect(compare([1, -1, 1, -1 - 0.5e-4], reference).passes)
        #expect(!compare([1, -1, 1, -1 - 2e-4], reference).passes)
        #expect(LogitComparison.tolerance == 1e-4, "as the reference cases define it")
    }

    /// Close logits whose greatest is another token's don't pass.
    @Test func disagreeingRows() {
        let reference: [Float] = [5, 1, 0, 0, 0, 3, 3.00001, 1, 1, 1, 1, 7]
        var computed = reference
        computed[5] = 3.00002
        let comparison = compare(computed, reference, firstRow: 7)
        #expect(comparison.worstDeviation < LogitComparison.tolerance)
        #expect(comparison.disagreeingRows == [8] && !comparison.passes)
        // Of equal logits the first counts, on both sides.
        #expect(compare([1, 1, 0, 0], [1, 1, 0, 0]).disagreeingRows.isEmpty)
        #expect(compare([0, 0, 1, 9, 9, 1, 0, 0], [1, 1, 0, 0, 1, 9, 0, 0], firstRow: 3).disagreeingRows == [3, 4])
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func computedThatAreNoNumbers(value: Float) {
        let reference: [Float] = [1, 2, 3, 4, 4, 3, 2, 1]
        var computed = reference
        computed[1] = 100
        computed[5] = value
        computed[6] = value
        let comparison = compare(computed, reference, firstRow: 10)
        #expect(comparison.worstDeviation == .infinity && !comparison.passes)
        // The first of them is named, not the last, nor a number that is merely far off.
        #expect(comparison.worstRow == 11 && comparison.worstToken == 1)
    }

    /// A reference that is broken itself can't be agreed with, not even by the same broken logits.
    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func referenceThatIsNoNumber(value: Float) {
        let reference: [Float] = [1, 2, value, 4]
        #expect(!compare([1, 2, 3, 4], reference).passes)
        #expect(!compare(reference, reference).passes)
    }

    /// A reference without any spread has no scale to measure by: only the same logits pass.
    @Test func constantReference() {
        let reference: [Float] = [3, 3, 3, 3]
        #expect(compare(reference, reference).passes)
        let other = compare([3, 3, 3.000001, 3], reference)
        #expect(other.worstDeviation == .infinity && !other.passes && other.worstToken == 2)
    }

    /// Whatever one logit is altered, it is named.
    @Test func everyAlterationIsFound() {
        var generator = SeededGenerator(seed: 61)
        let reference = generator.floats(40, deviation: 3)
        for index in reference.indices {
            var computed = reference
            computed[index] += 0.01
            let comparison = compare(computed, reference, firstRow: 5)
            #expect(comparison.worstRow == 5 + index / 4 && comparison.worstToken == index % 4)
            #expect(!comparison.passes)
        }
    }
}
