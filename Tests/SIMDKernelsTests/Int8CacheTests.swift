import Foundation
import SIMDKernels
import TestSupport
import Testing

/// Dimensions of less than a word's four, less than a group's 32, whole groups, and ones with a remainder.
private let shapes: [(heads: (query: Int, keyValue: Int), dimension: Int)] = [
    ((1, 1), 2), ((2, 1), 8), ((2, 1), 80), ((9, 3), 64), ((2, 2), 38),
]

/// Lengths around a word (4), a panel (32), a block (128) and two segments (of 512), plain and windowed.
private let sizes: [(length: Int, rowCount: Int, window: Int)] = [
    (1, 1, 0), (2, 1, 1), (3, 3, 0), (5, 2, 2), (31, 31, 8), (33, 20, 32), (66, 66, 0), (127, 20, 127), (129, 129, 40),
    (200, 97, 31), (1023, 3, 0), (1025, 1, 100), (1031, 9, 1025), (1031, 40, 0), (2049, 2, 1030),
]

@Suite("Attention with an int8 cache")
struct Int8CacheTests {
    @Test("Numbers are rounded when they are stored", arguments: InstructionSet.availableForFloats)
    func roundedNumbers(_ instructionSet: InstructionSet) {
        for (heads, dimension) in shapes {
            for (length, rowCount, window) in sizes {
                var problem = AttentionProblem(
                    heads: heads, dimension: dimension, length: length, window: window, cacheFormat: .int8)
                let rows = (length - rowCount)..<length
                let output = problem.attend(rows: rows, instructionSet)
                problem.cacheFormat = .float32
                #expect(
                    firstDifference(output, problem.roundedToInt8Groups.attend(rows: rows, instructionSet)) == nil,
                    "\(heads), D \(dimension), T \(rowCount), S \(length), W \(window)")
                #expect(firstDifference(output, problem.attend(rows: rows, instructionSet)) != nil)
            }
        }
    }

    /// A prefill in chunks writes some bytes of a word in one chunk and the others in the next.
    @Test("The same in chunks across a segment", arguments: InstructionSet.availableForFloats, [0, 1, 96])
    func chunks(_ instructionSet: InstructionSet, _ window: Int) {
        for (heads, dimension) in shapes {
            let problem = AttentionProblem(
                heads: heads, dimension: dimension, length: 1055, window: window, cacheFormat: .int8)
            let expected = problem.attend(rows: 985..<1055, instructionSet)
            for chunk in [1, 7, 64] {
                for threadCount in [1, 3] {
                    let output = problem.prefill(chunk: chunk, from: 985, threadCount: threadCount, instructionSet)
                    #expect(
                        firstDifference(output, expected) == nil,
                        "\(heads), D \(dimension), chunks of \(chunk), \(threadCount) threads")
                }
            }
        }
    }

    @Test("Stale cache memory never leaks", arguments: InstructionSet.availableForFloats)
    func staleMemory(_ instructionSet: InstructionSet) {
        for (length, rowCount, window) in sizes {
            let problem = AttentionProblem(
                heads: (3, 1), dimension: 38, length: length, window: window, cacheFormat: .int8)
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

    /// One key has all the weight, so its value comes out as it was stored.
    @Test("A stored number is rounded to nearest, ties to even")
    func stored() {
        // The greatest is 127 · 2⁻³, so the scale is 2⁻³, and a tie is a tie.
        let numbers: [Float] = [15.875, 0.0625, 0.1875, -0.0625, -0.1875, 0.3125, 7.9375, -15.875]
        let expected: [Float] = [15.875, 0, 0.25, 0, -0.25, 0.25, 8, -15.875]
        var problem = AttentionProblem(heads: (1, 1), dimension: 8, length: 1, window: 0, cacheFormat: .int8)
        problem.values = numbers
        #expect(firstDifference(problem.attend(rows: 0..<1, .baseline), expected) == nil)
    }

    /// Zeros have no scale, a number that is none makes its group NaN, and what is too small for a scale becomes 0.
    @Test("Extreme numbers")
    func extremes() {
        for (first, expected) in [
            (0, 0), (-0.0, 0), (.leastNonzeroMagnitude, 0), (0x1p-101, 0), (.greatestFiniteMagnitude, nil),
            (.infinity, .nan), (.nan, .nan),
        ] as [(Float, Float?)] {
            var problem = AttentionProblem(heads: (1, 1), dimension: 8, length: 1, window: 0, cacheFormat: .int8)
            problem.values = [first] + [Float](repeating: 0, count: 7)
            let output = problem.attend(rows: 0..<1, .baseline)
            switch expected {
            case nil: #expect(abs(output[0] / first - 1) < 0x1p-8)
            case let value? where value.isNaN: #expect(output.allSatisfy { $0.isNaN })
            case let value?: #expect(output[0] == value && output.allSatisfy { $0 == 0 })
            }
        }
    }

    @Test("What is loaded and stored again keeps its bits")
    func again() {
        var generator = SeededGenerator(seed: 18)
        for dimension in [2, 30, 32, 38, 64, 80, 256] {
            for exponent in [-140, -99, -60, -12, 0, 20, 120] {
                let numbers = generator.floats(dimension).map {
                    $0 * Float(sign: .plus, exponent: exponent, significand: 1)
                }
                let format = CacheFormat.int8
                var bytes = [UInt8](repeating: 0, count: format.byteCount(dimension))
                var second = bytes
                var loaded = [Float](repeating: 0, count: dimension)
                var reloaded = loaded
                bytes.withUnsafeMutableBytes { format.encode(numbers, headDimension: dimension, to: $0.baseAddress!) }
                bytes.withUnsafeBytes { format.decode($0.baseAddress!, headDimension: dimension, to: &loaded) }
                second.withUnsafeMutableBytes { format.encode(loaded, headDimension: dimension, to: $0.baseAddress!) }
                second.withUnsafeBytes { format.decode($0.baseAddress!, headDimension: dimension, to: &reloaded) }
                #expect(bytes == second && firstDifference(loaded, reloaded) == nil, "D \(dimension), 2^\(exponent)")
            }
        }
    }

    @Test("It takes at most 0.54 of what bfloat16 takes", arguments: [64, 80, 96, 128, 256])
    func memory(dimension: Int) {
        let (narrow, wide) = (
            AttentionShape(queryHeadCount: 8, keyValueHeadCount: 2, headDimension: dimension, cacheFormat: .int8),
            AttentionShape(queryHeadCount: 8, keyValueHeadCount: 2, headDimension: dimension, cacheFormat: .bfloat16)
        )
        #expect(Double(narrow.segmentFloatCount) <= 0.54 * Double(wide.segmentFloatCount))
    }
}
