import SIMDKernels
import TestSupport
import Testing

/// One key-value head for each query head, and for two and three of them; the dimensions are less than a vector's
/// words, whole vectors, and one with a remainder.
private let shapes: [(heads: (query: Int, keyValue: Int), dimension: Int)] = [
    ((1, 1), 8), ((2, 1), 80), ((9, 3), 64), ((2, 2), 20),
]

/// Odd and even lengths around a word (2), a panel (32), a block (128) and two segments (of 512), plain and
/// windowed.
private let sizes: [(length: Int, rowCount: Int, window: Int)] = [
    (1, 1, 0), (2, 1, 1), (3, 3, 0), (31, 31, 8), (33, 20, 32), (65, 65, 0), (127, 20, 127), (129, 129, 40),
    (200, 97, 31), (1023, 3, 0), (1025, 1, 0), (1025, 1, 100), (1031, 9, 1025), (1031, 40, 0), (2049, 2, 1030),
]

@Suite("Attention with a bfloat16 cache")
struct BFloat16CacheTests {
    /// Numbers that both caches hold exactly are the same floats to the kernel.
    @Test("Numbers that are bfloat16 give the bits of a float32 cache", arguments: InstructionSet.availableForFloats)
    func exactNumbers(_ instructionSet: InstructionSet) {
        for (heads, dimension) in shapes {
            for (length, rowCount, window) in sizes {
                var problem = AttentionProblem(heads: heads, dimension: dimension, length: length, window: window)
                    .rounded
                let rows = (length - rowCount)..<length
                let expected = problem.attend(rows: rows, instructionSet)
                problem.cacheFormat = .bfloat16
                let output = problem.attend(rows: rows, instructionSet)
                #expect(
                    firstDifference(output, expected) == nil,
                    "\(heads), D \(dimension), T \(rowCount), S \(length), W \(window)")
            }
        }
    }

    /// A prefill in chunks writes one half of a word in one chunk and the other in the next.
    @Test("The same in chunks across a segment", arguments: InstructionSet.availableForFloats, [0, 1, 96])
    func exactNumbersInChunks(_ instructionSet: InstructionSet, _ window: Int) {
        for (heads, dimension) in shapes {
            var problem = AttentionProblem(heads: heads, dimension: dimension, length: 1055, window: window).rounded
            let expected = problem.attend(rows: 985..<1055, instructionSet)
            problem.cacheFormat = .bfloat16
            for chunk in [1, 7, 64] {
                for threadCount in [1, 3] {
                    let output = problem.prefill(chunk: chunk, from: 985, threadCount: threadCount, instructionSet)
                    #expect(
                        firstDifference(output, expected) == nil,
                        "\(heads), D \(dimension), chunks of \(chunk), \(threadCount) threads")
                }
            }
        }
        var problem = AttentionProblem(heads: (3, 1), dimension: 16, length: 1055, window: window).rounded
        let expected = problem.prefill(chunk: 1055, instructionSet)
        problem.cacheFormat = .bfloat16
        for chunk in [1, 7, 64, 1055] {
            let output = problem.prefill(chunk: chunk, instructionSet)
            #expect(firstDifference(output, expected) == nil, "all rows in chunks of \(chunk)")
        }
    }

    @Test("Other numbers are rounded when they are stored", arguments: InstructionSet.availableForFloats)
    func roundedNumbers(_ instructionSet: InstructionSet) {
        for (heads, dimension) in shapes {
            for (length, rowCount, window) in sizes {
                var problem = AttentionProblem(
                    heads: heads, dimension: dimension, length: length, window: window, cacheFormat: .bfloat16)
                let rows = (length - rowCount)..<length
                let output = problem.attend(rows: rows, instructionSet)
                #expect(
                    firstDifference(output, problem.rounded.attend(rows: rows, instructionSet)) == nil,
                    "\(heads), D \(dimension), T \(rowCount), S \(length), W \(window)")
                problem.cacheFormat = .float32
                #expect(firstDifference(output, problem.attend(rows: rows, instructionSet)) != nil)
            }
        }
    }

    /// One key has all the weight, so its value comes out as it was stored.
    @Test("A stored number is rounded to nearest, ties to even", arguments: InstructionSet.availableForFloats)
    func stored(_ instructionSet: InstructionSet) {
        let numbers: [Float] = [
            1 + 0x1p-8, (1 + 0x1p-8 as Float).nextUp, (1 + 0x1p-8 as Float).nextDown, 1 + 0x1.8p-7, -1 - 0x1p-8,
            -1 - 0x1.8p-7, 0x1.fdp127, 0x1p-120,
        ]
        var problem = AttentionProblem(heads: (1, 1), dimension: 8, length: 1, window: 0, cacheFormat: .bfloat16)
        problem.values = numbers
        #expect(
            firstDifference(problem.attend(rows: 0..<1, instructionSet), numbers.map(roundedToBFloat16)) == nil)
    }

    /// The last word of an odd number of values is half unwritten.
    @Test("Stale cache memory never leaks", arguments: InstructionSet.availableForFloats)
    func staleMemory(_ instructionSet: InstructionSet) {
        for (length, rowCount, window) in sizes {
            let problem = AttentionProblem(
                heads: (3, 1), dimension: 20, length: length, window: window, cacheFormat: .bfloat16)
            expectStaleMemoryToStayHidden(problem, rowCount, instructionSet)
        }
    }
}

