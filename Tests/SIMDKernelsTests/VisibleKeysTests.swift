import SIMDKernels
import TestSupport
import Testing

/// Sliding windows and bounded scores: one problem, attended with both.
private struct Sizes: CustomTestStringConvertible {
    let length: Int
    let rowCount: Int
    let slidingWindow: Int
    var scoreCap: Float = 0
    var neighborWindow = 0

    var testDescription: String {
        "T \(rowCount), S \(length), sliding \(slidingWindow), cap \(scoreCap), W \(neighborWindow)"
    }
    var rows: Range<Int> { (length - rowCount)..<length }

    func problem(
        _ heads: (query: Int, keyValue: Int), _ dimension: Int, cacheFormat: CacheFormat = .float32,
        precision: Precision = .float32
    ) -> AttentionProblem {
        var problem = AttentionProblem(
            heads: heads, dimension: dimension, length: length, window: neighborWindow, cacheFormat: cacheFormat,
            precision: precision)
        problem.slidingWindow = slidingWindow
        problem.scoreCap = scoreCap
        return problem
    }

    /// Windows around a panel (32), a block (128) and a segment (512), whose edges fall anywhere in them; one row, as
    /// many as are shared out by segments, and more.
    static let all = [
        Sizes(length: 1, rowCount: 1, slidingWindow: 1), Sizes(length: 9, rowCount: 9, slidingWindow: 1),
        Sizes(length: 70, rowCount: 70, slidingWindow: 31), Sizes(length: 70, rowCount: 40, slidingWindow: 32),
        Sizes(length: 100, rowCount: 100, slidingWindow: 33), Sizes(length: 300, rowCount: 200, slidingWindow: 127),
        Sizes(length: 300, rowCount: 2, slidingWindow: 128), Sizes(length: 400, rowCount: 90, slidingWindow: 129),
        Sizes(length: 1100, rowCount: 1, slidingWindow: 511), Sizes(length: 1100, rowCount: 9, slidingWindow: 512),
        Sizes(length: 1100, rowCount: 80, slidingWindow: 513), Sizes(length: 1540, rowCount: 3, slidingWindow: 600),
        Sizes(length: 1540, rowCount: 12, slidingWindow: 5), Sizes(length: 1540, rowCount: 1, slidingWindow: 4),
        Sizes(length: 50, rowCount: 50, slidingWindow: 0, scoreCap: 0.5),
        Sizes(length: 200, rowCount: 70, slidingWindow: 0, scoreCap: 4),
        Sizes(length: 1030, rowCount: 4, slidingWindow: 0, scoreCap: 2),
        Sizes(length: 1030, rowCount: 40, slidingWindow: 0, scoreCap: 50),
        Sizes(length: 300, rowCount: 60, slidingWindow: 100, scoreCap: 1),
        Sizes(length: 1100, rowCount: 2, slidingWindow: 700, scoreCap: 3),
        Sizes(length: 300, rowCount: 60, slidingWindow: 0, scoreCap: 1, neighborWindow: 40),
        Sizes(length: 300, rowCount: 60, slidingWindow: 90, scoreCap: 2, neighborWindow: 40),
        Sizes(length: 1100, rowCount: 5, slidingWindow: 800, neighborWindow: 300),
        Sizes(length: 200, rowCount: 60, slidingWindow: 33, neighborWindow: 65),
    ]
}

private let shapes: [(heads: (query: Int, keyValue: Int), dimension: Int)] = [
    ((9, 3), 64), ((4, 4), 20), ((2, 1), 80),
]

@Suite("Sliding windows and bounded scores")
struct VisibleKeysTests {
    @Test("Rows agree with the softmax over visible keys", arguments: Sizes.all)
    fileprivate func twin(_ sizes: Sizes) {
        for (heads, dimension) in shapes {
            let problem = sizes.problem(heads, dimension)
            let exact = problem.twin(rows: sizes.rows)
            let allowed = problem.allowedError(rows: sizes.rows, twin: exact)
            // Far below what a wrong key or an unbounded score makes.
            #expect(allowed < 1e-3)
            for instructionSet in InstructionSet.availableForFloats {
                let output = problem.attend(rows: sizes.rows, instructionSet)
                #expect(greatestError(output, exact) <= allowed, "\(instructionSet), \(heads), D \(dimension)")
            }
        }
    }

