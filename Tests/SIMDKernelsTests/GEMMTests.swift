import SIMDKernels
import TestSupport
import Testing

@Suite("GEMM and GEMV")
struct GEMMTests {
    /// Around the edges of registers (16) and panels (32), and of two panels, which a GEMV takes at a time.
    static let columnCounts = [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97]
    /// Odd, shorter than any vector, and one more than a vector.
    static let depths = [1, 2, 3, 7, 16, 17]
    /// 1 … 2 · MR + 1 for the taller register tile, which has 12 rows; the other has 6.
    static let rowCounts = 1...25

    @Test("Every output is the chain of fused multiply-adds", arguments: fusedInstructionSets, plainFormats)
    func chains(_ instructionSet: InstructionSet, _ format: WeightFormat) {
        var generator = SeededGenerator(seed: 1)
        for columnCount in Self.columnCounts {
            for depth in format.wholeBlocks(Self.depths) {
                let weights = Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
                let input = generator.floats(Self.rowCounts.upperBound * depth)
                let expected = chain(input, by: weights)
                for rowCount in Self.rowCounts {
                    let output = product(Array(input.prefix(rowCount * depth)), by: weights, instructionSet)
                    #expect(
                        firstDifference(output, Array(expected.prefix(rowCount * columnCount))) == nil,
                        "\(rowCount)×\(columnCount)×\(depth)")
                }
            }
        }
    }

    /// A GEMM puts its sums aside after every 4,096 words of a panel: as many floats, or twice as many 16-bit numbers.
    /// That must not show.
    @Test("A chain runs on across blocks of k", arguments: fusedInstructionSets, plainFormats)
    func blocksOfDepth(_ instructionSet: InstructionSet, _ format: WeightFormat) {
        var generator = SeededGenerator(seed: 2)
        let block = format == .float32 ? 4096 : 8192
        // One panel, and one column of another.
        let columnCount = 33
        for depth in format.wholeBlocks([block - 1, block, block + 1, 2 * block + 1]) {
            let weights = Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
            let up = Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
            let input = generator.floats(17 * depth)
            let before = generator.floats(17 * columnCount, limit: 10)
            let plain = chain(input, by: weights)
            let added = zip(before, plain).map { $0 + $1 }
            let gated = silu(plain, times: chain(input, by: up))
            // The smallest tile, the middle one, the largest with a remainder, and so many rows that 16-bit numbers are unpacked.
            for rowCount in [1, 2, 7, 13, 17] {
                let rows = Array(input.prefix(rowCount * depth))
                let count = rowCount * columnCount
                func expectFirst(_ output: [Float], _ expected: [Float], _ name: String) {
                    #expect(
                        firstDifference(output, Array(expected.prefix(count))) == nil, "\(name), \(rowCount)×\(depth)")
                }
                expectFirst(product(rows, by: weights, instructionSet), plain, "plain")
                expectFirst(
                    product(rows, by: weights, adding: Array(before.prefix(count)), instructionSet), added, "adding")
                expectFirst(gatedProduct(rows, gate: weights, up: up, instructionSet), gated, "gated")
            }
        }
    }

    /// With many rows a worker has two ranges of them, whose unfinished sums lie behind each other.
    @Test("Owned rows keep their sums apart across blocks of k", arguments: InstructionSet.availableForFloats)
    func ownedBlocksOfDepth(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 12)
        let depth = 4097
        let weights = Weights(.float32, rowCount: 33, columnCount: depth, using: &generator)
        let up = Weights(.float32, rowCount: 33, columnCount: depth, using: &generator)
        let input = generator.floats(99 * depth)
        let alone = (0..<99).map { Array(input[($0 * depth)..<(($0 + 1) * depth)]) }
        let plain = product(input, by: weights, threadCount: 2, instructionSet)
        #expect(firstDifference(plain, alone.flatMap { product($0, by: weights, instructionSet) }) == nil)
        let gated = gatedProduct(input, gate: weights, up: up, threadCount: 2, instructionSet)
        let gatedAlone = alone.flatMap { gatedProduct($0, gate: weights, up: up, instructionSet) }
        #expect(firstDifference(gated, gatedAlone) == nil)
    }

    @Test(
        "A gated product is silu of one chain times the other", arguments: fusedInstructionSets, plainFormats)
    func gated(_ instructionSet: InstructionSet, _ format: WeightFormat) {
        var generator = SeededGenerator(seed: 13)
        for columnCount in Self.columnCounts {
            for depth in format.wholeBlocks([1, 2, 17]) {
                let gate = Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
                let up = Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
                let input = generator.floats(Self.rowCounts.upperBound * depth, limit: 3)
                let expected = silu(chain(input, by: gate), times: chain(input, by: up))
                for rowCount in [1, 2, 4, 6, 8, 12, 13, 25] {
                    let output = gatedProduct(
                        Array(input.prefix(rowCount * depth)), gate: gate, up: up, instructionSet)
                    #expect(
                        firstDifference(output, Array(expected.prefix(rowCount * columnCount))) == nil,
                        "\(rowCount)×\(columnCount)×\(depth)")
                }
            }
        }
    }

    @Test("The error is below K·u·Σ|a·b|", arguments: InstructionSet.availableForFloats, plainFormats)
    func twin(_ instructionSet: InstructionSet, _ format: WeightFormat) {
        var generator = SeededGenerator(seed: 3)
        for (rowCount, columnCount, depth) in [(1, 70, 300), (5, 33, 1), (7, 40, 31), (13, 65, 600), (25, 31, 257)] {
            let depth = format.wholeBlocks(depth)
            let weights = Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
            let input = generator.floats(rowCount * depth)
            let output = product(input, by: weights, instructionSet)
            let exact = Twins.matmul(
                input, weights.values, rowCount: rowCount, columnCount: columnCount, depth: depth)
            // A product takes part in at most K roundings, fused or not, so the classical bound of a recursive sum
            // holds: γ·Σ|a·b| with γ = K·u / (1 − K·u).
            let growth = Double(depth) * roundoff
            let bounds = exact.magnitude.map { growth / (1 - growth) * $0 }
            #expect(firstError(output, exact.product, bounds) == nil, "\(rowCount)×\(columnCount)×\(depth)")
        }
    }

    /// The x86-64 baseline included: it has other bits than the rest, but its GEMV still agrees with its GEMM.
    @Test("One row alone equals the same row among others", arguments: InstructionSet.availableForFloats, plainFormats)
    func rowsAlone(_ instructionSet: InstructionSet, _ format: WeightFormat) {
        var generator = SeededGenerator(seed: 4)
        for columnCount in [1, 33, 64, 97] {
            for depth in format.wholeBlocks([1, 31, 300]) {
                let weights = Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
                let input = generator.floats(14 * depth)
                let together = product(input, by: weights, instructionSet)
                let alone = (0..<14).flatMap { row in
                    product(Array(input[(row * depth)..<((row + 1) * depth)]), by: weights, instructionSet)
                }
                #expect(firstDifference(alone, together) == nil, "\(columnCount)×\(depth)")
            }
        }
    }

    @Test("Adding to the output is one addition of the finished product", arguments: InstructionSet.availableForFloats)
    func adding(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 5)
        for rowCount in [1, 2, 13] {
            for columnCount in Self.columnCounts {
                let weights = Weights(.float32, rowCount: columnCount, columnCount: 300, using: &generator)
                let input = generator.floats(rowCount * 300)
                let before = generator.floats(rowCount * columnCount, limit: 10)
                let plain = product(input, by: weights, instructionSet)
                let added = product(input, by: weights, adding: before, instructionSet)
                #expect(firstDifference(added, zip(before, plain).map { $0 + $1 }) == nil, "\(rowCount)×\(columnCount)")
                #expect(added != plain)
            }
        }
    }

    /// 150 columns are 5 panels of 32: fewer than workers, as many, or more. Teams whose size has divisors may divide the
    /// rows as well; where there are 48 and more of them for each worker, each owns some.
    @Test("Every output is written by one worker", arguments: InstructionSet.availableForFloats, Array(1...8) + [17])
    func disjointShares(_ instructionSet: InstructionSet, _ workerCount: Int) {
        var generator = SeededGenerator(seed: 6)
        let (depth, columnCount) = (10, 150)
        let weights = Weights(.bfloat16, rowCount: columnCount, columnCount: depth, using: &generator)
        let team = workers(workerCount, instructionSet)
        #expect(team.map(\.index) == Array(0..<workerCount))
        let owned = 48 * workerCount
        for rowCount in [1, 2, 7, 13, 40, 145, owned - 1, owned, owned + 1, owned + 39] {
            let input = generator.floats(rowCount * depth)
            let expected = product(input, by: weights, instructionSet)
            let source = GuardedFloats(input)
            let packed = GuardedFloats(count: GEMM.packedInputFloatCount(rowCount: rowCount, columnCount: depth))
            let scratch = GuardedFloats(count: GEMM.scratchFloatCount(maximumRowCount: rowCount))
            let packedInputs = team.map { worker in
                GEMM.packInput(
                    source.pointer, rowCount: rowCount, columnCount: depth, into: packed.pointer, worker: worker)
            }
            var writers = [Int](repeating: 0, count: expected.count)
            var wrong: Int?
            for (worker, packedInput) in zip(team, packedInputs) {
                let output = GuardedFloats(count: rowCount * columnCount)
                GEMM.multiply(
                    packedInput, by: weights.packed, into: output.pointer, scratch: scratch.pointer, worker: worker)
                #expect(output.isContained && scratch.isContained && packed.isContained)
                for (index, value) in output.values.enumerated() where !value.isNaN {
                    writers[index] += 1
                    if value.bitPattern != expected[index].bitPattern { wrong = index }
                }
            }
            #expect(wrong == nil, "\(rowCount) rows")
            #expect(writers.allSatisfy { $0 == 1 }, "\(rowCount) rows")
        }
    }

    @Test("An infinite or NaN row changes no other row of its tile", arguments: InstructionSet.availableForFloats)
    func rowIndependence(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 7)
        let weights = Weights(.float32, rowCount: 40, columnCount: 20, using: &generator)
        let input = generator.floats(13 * 20)
        let clean = product(input, by: weights, instructionSet)
        for row in 0..<13 {
            var broken = input
            broken[row * 20 + 3] = .infinity
            broken[row * 20 + 9] = .nan
            let output = product(broken, by: weights, instructionSet)
            let wrong = output.indices.first { index in
                index / 40 == row ? !output[index].isNaN : output[index] != clean[index]
            }
            #expect(wrong == nil, "row \(row)")
        }
    }

    @Test("More workers than panels, and no rows at all", arguments: InstructionSet.availableForFloats)
    func littleWork(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 8)
        let weights = Weights(.float16, rowCount: 33, columnCount: 5, using: &generator)
        for rowCount in [1, 2] {
            let input = generator.floats(rowCount * 5)
            let one = product(input, by: weights, instructionSet)
            let five = product(input, by: weights, threadCount: 5, instructionSet)
            #expect(firstDifference(five, one) == nil)
        }
        #expect(product([], by: weights, threadCount: 2, instructionSet).isEmpty)
    }
}