/// Attends the last rows with zeros, NaN, infinities and great numbers where nothing has been stored.
private func expectStaleMemoryToStayHidden(
    _ problem: AttentionProblem, _ rowCount: Int, _ instructionSet: InstructionSet,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let rows = (problem.length - rowCount)..<problem.length
    // Pairs of bfloat16 numbers: zeros, NaN, infinities of both signs, ±2¹⁰⁰, and NaN in either half alone.
    let patterns: [UInt32] = [
        0, staleNumber.bitPattern, 0x7f80_ff80, 0xff80_7f80, 0xf180_7180, 0x7fc0_0000, 0x0000_7fc0,
    ]
    let outputs = patterns.map { pattern in
        problem.attend(
            rows: rows, stale: Float(bitPattern: pattern), instructionSet, sourceLocation: sourceLocation)
    }
    #expect(outputs[0].allSatisfy { $0.isFinite }, sourceLocation: sourceLocation)
    for output in outputs {
        #expect(
            firstDifference(output, outputs[0]) == nil, "S \(problem.length), T \(rowCount), W \(problem.window)",
            sourceLocation: sourceLocation)
    }
}

@Suite("Attention in bfloat16 products", .enabled(if: InstructionSet.avx512.hasBFloat16Products))
struct BFloat16AttentionTests {
    private func problem(
        _ heads: (query: Int, keyValue: Int), _ dimension: Int, length: Int, window: Int, seed: UInt64 = 1
    ) -> AttentionProblem {
        AttentionProblem(
            heads: heads, dimension: dimension, length: length, window: window, seed: seed, cacheFormat: .bfloat16,
            precision: .bfloat16)
    }

