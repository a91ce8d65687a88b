import Foundation
import SIMDKernels
import TestSupport
import Testing

/// Sizes of one attention problem.
struct AttentionCase: CustomTestStringConvertible {
    let heads: (query: Int, keyValue: Int)
    let dimension: Int
    /// S: positions cached.
    let length: Int
    /// T: the last rows, which are attended.
    let rowCount: Int
    let window: Int

    var testDescription: String {
        "\(heads.query)/\(heads.keyValue) heads of \(dimension), T \(rowCount), S \(length), W \(window)"
    }

    var rows: Range<Int> { (length - rowCount)..<length }

    func problem(seed: UInt64 = 1) -> AttentionProblem {
        AttentionProblem(heads: heads, dimension: dimension, length: length, window: window, seed: seed)
    }

    /// Every head dimension and sharing with lengths around the panel (32) and the block (128).
    static let short: [AttentionCase] = {
        let shapes: [((query: Int, keyValue: Int), Int)] = [
            ((9, 3), 64), ((4, 4), 8), ((4, 4), 16), ((9, 3), 20), ((2, 1), 80), ((4, 4), 128), ((1, 1), 2),
            ((16, 1), 32),
        ]
        let sizes = [
            (1, 1, 0), (1, 1, 1), (5, 5, 0), (5, 3, 2), (31, 31, 8), (33, 33, 32), (64, 33, 33), (127, 20, 127),
            (128, 50, 0), (129, 129, 128), (130, 2, 1), (200, 70, 31), (260, 30, 129),
        ]
        return shapes.flatMap { heads, dimension in
            sizes.map { length, rowCount, window in
                AttentionCase(heads: heads, dimension: dimension, length: length, rowCount: rowCount, window: window)
            }
        }
    }()

    /// Lengths and windows around the segment (512) and two of them, decoded and prefilled.
    static let long: [AttentionCase] = {
        let shapes: [((query: Int, keyValue: Int), Int)] = [((9, 3), 64), ((4, 4), 20)]
        let sizes = [
            (511, 2, 0), (512, 1, 100), (513, 3, 0), (1023, 3, 0), (1024, 1, 1024), (1025, 1, 100), (1025, 6, 1025),
            (1030, 12, 200), (1100, 40, 1000),
            (2049, 1, 0), (2049, 4, 1024), (2100, 1, 1030), (2100, 30, 1), (2305, 17, 2048), (3100, 2, 1152),
        ]
        return shapes.flatMap { heads, dimension in
            sizes.map { length, rowCount, window in
                AttentionCase(heads: heads, dimension: dimension, length: length, rowCount: rowCount, window: window)
            }
        }
    }()
}

@Suite("Two-pass attention")
struct AttentionTests {
    @Test("Short rows agree with the merged softmax", arguments: AttentionCase.short)
    func short(_ sizes: AttentionCase) { compareWithTwin(sizes) }

    @Test("Long rows agree with the merged softmax", arguments: AttentionCase.long)
    func long(_ sizes: AttentionCase) { compareWithTwin(sizes) }

    private func compareWithTwin(_ sizes: AttentionCase) {
        let problem = sizes.problem()
        let exact = problem.twin(rows: sizes.rows)
        let allowed = problem.allowedError(rows: sizes.rows, twin: exact)
        for instructionSet in InstructionSet.availableForFloats {
            let output = problem.attend(rows: sizes.rows, instructionSet)
            #expect(greatestError(output, exact) <= allowed, "\(instructionSet)")
        }
    }

    /// The window's edge in every place of a block, and of the two blocks beside it.
    @Test("The window's edge moves through a block", arguments: InstructionSet.availableForFloats)
    func everyWindow(_ instructionSet: InstructionSet) {
        for window in 1...270 {
            let problem = AttentionProblem(
                heads: (2, 1), dimension: 8, length: 270, window: window, seed: UInt64(window))
            let rows = 250..<270
            let exact = problem.twin(rows: rows)
            let error = greatestError(problem.attend(rows: rows, instructionSet), exact)
            #expect(error <= problem.allowedError(rows: rows, twin: exact), "W \(window)")
        }
    }

    @Test("Equal keys on both sides make the window invisible", arguments: InstructionSet.availableForFloats)
    func invisibleWindow(_ instructionSet: InstructionSet) {
        var problem = AttentionProblem(heads: (6, 2), dimension: 24, length: 1100, window: 0)
        problem.neighborKeys = problem.keys
        problem.neighborQueries = problem.queries
        let plain = problem.attend(rows: 1000..<1100, instructionSet)
        for window in [1, 31, 32, 33, 127, 128, 129, 500, 1023, 1024, 1025, 1099, 1100, 5000] {
            problem.window = window
            let output = problem.attend(rows: 1000..<1100, instructionSet)
            #expect(firstDifference(output, plain) == nil, "W \(window)")
        }
    }

    @Test(
        "A window of all positions is plain attention over neighbor keys", arguments: InstructionSet.availableForFloats)
    func wholeWindow(_ instructionSet: InstructionSet) {
        var problem = AttentionProblem(heads: (6, 2), dimension: 24, length: 1100, window: 1100)
        let extended = problem.attend(rows: 900..<1100, instructionSet)
        problem.window = 0
        problem.keys = problem.neighborKeys
        problem.queries = problem.neighborQueries
        let plain = problem.attend(rows: 900..<1100, instructionSet)
        #expect(firstDifference(plain, extended) == nil)
    }

