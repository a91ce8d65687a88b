import SIMDKernels
import TestSupport
import Testing

@Suite("Products of bfloat16 numbers", .enabled(if: InstructionSet.avx512.hasBFloat16Products))
struct BFloat16ProductTests {
    /// Around the edges of registers (16), panels (32) and two panels.
    private static let columnCounts = [1, 15, 17, 32, 33, 64, 97]
    /// Odd ones, whose last word has one number, and those around the 16 words that are packed at once.
    private static let depths = [1, 2, 3, 31, 32, 33, 65, 300]

    private func multiply(
        _ input: [Float], by weights: Weights, adding: [Float]? = nil, threadCount: Int = 1,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [Float] {
        product(
            input, by: weights, adding: adding, precision: .bfloat16, threadCount: threadCount, .avx512,
            sourceLocation: sourceLocation)
    }

    private func multiplyGated(_ input: [Float], gate: Weights, up: Weights, threadCount: Int = 1) -> [Float] {
        gatedProduct(input, gate: gate, up: up, precision: .bfloat16, threadCount: threadCount, .avx512)
    }

    @Test("The error is that of sums of exact products")
    func twin() {
        var generator = SeededGenerator(seed: 71)
        for (rowCount, columnCount, depth) in [
            (1, 70, 300), (1, 33, 1), (5, 33, 1), (7, 40, 31), (13, 65, 600), (25, 31, 257),
        ] {
            let weights = Weights(.bfloat16, rowCount: columnCount, columnCount: depth, using: &generator)
            let input = generator.bfloat16Numbers(rowCount * depth)
            let exact = Twins.matmul(input, weights.values, rowCount: rowCount, columnCount: columnCount, depth: depth)
            // A step adds two products, which are exact (8 times 8 bits), in at most two roundings of 32 bits; how many
            // the instruction has isn't promised. So a product takes part in at most K + 1 roundings, with the missing
            // one of an odd K, and the bound of a recursive sum holds.
            let growth = Double(depth + 1) * roundoff
            let bounds = exact.magnitude.map { growth / (1 - growth) * $0 }
            #expect(
                firstError(multiply(input, by: weights), exact.product, bounds) == nil,
                "\(rowCount)×\(columnCount)×\(depth)")
        }
    }

