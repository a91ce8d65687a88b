import SIMDKernels
import TestSupport
import Testing

/// Dimensions of less than a group's 32, whole groups, and one with a remainder that isn't whole words.
private let shapes: [(heads: (query: Int, keyValue: Int), dimension: Int)] = [
    ((1, 1), 2), ((2, 1), 8), ((2, 1), 80), ((9, 3), 64), ((2, 2), 38),
]

/// Lengths around a panel (32), a block (128) and two segments (of 512), plain and windowed, and row counts around those of
/// the tiles (4 and 6).
private let sizes: [(length: Int, rowCount: Int, window: Int)] = [
    (1, 1, 0), (2, 1, 1), (5, 5, 2), (31, 31, 8), (33, 20, 32), (127, 20, 127), (129, 129, 40), (200, 97, 31),
    (1023, 3, 0), (1025, 1, 100), (1031, 9, 1025), (1031, 40, 0), (2049, 2, 1030),
]

@Suite("Attention in integer products")
struct Int8AttentionTests {
    private func problem(
        _ heads: (query: Int, keyValue: Int), _ dimension: Int, _ length: Int, window: Int, seed: UInt64 = 1
    ) -> AttentionProblem {
        AttentionProblem(
            heads: heads, dimension: dimension, length: length, window: window, seed: seed, cacheFormat: .int8,
            precision: .int8)
    }

    /// The twin decides otherwise only where a float's rounding moves a number across the middle between two integers: some
    /// weights in a thousand, by one step of 255. A step, or a group's scale, that is another than defined would be wrong
    /// in all of them.
    @Test("The sums are those of the definition", arguments: InstructionSet.available)
    func twin(_ instructionSet: InstructionSet) {
        for (heads, dimension) in shapes {
            for (length, rowCount, window) in sizes {
                var problem = problem(heads, dimension, length, window: window)
                for (slidingWindow, scoreCap) in [(0, 0), (0, 2), (70, 0)] as [(Int, Float)]
                where slidingWindow == 0 || window == 0 {
                    problem.slidingWindow = slidingWindow
                    problem.scoreCap = scoreCap
                    let rows = (length - rowCount)..<length
                    let exact = problem.integerTwin(rows: rows)
                    let output = problem.attend(rows: rows, instructionSet)
                    let greatest = problem.values.reduce(0) { max($0, abs(Double($1))) }
                    let squares = zip(output, exact).map { (Double($0) - $1) * (Double($0) - $1) }
                    let error = (squares.reduce(0, +) / Double(squares.count)).squareRoot()
                    #expect(
                        error <= 2e-4 * greatest && (squares.max() ?? 0).squareRoot() <= 2 / 255 * greatest,
                        "\(heads), D \(dimension), T \(rowCount), S \(length), W \(window), sliding \(slidingWindow)")
                }
            }
        }
    }

    @Test("The same bits on every instruction set and for any threads")
    func everywhere() {
        for (heads, dimension) in shapes + [((16, 2), 128), ((3, 1), 256)] {
            for (length, rowCount, window) in sizes {
                let problem = problem(heads, dimension, length, window: window)
                let rows = (length - rowCount)..<length
                for instructionSets in [InstructionSet.available.filter(\.isFused), [.baseline]] {
                    let outputs = instructionSets.flatMap { instructionSet in
                        [1, 2, 3].map { problem.attend(rows: rows, threadCount: $0, instructionSet) }
                    }
                    for output in outputs {
                        #expect(
                            firstDifference(output, outputs[0]) == nil,
                            "\(heads), D \(dimension), T \(rowCount), S \(length), W \(window)")
                    }
                }
            }
        }
    }

    /// Rows see some or all of a block, which other rows of the same tile see otherwise in other chunks.
    @Test("The same bits in chunks", arguments: InstructionSet.available, [0, 1, 96, 700])
    func chunks(_ instructionSet: InstructionSet, _ window: Int) {
        // Whole groups, and a remainder; the other shapes have the same chunks.
        for (heads, dimension) in shapes.suffix(2) {
            var problem = problem(heads, dimension, 1200, window: window)
            for slidingWindow in window == 0 ? [0, 70, 513] : [0] {
                problem.slidingWindow = slidingWindow
                let whole = problem.prefill(chunk: 1200, instructionSet)
                for (chunk, threadCount) in [(1, 1), (7, 3), (64, 2), (1200, 2)] {
                    let output = problem.prefill(chunk: chunk, threadCount: threadCount, instructionSet)
                    #expect(
                        firstDifference(output, whole) == nil,
                        "\(heads), D \(dimension), chunks of \(chunk), \(threadCount) threads, sliding \(slidingWindow)"
                    )
                }
            }
        }
    }

    @Test("Stale cache memory never leaks", arguments: InstructionSet.available)
    func staleMemory(_ instructionSet: InstructionSet) {
        for (length, rowCount, window) in sizes {
            let problem = problem((3, 1), 38, length, window: window)
            let rows = (length - rowCount)..<length
            // Scales and codes: zeros, NaN, infinities, great numbers, and all bits.
            let patterns: [UInt32] = [0, staleNumber.bitPattern, 0x7f80_ff80, 0x7180_7180, 0x7fc0_7fc0, .max]
            let outputs = patterns.map {
                problem.attend(rows: rows, stale: Float(bitPattern: $0), instructionSet)
            }
            #expect(outputs[0].allSatisfy { $0.isFinite })
            for output in outputs {
                #expect(firstDifference(output, outputs[0]) == nil, "S \(length), T \(rowCount), W \(window)")
            }
        }
    }

    /// The scale of a hidden value would show in the step of the weights, were it not left out.
    @Test("Nothing of a hidden position shows", arguments: InstructionSet.available)
    func hiddenPositions(_ instructionSet: InstructionSet) {
        for (length, window) in [(40, 7), (200, 100), (300, 128), (1100, 33), (1100, 513), (1600, 1)] {
            var problem = problem((3, 1), 16, length, window: 0)
            problem.slidingWindow = window
            let last = (length - 1)..<length
            let expected = problem.attend(rows: last, instructionSet)
            let hidden = 0..<((length - window) * problem.keyWidth)
            problem.keys.replaceSubrange(hidden, with: repeatElement(1e30, count: hidden.count))
            problem.values.replaceSubrange(hidden, with: repeatElement(-1e30, count: hidden.count))
            #expect(
                firstDifference(problem.attend(rows: last, instructionSet), expected) == nil,
                "S \(length), window \(window)")
        }
    }

    /// All values are alike, so their mean is known; only the weights are rounded.
    @Test("Zeros, small and great numbers")
    func extremes() {
        for value in [0, 0x1p-120, 0x1p-60, 1, 0x1p100] as [Float] {
            var problem = problem((1, 1), 32, 300, window: 0)
            problem.values = problem.values.map { _ in value }
            let output = problem.attend(rows: 299..<300, .baseline)
            // Sums of weights that were rounded to 8 bits, over the sum of those that weren't.
            let expected = value < 0x1p-100 ? 0 : value
            #expect(output.allSatisfy { abs($0 - expected) <= 0.02 * expected }, "\(value)")
        }
        var problem = problem((1, 1), 32, 300, window: 0)
        problem.queries = problem.queries.map { _ in 0 }
        #expect(problem.attend(rows: 0..<300, .baseline).allSatisfy { $0.isFinite })
    }
}