    /// The edge in every place of a block, and of the two blocks beside it.
    @Test("The window's edge moves through a block", arguments: InstructionSet.availableForFloats)
    func everyWindow(_ instructionSet: InstructionSet) {
        var problem = AttentionProblem(heads: (2, 1), dimension: 8, length: 270, window: 0)
        let rows = 250..<270
        for window in 1...270 {
            problem.slidingWindow = window
            let exact = problem.twin(rows: rows)
            let error = greatestError(problem.attend(rows: rows, instructionSet), exact)
            #expect(error <= problem.allowedError(rows: rows, twin: exact), "window \(window)")
        }
    }

    @Test(
        "A bfloat16 cache of numbers that it holds exactly gives the bits of a float32 cache",
        arguments: InstructionSet.availableForFloats, Sizes.all)
    fileprivate func bfloat16Cache(_ instructionSet: InstructionSet, _ sizes: Sizes) {
        for (heads, dimension) in shapes {
            var problem = sizes.problem(heads, dimension).rounded
            let expected = problem.attend(rows: sizes.rows, instructionSet)
            problem.cacheFormat = .bfloat16
            let output = problem.attend(rows: sizes.rows, instructionSet)
            #expect(firstDifference(output, expected) == nil, "\(heads), D \(dimension)")
        }
    }

    @Test(
        "In bfloat16 products the error is that of the naive method",
        .enabled(
            if: InstructionSet.avx512.hasBFloat16Products), arguments: Sizes.all)
    fileprivate func bfloat16Products(_ sizes: Sizes) {
        for (heads, dimension) in shapes {
            let problem = sizes.problem(heads, dimension, cacheFormat: .bfloat16, precision: .bfloat16)
            let exact = problem.twin(rows: sizes.rows)
            // As in `BFloat16AttentionTests.twin`. Where a window shows few keys, a score's error is not averaged over
            // many: rounded queries and keys move a score of a standard deviation of 1 by 2u/√3 of it and so rarely by
            // more than 4u.
            let greatest = problem.values.reduce(0) { max($0, abs(Double($1))) }
            let allowed = max(
                2 * greatestError(problem.naiveBFloat16(rows: sizes.rows), exact), 4 * bfloat16Roundoff * greatest)
            #expect(greatestError(problem.attend(rows: sizes.rows, .avx512), exact) <= allowed)
            #expect(allowed < 0.05)
        }
    }