    /// Sums that 32 bits hold without rounding come out exactly, whatever the order.
    @Test("Whole numbers are multiplied exactly")
    func wholeNumbers() {
        var generator = SeededGenerator(seed: 72)
        for depth in Self.depths {
            let bits = (0..<(33 * depth)).map { _ -> UInt32 in
                Float(Int(generator.next() % 17) - 8).bitPattern >> 16
            }
            let weights = Weights(bits: bits, .bfloat16, rowCount: 33, columnCount: depth)
            let input = (0..<(13 * depth)).map { _ in Float(Int(generator.next() % 255) - 127) }
            let exact = Twins.matmul(input, weights.values, rowCount: 13, columnCount: 33, depth: depth).product
            #expect(firstDifference(multiply(input, by: weights), exact.map { Float($0) }) == nil, "K \(depth)")
            let first = Array(input.prefix(depth))
            #expect(
                firstDifference(multiply(first, by: weights), exact.prefix(33).map { Float($0) }) == nil, "K \(depth)")
        }
    }

    @Test("Inputs are first rounded to bfloat16")
    func roundedInputs() {
        var generator = SeededGenerator(seed: 73)
        for rowCount in [1, 2, 12, 13] {
            for depth in Self.depths {
                let weights = Weights(.bfloat16, rowCount: 33, columnCount: depth, using: &generator)
                var input = generator.floats(rowCount * depth)
                // A tie, which goes down to the even number, and one that goes up.
                input[0] = 1 + 0x1p-8
                input[depth - 1] = -1 - 0x1.8p-7
                let output = multiply(input, by: weights)
                let rounded = multiply(input.map(roundedToBFloat16), by: weights)
                #expect(firstDifference(output, rounded) == nil, "\(rowCount)×\(depth)")
                #expect(firstDifference(output, product(input, by: weights, .avx512)) != nil, "\(rowCount)×\(depth)")
            }
        }
    }

    @Test("The same bits for every number of rows and threads")
    func sameBits() {
        var generator = SeededGenerator(seed: 74)
        for columnCount in Self.columnCounts {
            for depth in Self.depths {
                let weights = Weights(.bfloat16, rowCount: columnCount, columnCount: depth, using: &generator)
                let up = Weights(.bfloat16, rowCount: columnCount, columnCount: depth, using: &generator)
                let input = generator.floats(30 * depth)
                let rows = (0..<30).map { Array(input[($0 * depth)..<(($0 + 1) * depth)]) }
                let alone = rows.flatMap { multiply($0, by: weights) }
                let gatedAlone = rows.flatMap { multiplyGated($0, gate: weights, up: up) }
                for rowCount in 1...30 {
                    let some = Array(input.prefix(rowCount * depth))
                    let expected = Array(alone.prefix(rowCount * columnCount))
                    let expectedGated = Array(gatedAlone.prefix(rowCount * columnCount))
                    // All teams for few rows and for remainders of both kinds, and one for the rest.
                    for threadCount in [1, 2, 3, 5, 13, 30].contains(rowCount) ? [1, 2, 3, 5] : [1] {
                        let output = multiply(some, by: weights, threadCount: threadCount)
                        #expect(
                            firstDifference(output, expected) == nil,
                            "\(rowCount)×\(columnCount)×\(depth), \(threadCount) threads")
                        let gated = multiplyGated(some, gate: weights, up: up, threadCount: threadCount)
                        #expect(
                            firstDifference(gated, expectedGated) == nil,
                            "gated, \(rowCount)×\(columnCount)×\(depth), \(threadCount) threads")
                    }
                }
            }
        }
    }

    /// From 48 rows for each worker on, each packs and multiplies its own.
    @Test("The same bits where workers own rows")
    func ownedRows() {
        var generator = SeededGenerator(seed: 75)
        for depth in [33, 8193] {
            let weights = Weights(.bfloat16, rowCount: 35, columnCount: depth, using: &generator)
            let up = Weights(.bfloat16, rowCount: 35, columnCount: depth, using: &generator)
            for rowCount in [96, 97, 143, 144, 250] {
                let input = generator.floats(rowCount * depth)
                let plain = multiply(input, by: weights)
                let gated = multiplyGated(input, gate: weights, up: up)
                let last = Array(input.suffix(depth))
                #expect(firstDifference(Array(plain.suffix(35)), multiply(last, by: weights)) == nil)
                #expect(firstDifference(Array(gated.suffix(35)), multiplyGated(last, gate: weights, up: up)) == nil)
                for threadCount in [2, 3, 5] {
                    let output = multiply(input, by: weights, threadCount: threadCount)
                    #expect(firstDifference(output, plain) == nil, "\(rowCount) rows, \(threadCount) threads")
                    let gatedOutput = multiplyGated(input, gate: weights, up: up, threadCount: threadCount)
                    #expect(firstDifference(gatedOutput, gated) == nil, "\(rowCount) rows, \(threadCount) threads")
                }
            }
        }
    }

    /// A GEMM puts its sums aside after 4,096 words, which are 8,192 numbers; a GEMV doesn't.
    @Test("A chain runs on across blocks of k")
    func blocksOfDepth() {
        var generator = SeededGenerator(seed: 76)
        for depth in [8191, 8192, 8193, 16385] {
            let weights = Weights(.bfloat16, rowCount: 33, columnCount: depth, using: &generator)
            let up = Weights(.bfloat16, rowCount: 33, columnCount: depth, using: &generator)
            let input = generator.floats(13 * depth)
            let rows = (0..<13).map { Array(input[($0 * depth)..<(($0 + 1) * depth)]) }
            let together = multiply(input, by: weights)
            #expect(firstDifference(together, rows.flatMap { multiply($0, by: weights) }) == nil, "K \(depth)")
            let gated = multiplyGated(input, gate: weights, up: up)
            #expect(
                firstDifference(gated, rows.flatMap { multiplyGated($0, gate: weights, up: up) }) == nil, "K \(depth)")
        }
    }

    @Test("Adding is one addition of the finished product, gating one silu and one product")
    func endings() {
        var generator = SeededGenerator(seed: 77)
        for rowCount in [1, 2, 13] {
            for columnCount in Self.columnCounts {
                let weights = Weights(.bfloat16, rowCount: columnCount, columnCount: 301, using: &generator)
                let up = Weights(.bfloat16, rowCount: columnCount, columnCount: 301, using: &generator)
                let input = generator.floats(rowCount * 301)
                let before = generator.floats(rowCount * columnCount, limit: 10)
                let plain = multiply(input, by: weights)
                let added = multiply(input, by: weights, adding: before)
                #expect(firstDifference(added, zip(before, plain).map { $0 + $1 }) == nil, "\(rowCount)×\(columnCount)")
                let gated = multiplyGated(input, gate: weights, up: up)
                #expect(
                    firstDifference(gated, silu(plain, times: multiply(input, by: up))) == nil,
                    "\(rowCount)×\(columnCount)")
            }
        }
    }

    @Test("An infinite or NaN row changes no other row of its tile")
    func rowIndependence() {
        var generator = SeededGenerator(seed: 78)
        let weights = Weights(.bfloat16, rowCount: 40, columnCount: 21, using: &generator)
        let input = generator.floats(13 * 21)
        let clean = multiply(input, by: weights)
        for row in 0..<13 {
            var broken = input
            broken[row * 21 + 3] = .infinity
            broken[row * 21 + 20] = .nan
            let output = multiply(broken, by: weights)
            let wrong = output.indices.first { index in
                index / 40 == row ? !output[index].isNaN : output[index] != clean[index]
            }
            #expect(wrong == nil, "row \(row)")
        }
    }
}