    /// One row scores each key on one side only; the other side's key is NaN here, and must not show.
    @Test("A key's other rotation never leaks into a score", arguments: InstructionSet.availableForFloats)
    func poisonedSides(_ instructionSet: InstructionSet) {
        for (length, window) in [(40, 7), (200, 100), (1024, 1024), (1500, 300), (1500, 1300), (2048, 1)] {
            var problem = AttentionProblem(heads: (3, 1), dimension: 16, length: length, window: window)
            let last = (length - 1)..<length
            let expected = problem.attend(rows: last, instructionSet)
            for key in 0..<length {
                let side = (key * problem.keyWidth)..<((key + 1) * problem.keyWidth)
                if length - 1 - key < window {
                    problem.keys.replaceSubrange(side, with: repeatElement(.nan, count: side.count))
                } else {
                    problem.neighborKeys.replaceSubrange(side, with: repeatElement(.nan, count: side.count))
                }
            }
            let output = problem.attend(rows: last, instructionSet)
            #expect(firstDifference(output, expected) == nil, "S \(length), W \(window)")
        }
    }

    /// The cache's memory beyond the valid positions may hold anything: NaN from the allocator, or keys and values of
    /// a text that has been truncated.
    @Test("Stale cache memory never leaks", arguments: InstructionSet.availableForFloats)
    func staleMemory(_ instructionSet: InstructionSet) {
        for (length, rowCount, window) in [(1, 1, 1), (33, 5, 8), (129, 1, 0), (150, 30, 100), (1030, 3, 512)] {
            let problem = AttentionProblem(heads: (3, 1), dimension: 20, length: length, window: window)
            let rows = (length - rowCount)..<length
            let outputs = [0, Float.nan, .infinity, -1e30, 1e30].map { stale in
                problem.attend(rows: rows, stale: stale, instructionSet)
            }
            for output in outputs { #expect(firstDifference(output, outputs[0]) == nil, "S \(length), W \(window)") }
        }
    }

    @Test("A position that is stored again replaces the old one", arguments: InstructionSet.availableForFloats)
    func overwrittenPositions(_ instructionSet: InstructionSet) {
        let old = AttentionProblem(heads: (3, 1), dimension: 16, length: 300, window: 64, seed: 1)
        var new = AttentionProblem(heads: (3, 1), dimension: 16, length: 300, window: 64, seed: 2)
        // The first 180 positions stay: a session that was truncated to them.
        new.keys.replaceSubrange(..<(180 * 16), with: old.keys[..<(180 * 16)])
        new.neighborKeys.replaceSubrange(..<(180 * 16), with: old.neighborKeys[..<(180 * 16)])
        new.values.replaceSubrange(..<(180 * 16), with: old.values[..<(180 * 16)])
        let expected = new.prefill(chunk: 300, instructionSet)

        // With room for 300 rows at once the ring still holds position 117, the farthest that row 180 sees.
        let cache = AttentionCache(new, rowLimit: 300, threadCount: 1, stale: staleNumber)
        cache.store(0..<300, of: old)
        cache.store(180..<190)
        let output = cache.attend(180..<190, instructionSet)
        #expect(firstDifference(output, new.rows(180..<190, of: expected)) == nil)
    }

    /// Scores of ±10⁴: exponentials overflow unless the greatest score is subtracted first.
    @Test("Extreme scores give no NaN", arguments: InstructionSet.availableForFloats)
    func extremeScores(_ instructionSet: InstructionSet) {
        for window in [0, 40] {
            var problem = AttentionProblem(heads: (2, 1), dimension: 4, length: 300, window: window)
            for index in problem.queries.indices { problem.queries[index] = 100 }
            problem.neighborQueries = problem.queries
            var generator = SeededGenerator(seed: 11)
            for key in 0..<300 {
                // 100 · 25 · 4 = 10⁴, or −10⁴.
                let component: Float = generator.next() % 2 == 0 ? 25 : -25
                for d in 0..<4 { problem.keys[key * 4 + d] = component }
            }
            problem.neighborKeys = problem.keys
            // These scores are exact in both precisions, so the usual bound applies.
            let exact = problem.twin(rows: 0..<300)
            let output = problem.attend(rows: 0..<300, instructionSet)
            #expect(greatestError(output, exact) <= problem.allowedError(rows: 0..<300, twin: exact), "W \(window)")
        }
    }

    @Test("A key that outweighs all others gives exactly its value", arguments: InstructionSet.availableForFloats)
    func dominantKey(_ instructionSet: InstructionSet) {
        for dominant in [0, 31, 127, 128, 500, 511, 512, 1023, 1024, 1199] {
            var problem = AttentionProblem(heads: (1, 1), dimension: 8, length: 1200, window: 0)
            for d in 0..<8 {
                problem.queries[1199 * 8 + d] = 100
                problem.keys[dominant * 8 + d] = 50
            }
            // Its score is 4·10⁴, all others' are below 10³: e to their difference is 0 in Float.
            let value = problem.values[(dominant * 8)..<((dominant + 1) * 8)]
            #expect(problem.attend(rows: 1199..<1200, instructionSet) == Array(value), "key \(dominant)")
        }
    }
}