    @Test("The error is that of the naive method in bfloat16")
    func twin() {
        for (heads, dimension) in shapes {
            for (length, rowCount, window) in sizes {
                let problem = problem(heads, dimension, length: length, window: window)
                let rows = (length - rowCount)..<length
                let exact = problem.twin(rows: rows)
                // Both methods round queries, keys, values and weights to bfloat16, and differ in what a weight is
                // relative to when it is rounded: the greatest score so far, or that of the whole row. Where there are
                // few keys the naive method may be exact by chance, so no less than the rounding of a value and that of
                // a weight is allowed.
                let greatest = problem.values.reduce(0) { max($0, abs(Double($1))) }
                let allowed = max(
                    2 * greatestError(problem.naiveBFloat16(rows: rows), exact), 2 * bfloat16Roundoff * greatest)
                let output = problem.attend(rows: rows, .avx512)
                #expect(
                    greatestError(output, exact) <= allowed,
                    "\(heads), D \(dimension), T \(rowCount), S \(length), W \(window)")
                // Far below what a wrong key or value makes, whatever the method's error is.
                #expect(allowed < 0.03)
            }
        }
    }

    @Test("It isn't 32-bit arithmetic on the same cache")
    func precision() {
        var problem = problem((2, 1), 64, length: 300, window: 0)
        let output = problem.attend(rows: 250..<300, .avx512)
        problem.precision = .float32
        #expect(firstDifference(output, problem.attend(rows: 250..<300, .avx512)) != nil)
    }

    @Test("The same bits for every number of threads and rows at once", arguments: [0, 1, 96, 1024])
    func sameBits(_ window: Int) {
        for (heads, dimension) in shapes {
            let problem = problem(heads, dimension, length: 1055, window: window)
            let rows = 901..<1055
            let expected = problem.attend(rows: rows, .avx512)
            for threadCount in [2, 3] {
                #expect(firstDifference(problem.attend(rows: rows, threadCount: threadCount, .avx512), expected) == nil)
            }
            // One row takes the small tile, and so do four of one head; then tiles with and without remainders. Few rows
            // are shared out by segments.
            for (chunk, threadCount) in [(1, 1), (1, 3), (2, 1), (4, 2), (5, 1), (7, 3), (12, 1), (64, 2), (100, 2)] {
                let output = problem.prefill(
                    chunk: chunk, from: rows.lowerBound, threadCount: threadCount, .avx512)
                #expect(
                    firstDifference(output, expected) == nil,
                    "\(heads), D \(dimension), chunks of \(chunk), \(threadCount) threads")
            }
        }
    }

    @Test("All rows in chunks", arguments: [0, 33])
    func chunks(_ window: Int) {
        let problem = problem((3, 1), 16, length: 1301, window: window)
        let expected = problem.prefill(chunk: 1301, .avx512)
        for chunk in [1, 7, 64, 500] {
            #expect(firstDifference(problem.prefill(chunk: chunk, .avx512), expected) == nil, "chunks of \(chunk)")
        }
        #expect(firstDifference(problem.prefill(chunk: 500, threadCount: 3, .avx512), expected) == nil)
    }

    @Test("Stale cache memory never leaks")
    func staleMemory() {
        for (length, rowCount, window) in sizes {
            expectStaleMemoryToStayHidden(problem((3, 1), 20, length: length, window: window), rowCount, .avx512)
        }
    }

    /// Neighbor keys that are the grouped ones leave no trace of the window.
    @Test("Equal keys on both sides make the window invisible")
    func invisibleWindow() {
        var problem = problem((6, 2), 24, length: 1100, window: 0)
        problem.neighborKeys = problem.keys
        problem.neighborQueries = problem.queries
        let plain = problem.attend(rows: 1000..<1100, .avx512)
        for window in [1, 31, 32, 33, 127, 129, 1023, 1024, 1025, 1100] {
            problem.window = window
            #expect(firstDifference(problem.attend(rows: 1000..<1100, .avx512), plain) == nil, "W \(window)")
        }
    }

    @Test("A key that outweighs all others gives exactly its value")
    func dominantKey() {
        for dominant in [0, 31, 127, 128, 500, 1023, 1024, 1199] {
            var problem = problem((1, 1), 8, length: 1200, window: 0).rounded
            for d in 0..<8 {
                problem.queries[1199 * 8 + d] = 100
                problem.keys[dominant * 8 + d] = 50
            }
            // Its score is 4·10⁴, all others' are below 10³: e to their difference is 0 in Float.
            let value = problem.values[(dominant * 8)..<((dominant + 1) * 8)]
            #expect(
                firstDifference(problem.attend(rows: 1199..<1200, .avx512), Array(value)) == nil, "key \(dominant)")
        }
    }
}
