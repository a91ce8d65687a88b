import SIMDKernels
import TestSupport
import Testing

/// The headline promise, kernel by kernel and with `==` on bits: neither the number of threads, nor which rows are
/// computed together, nor the instruction set shows in a result.
///
/// (The x86-64 baseline multiplies and adds in two roundings. It keeps the promise over threads and rows, and agrees
/// with the others only within the bounds that the kernels' own suites check.)
@Suite("The same bits")
struct BitIdentityTests {
    /// Compares what `compute` gives with one thread on the first of some instruction sets with what it gives
    /// elsewhere.
    private func compareEverywhere(
        _ name: String, sourceLocation: SourceLocation = #_sourceLocation,
        _ compute: (_ threadCount: Int, InstructionSet) -> [Float]
    ) {
        for instructionSets in [fusedInstructionSets, InstructionSet.availableForFloats.filter { !$0.isFused }] {
            guard let first = instructionSets.first else { continue }
            let expected = compute(1, first)
            for instructionSet in instructionSets {
                for threadCount in [1, 2, 3] {
                    #expect(
                        firstDifference(compute(threadCount, instructionSet), expected) == nil,
                        "\(name), \(threadCount) threads, \(instructionSet)", sourceLocation: sourceLocation)
                }
            }
        }
    }

    @Test("GEMM", arguments: plainFormats)
    func gemm(_ format: WeightFormat) {
        var generator = SeededGenerator(seed: 40)
        for (rowCount, columnCount, depth) in [
            (1, 200, 300), (2, 97, 64), (7, 130, 257), (12, 64, 100), (40, 257, 600),
        ] {
            let depth = format.wholeBlocks(depth)
            let weights = Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
            let input = generator.floats(rowCount * depth)
            let before = generator.floats(rowCount * columnCount)
            compareEverywhere("\(rowCount)×\(columnCount)×\(depth)") {
                product(input, by: weights, threadCount: $0, $1)
            }
            compareEverywhere("\(rowCount)×\(columnCount)×\(depth), adding") {
                product(input, by: weights, adding: before, threadCount: $0, $1)
            }
        }
    }

    @Test("Products with a bias and an activation", arguments: plainFormats)
    func endings(_ format: WeightFormat) {
        var generator = SeededGenerator(seed: 45)
        let (columnCount, depth) = (97, format.wholeBlocks(70))
        let weights = Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
        let up = Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
        let bias = generator.floats(columnCount)
        let upBias = generator.floats(columnCount)
        // 150 rows: workers own some.
        let input = generator.floats(150 * depth, limit: 0.3)
        for activation in [Activation.silu, .gelu, .geluTanh, .softCap(2)] {
            for rowCount in [1, 7, 150] {
                let rows = Array(input.prefix(rowCount * depth))
                compareEverywhere("\(rowCount) rows, \(activation)") {
                    product(rows, by: weights, bias: bias, activation: activation, threadCount: $0, $1)
                }
                compareEverywhere("\(rowCount) rows, \(activation), gated") {
                    gatedProduct(
                        rows, gate: weights, up: up, gateBias: bias, upBias: upBias, activation: activation,
                        threadCount: $0, $1)
                }
            }
            for instructionSet in InstructionSet.availableForFloats {
                let whole = product(input, by: weights, bias: bias, activation: activation, instructionSet)
                let alone = (0..<150).flatMap { row in
                    product(
                        Array(input[(row * depth)..<((row + 1) * depth)]), by: weights, bias: bias,
                        activation: activation, instructionSet)
                }
                #expect(firstDifference(alone, whole) == nil, "\(activation), \(instructionSet)")
            }
        }
    }

    @Test("GEMM in chunks of rows", arguments: InstructionSet.availableForFloats)
    func gemmChunks(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 41)
        let (rowCount, columnCount, depth) = (130, 70, 300)
        let weights = Weights(.bfloat16, rowCount: columnCount, columnCount: depth, using: &generator)
        let input = generator.floats(rowCount * depth)
        let whole = product(input, by: weights, instructionSet)
        for chunk in [1, 5, 6, 7, 11, 12, 13, 64] {
            let parts = stride(from: 0, to: rowCount, by: chunk).flatMap { first in
                product(
                    Array(input[(first * depth)..<(min(first + chunk, rowCount) * depth)]), by: weights, instructionSet)
            }
            #expect(firstDifference(parts, whole) == nil, "chunks of \(chunk)")
        }
    }

    @Test("RMSNorm")
    func rmsNorm() {
        var generator = SeededGenerator(seed: 42)
        for columnCount in [1, 15, 17, 100, 576] {
            let input = generator.floats(10 * columnCount, limit: 3)
            let weight = generator.floats(columnCount)
            compareEverywhere("\(columnCount) columns") { normalize(input, weight, 1e-5, $0, $1) }
            for instructionSet in InstructionSet.availableForFloats {
                let whole = normalize(input, weight, 1e-5, 1, instructionSet)
                let parts = (0..<10).flatMap { row in
                    normalize(
                        Array(input[(row * columnCount)..<((row + 1) * columnCount)]), weight, 1e-5, 1, instructionSet)
                }
                #expect(firstDifference(parts, whole) == nil)
            }
        }
    }

    @Test("Layer normalisation")
    func layerNorm() {
        var generator = SeededGenerator(seed: 46)
        for columnCount in [1, 15, 17, 100, 576] {
            let input = generator.floats(10 * columnCount, limit: 3).map { $0 + 2 }
            let weight = generator.floats(columnCount)
            let bias = generator.floats(columnCount)
            let before = generator.floats(10 * columnCount)
            func normed(_ rows: Range<Int>, _ threadCount: Int, _ instructionSet: InstructionSet) -> [Float] {
                let range = (rows.lowerBound * columnCount)..<(rows.upperBound * columnCount)
                return normalize(
                    Array(input[range]), weight, 1e-5, kind: .layer, bias: bias, adding: Array(before[range]),
                    threadCount, instructionSet)
            }
            compareEverywhere("\(columnCount) columns") { normed(0..<10, $0, $1) }
            for instructionSet in InstructionSet.availableForFloats {
                let parts = (0..<10).flatMap { normed($0..<($0 + 1), 1, instructionSet) }
                #expect(firstDifference(parts, normed(0..<10, 1, instructionSet)) == nil)
            }
        }
    }

    @Test("SiLU product")
    func siluProduct() {
        var generator = SeededGenerator(seed: 43)
        for count in [1, 5, 16, 33, 100, 1536 * 3] {
            let gate = generator.floats(count, limit: 60)
            let up = generator.floats(count)
            compareEverywhere("\(count)") { gateProduct(gate, up, $0, $1) }
            // The same elements at other places in a vector, and in its remainder.
            for instructionSet in InstructionSet.availableForFloats {
                let whole = gateProduct(gate, up, 1, instructionSet)
                let shifted = gateProduct([1, 2, 3] + gate, [0, 0, 0] + up, 1, instructionSet)
                #expect(firstDifference(Array(shifted[3...]), whole) == nil)
            }
        }
    }

    /// Rotation has no share of a team: rows are rotated one by one.
    @Test("Rotary")
    func rotary() {
        var generator = SeededGenerator(seed: 44)
        for (dimension, rotaryDimension) in [
            (2, 2), (20, 20), (32, 32), (64, 64), (80, 80), (128, 128), (80, 0), (80, 20), (96, 66),
        ] {
            let input = generator.floats(9 * dimension)
            let cosines = generator.floats(rotaryDimension / 2)
            let sines = generator.floats(rotaryDimension / 2)
            compareEverywhere("D \(dimension), R \(rotaryDimension)") { _, instructionSet in
                let output = GuardedFloats(count: input.count)
                Rotary.rotate(
                    input, headCount: 9, headDimension: dimension, rotaryDimension: rotaryDimension, cosines: cosines,
                    sines: sines, factor: 0.125, into: output.pointer, instructionSet: instructionSet)
                return output.values
            }
        }
    }

    // MARK: Attention

    /// Around the ends of two segments, with one row (shared out by segments), with as many rows as are still shared
    /// out, with one more, and with many.
    @Test("Attention", arguments: [(9, 3, 64), (4, 4, 20), (16, 2, 80), (3, 1, 128)])
    func attention(_ queryHeads: Int, _ keyValueHeads: Int, _ dimension: Int) {
        for window in [0, 100, 1024] {
            for (length, rowCount) in [(300, 1), (300, 90), (1025, 1), (1030, 4), (1030, 5), (1030, 12), (2060, 50)] {
                let problem = AttentionProblem(
                    heads: (queryHeads, keyValueHeads), dimension: dimension, length: length, window: window)
                compareEverywhere("T \(rowCount), S \(length), W \(window)") {
                    problem.attend(rows: (length - rowCount)..<length, threadCount: $0, $1)
                }
            }
        }
    }

    @Test("Attention with a sliding window and bounded scores", arguments: CacheFormat.allCases)
    func visibleKeys(_ cacheFormat: CacheFormat) {
        for (length, rowCount, window) in [(300, 90, 33), (1030, 1, 600), (1030, 4, 129), (2060, 50, 512)] {
            var problem = AttentionProblem(
                heads: (9, 3), dimension: 64, length: length, window: 0, cacheFormat: cacheFormat)
            problem.slidingWindow = window
            for scoreCap in [0, 2] as [Float] {
                problem.scoreCap = scoreCap
                compareEverywhere("T \(rowCount), S \(length), sliding \(window), cap \(scoreCap)") {
                    problem.attend(rows: (length - rowCount)..<length, threadCount: $0, $1)
                }
            }
        }
    }

    @Test("Attention in chunks of rows", arguments: InstructionSet.availableForFloats, [0, 96, 1024])
    func attentionChunks(_ instructionSet: InstructionSet, _ window: Int) {
        let problem = AttentionProblem(heads: (9, 3), dimension: 64, length: 1300, window: window)
        let whole = problem.prefill(chunk: 1300, instructionSet)
        for chunk in [1, 7, 64, 500] {
            let output = problem.prefill(chunk: chunk, instructionSet)
            #expect(firstDifference(output, whole) == nil, "chunks of \(chunk)")
        }
        #expect(firstDifference(problem.prefill(chunk: 7, threadCount: 3, instructionSet), whole) == nil)
    }

    /// A decode far into a text: each row's ring has been written over many times.
    @Test("Decoded rows equal prefilled ones where the ring wraps", arguments: InstructionSet.availableForFloats)
    func wrappedRing(_ instructionSet: InstructionSet) {
        for window in [1, 33, 500] {
            let problem = AttentionProblem(heads: (4, 2), dimension: 16, length: 2120, window: window)
            let rows = 2000..<2120
            let prefilled = problem.attend(rows: rows, instructionSet)
            let decoded = problem.prefill(chunk: 1, from: rows.lowerBound, threadCount: 2, instructionSet)
            #expect(firstDifference(decoded, prefilled) == nil, "W \(window)")
        }
    }

    /// A head's result depends on its own query, keys and values alone.
    @Test("Attention of one head alone", arguments: InstructionSet.availableForFloats)
    func headsAlone(_ instructionSet: InstructionSet) {
        let all = AttentionProblem(heads: (6, 3), dimension: 16, length: 200, window: 50)
        let together = all.attend(rows: 0..<200, instructionSet)
        for head in 0..<6 {
            var alone = AttentionProblem(heads: (1, 1), dimension: 16, length: 200, window: 50)
            func take(_ source: [Float], _ head: Int, of headCount: Int) -> [Float] {
                (0..<200).flatMap { (row: Int) -> ArraySlice<Float> in
                    let first = (row * headCount + head) * 16
                    return source[first..<(first + 16)]
                }
            }
            alone.queries = take(all.queries, head, of: 6)
            alone.neighborQueries = take(all.neighborQueries, head, of: 6)
            alone.keys = take(all.keys, head / 2, of: 3)
            alone.neighborKeys = take(all.neighborKeys, head / 2, of: 3)
            alone.values = take(all.values, head / 2, of: 3)
            let output = alone.attend(rows: 0..<200, instructionSet)
            #expect(firstDifference(output, take(together, head, of: 6)) == nil, "head \(head)")
        }
    }
}