@Suite("Stored weights")
struct WeightTests {
    /// Multiplied by one and added to zero, a weight comes out as it was widened: every bit pattern of the two 16-bit
    /// formats, by the three ways that read a matrix.
    @Test(
        "All 65,536 patterns are widened exactly", arguments: InstructionSet.availableForFloats,
        [WeightFormat.bfloat16, .float16])
    func everyPattern(_ instructionSet: InstructionSet, _ format: WeightFormat) {
        let count = 1 << 16
        let weights = Weights(bits: (0..<UInt32(count)).map { $0 }, format, rowCount: count, columnCount: 1)
        let vector = product([1], by: weights, instructionSet)
        let matrix = product([1, 1], by: weights, instructionSet)
        let row = GuardedFloats(count: 1)
        for pattern in 0..<count {
            let expected = weights.values[pattern]
            weights.packed.copyRow(pattern, to: row.pointer)
            for actual in [vector[pattern], matrix[pattern], matrix[count + pattern], row.pointer[0]] {
                if expected.isNaN ? !actual.isNaN : actual != expected {
                    Issue.record("pattern \(pattern) gives \(actual), not \(expected)")
                    return
                }
            }
        }
        #expect(row.isContained)
    }

    @Test("A row is copied out as it was packed", arguments: plainFormats)
    func copiedRows(_ format: WeightFormat) {
        var generator = SeededGenerator(seed: 9)
        for rowCount in [1, 31, 32, 33, 65] {
            for columnCount in format.wholeBlocks([1, 2, 17]) {
                let weights = Weights(format, rowCount: rowCount, columnCount: columnCount, using: &generator)
                for row in 0..<rowCount {
                    let copy = GuardedFloats(count: columnCount)
                    weights.packed.copyRow(row, to: copy.pointer)
                    let expected = weights.values[(row * columnCount)..<((row + 1) * columnCount)]
                    #expect(firstDifference(copy.values, Array(expected)) == nil)
                    #expect(copy.isContained)
                }
            }
        }
    }

    @Test("A packed matrix tells its sizes")
    func sizes() {
        var generator = SeededGenerator(seed: 10)
        // Words of a row: one for each column, or for each two.
        for (format, wordCount) in [(WeightFormat.float32, 5), (.bfloat16, 3), (.float16, 3)] {
            let weights = Weights(format, rowCount: 33, columnCount: 5, using: &generator)
            #expect(weights.packed.rowCount == 33)
            #expect(weights.packed.columnCount == 5)
            #expect(weights.packed.format == format)
            // Two panels of 32 rows, the second filled up.
            #expect(weights.packed.byteCount == 64 * wordCount * 4)
        }
    }
}