    /// Chunks attend from segments of their own on, few rows are shared out by segments, many have items of their own.
    @Test(
        "The same bits in chunks and for every number of threads", arguments: InstructionSet.availableForFloats,
        [
            Sizes(length: 1300, rowCount: 1300, slidingWindow: 33),
            Sizes(length: 1300, rowCount: 1300, slidingWindow: 128, scoreCap: 2),
            Sizes(length: 1300, rowCount: 1300, slidingWindow: 513),
            Sizes(length: 1300, rowCount: 1300, slidingWindow: 0, scoreCap: 50),
            Sizes(length: 1300, rowCount: 1300, slidingWindow: 700, scoreCap: 30, neighborWindow: 96),
        ])
    fileprivate func chunks(_ instructionSet: InstructionSet, _ sizes: Sizes) {
        var problems = [
            sizes.problem((3, 1), 16), sizes.problem((3, 1), 20, cacheFormat: .bfloat16),
            sizes.problem((3, 1), 38, cacheFormat: .int8),
        ]
        if instructionSet.hasBFloat16Products {
            problems.append(sizes.problem((3, 1), 20, cacheFormat: .bfloat16, precision: .bfloat16))
        }
        for problem in problems {
            let whole = problem.prefill(chunk: 1300, instructionSet)
            for (chunk, threadCount) in [(1, 1), (7, 1), (64, 3), (500, 2), (1300, 3)] {
                let output = problem.prefill(chunk: chunk, threadCount: threadCount, instructionSet)
                #expect(
                    firstDifference(output, whole) == nil,
                    "\(problem.cacheFormat), \(problem.precision), chunks of \(chunk), \(threadCount) threads")
            }
            // Few rows of several segments, shared out: for each a team meets, so not for all.
            for (chunk, threadCount) in [(1, 3), (7, 2)] {
                let output = problem.prefill(chunk: chunk, from: 1200, threadCount: threadCount, instructionSet)
                #expect(
                    firstDifference(output, problem.rows(1200..<1300, of: whole)) == nil,
                    "\(problem.cacheFormat), \(problem.precision), chunks of \(chunk), \(threadCount) threads")
            }
        }
    }

    @Test("A window of all positions is none", arguments: InstructionSet.availableForFloats)
    func wholeWindow(_ instructionSet: InstructionSet) {
        for length in [1, 33, 128, 300, 1100] {
            for rowCount in [1, 20, 200] where rowCount <= length {
                var problem = AttentionProblem(heads: (6, 2), dimension: 24, length: length, window: 0)
                let rows = (length - rowCount)..<length
                let plain = problem.attend(rows: rows, instructionSet)
                for window in [length, length + 1, 100_000] {
                    problem.slidingWindow = window
                    #expect(firstDifference(problem.attend(rows: rows, instructionSet), plain) == nil, "\(window)")
                }
                // One less hides the first key of the last row alone.
                if length == 1 { continue }
                problem.slidingWindow = length - 1
                let output = problem.attend(rows: rows, instructionSet)
                let difference = firstDifference(output, plain)
                #expect(difference.map { $0 / problem.queryWidth } == rowCount - 1, "S \(length), T \(rowCount)")
            }
        }
    }

    /// A hidden key may be anything. A hidden value has to be finite, as `TwoPassAttention` says: it is multiplied with a
    /// weight of 0 where others of its block are visible.
    @Test("Nothing of a hidden position shows", arguments: InstructionSet.availableForFloats)
    func hiddenPositions(_ instructionSet: InstructionSet) {
        for (length, window) in [(40, 7), (200, 100), (300, 128), (1100, 33), (1100, 513), (1600, 1000), (1600, 1)] {
            for cacheFormat in CacheFormat.allCases {
                var problem = AttentionProblem(
                    heads: (3, 1), dimension: 16, length: length, window: 0, cacheFormat: cacheFormat)
                problem.slidingWindow = window
                let last = (length - 1)..<length
                let expected = problem.attend(rows: last, instructionSet)
                let hidden = 0..<((length - window) * problem.keyWidth)
                for key in [Float.nan, .infinity, 1e30] {
                    problem.keys.replaceSubrange(hidden, with: repeatElement(key, count: hidden.count))
                    problem.values.replaceSubrange(hidden, with: repeatElement(-1e30, count: hidden.count))
                    let output = problem.attend(rows: last, instructionSet)
                    #expect(firstDifference(output, expected) == nil, "S \(length), window \(window), \(key)")
                }
            }
        }
    }

    @Test("Stale cache memory never leaks", arguments: InstructionSet.availableForFloats)
    func staleMemory(_ instructionSet: InstructionSet) {
        for sizes in Sizes.all {
            let problem = sizes.problem((3, 1), 20)
            let outputs = [0, Float.nan, .infinity, -1e30].map { stale in
                problem.attend(rows: sizes.rows, stale: stale, instructionSet)
            }
            for output in outputs { #expect(firstDifference(output, outputs[0]) == nil, "\(sizes)") }
        }
    }

    /// Scores of ±10⁴ at a cap of 2 are ±2, whose weights are known.
    @Test("A bound makes the greatest scores equal", arguments: InstructionSet.availableForFloats)
    func extremeScores(_ instructionSet: InstructionSet) {
        var problem = AttentionProblem(heads: (1, 1), dimension: 4, length: 300, window: 0)
        problem.scoreCap = 2
        for index in problem.queries.indices { problem.queries[index] = 100 }
        for index in problem.keys.indices { problem.keys[index] = index / 4 % 3 == 0 ? 25 : -25 }
        let exact = problem.twin(rows: 0..<300)
        let output = problem.attend(rows: 0..<300, instructionSet)
        #expect(greatestError(output, exact) <= problem.allowedError(rows: 0..<300, twin: exact))
    }
}
