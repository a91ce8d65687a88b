import SIMDKernels
import Safetensors
import TestSupport
import Testing

/// Products with quantised weights have the bits of products with the floats that the codes stand for.
@Suite("Quantised weights")
struct QuantizedProductTests {
    @Test("Numbers are those of gguf-py", arguments: fileFormats)
    func values(_ format: WeightFormat) throws {
        let fixture = try SafetensorsFile(path: Fixtures.path("quantized/blocks.safetensors"))
        let blocks = try fixture.tensor("\(format.rawValue).blocks")
        let expected = try fixture.tensor("\(format.rawValue).values").floats()
        let bytes = blocks.withUnsafeBytes { Array($0) }
        let (rowCount, columnCount) = (3, 512)
        #expect(bytes.count == rowCount * format.rowByteCount(columnCount: columnCount))

        // The formulas of these tests.
        let blockByteCount = format.rowByteCount(columnCount: format.columnMultiple)
        let twin = stride(from: 0, to: bytes.count, by: blockByteCount).flatMap {
            dequantize(Array(bytes[$0..<($0 + blockByteCount)]), format).map(\.value)
        }
        #expect(twin == expected)

        // Rows of a packed matrix.
        for instructionSet in InstructionSet.availableForFloats {
            let packed = bytes.withUnsafeBytes {
                PackedMatrix(
                    packing: $0, format: format, rowCount: rowCount, columnCount: columnCount,
                    instructionSet: instructionSet)
            }
            #expect(rows(of: packed) == expected, "\(instructionSet)")
            // A file's bytes and, in the last panel, room for rows that aren't there.
            #expect(packed.byteCount == 32 * format.rowByteCount(columnCount: columnCount))
        }

        // Rows that are widened while they are packed.
        let floats = bytes.withUnsafeBytes {
            PackedMatrix(
                packing: $0, format: format, storedFormat: .float32, rowCount: rowCount, columnCount: columnCount)
        }
        #expect(rows(of: floats) == expected)
    }

    /// Scales of 32 bits, times which a code isn't exact, so that each number must be rounded once.
    @Test("Numbers of formats of this engine are rounded once", arguments: [WeightFormat.affine4, .affine8, .float8])
    func ownFormats(_ format: WeightFormat) {
        var generator = SeededGenerator(seed: 166)
        let (rowCount, columnCount) = (35, 192)
        let blocks = (0..<(rowCount * columnCount / format.columnMultiple)).map { _ in
            format.randomBlock(exponents: 5...9, wholeScales: true, using: &generator)
        }
        let expected = blocks.flatMap { dequantize($0, format).map(\.value) }
        for instructionSet in InstructionSet.availableForFloats {
            let packed = blocks.flatMap { $0 }.withUnsafeBytes {
                PackedMatrix(
                    packing: $0, format: format, rowCount: rowCount, columnCount: columnCount,
                    instructionSet: instructionSet)
            }
            #expect(rows(of: packed) == expected, "\(instructionSet)")
            guard instructionSet.isFused else { continue }
            // A row with a single 1 takes one number of each output: in registers, and in a panel's scratch.
            for rowCount in [1, 7] {
                for column in [0, 63, 130] {
                    var input = [Float](repeating: 0, count: rowCount * columnCount)
                    for row in 0..<rowCount { input[row * columnCount + column] = 1 }
                    let weights = Weights(packed: packed, values: expected, bits: [])
                    let output = product(input, by: weights, instructionSet)
                    let numbers = (0..<packed.rowCount).map { expected[$0 * columnCount + column] }
                    #expect(output == (0..<rowCount).flatMap { _ in numbers })
                }
            }
        }
        #expect(format.widened(blocks.flatMap { $0 }, count: expected.count) == expected)
    }

    private func rows(of matrix: PackedMatrix) -> [Float] {
        (0..<matrix.rowCount).flatMap { row in
            [Float](unsafeUninitializedCapacity: matrix.columnCount) { buffer, count in
                matrix.copyRow(row, to: buffer.baseAddress!)
                count = matrix.columnCount
            }
        }
    }

    @Test("Every output is the chain over the widened numbers", arguments: fusedInstructionSets, quantizedFormats)
    func chains(_ instructionSet: InstructionSet, _ format: WeightFormat) {
        var generator = SeededGenerator(seed: 160)
        // One panel and less, two and a part of a third.
        for columnCount in [1, 17, 32, 33, 70] {
            let depth = format.columnMultiple * (columnCount == 33 ? 3 : 1)
            let weights = QuantizedWeights(format, rowCount: columnCount, columnCount: depth, using: &generator).weights
            let input = generator.floats(25 * depth)
            let expected = chain(input, by: weights)
            for rowCount in [1, 2, 3, 5, 7, 11, 12, 13, 25] {
                let output = product(Array(input.prefix(rowCount * depth)), by: weights, instructionSet)
                #expect(
                    firstDifference(output, Array(expected.prefix(rowCount * columnCount))) == nil,
                    "\(rowCount)×\(columnCount)×\(depth)")
            }
        }
    }

    /// A part of a panel has 4,096 columns, or 2,048 of a gated product.
    @Test("All threads, targets and endings have the bits of 32-bit weights", arguments: quantizedFormats)
    func everywhere(_ format: WeightFormat) {
        var generator = SeededGenerator(seed: 161)
        for (rowCount, columnCount, depth) in [(1, 97, 512), (1, 33, 4352), (7, 65, 4352), (150, 97, 256)] {
            let first = QuantizedWeights(format, rowCount: columnCount, columnCount: depth, using: &generator)
            let second = QuantizedWeights(format, rowCount: columnCount, columnCount: depth, using: &generator)
            let (weights, up) = (first.weights, second.weights)
            let (floats, upFloats) = (first.widened, second.widened)
            let input = generator.floats(rowCount * depth, limit: 0.1)
            let bias = generator.floats(columnCount)
            let before = generator.floats(rowCount * columnCount)
            for instructionSet in InstructionSet.availableForFloats {
                let plain = product(input, by: floats, instructionSet)
                let added = product(
                    input, by: floats, bias: bias, activation: .silu, adding: before, instructionSet)
                let gated = gatedProduct(input, gate: floats, up: upFloats, instructionSet)
                for threadCount in [1, 2, 3] {
                    let name = "\(rowCount)×\(columnCount)×\(depth), \(threadCount) threads, \(instructionSet)"
                    #expect(
                        firstDifference(
                            product(input, by: weights, threadCount: threadCount, instructionSet), plain) == nil,
                        "\(name)")
                    #expect(
                        firstDifference(
                            product(
                                input, by: weights, bias: bias, activation: .silu, adding: before,
                                threadCount: threadCount, instructionSet), added) == nil, "\(name), adding")
                    #expect(
                        firstDifference(
                            gatedProduct(input, gate: weights, up: up, threadCount: threadCount, instructionSet), gated)
                            == nil, "\(name), gated")
                }
            }
        }
    }

    /// As in files whose more sensitive matrices have more bits.
    @Test("A gate in another format than what it gates", arguments: InstructionSet.available.filter(\.isFused))
    func mixedGates(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 164)
        let formats = WeightFormat.allCases
        for (gateFormat, upFormat) in zip(formats, formats[1...] + formats[..<1]) {
            for (rowCount, columnCount, depth) in [(1, 65, 256), (7, 33, 4352), (30, 97, 256)] {
                let (gate, up) = (weights(gateFormat), weights(upFormat))
                func weights(_ format: WeightFormat) -> Weights {
                    format.isQuantized
                        ? QuantizedWeights(format, rowCount: columnCount, columnCount: depth, using: &generator).weights
                        : Weights(format, rowCount: columnCount, columnCount: depth, using: &generator)
                }
                let input = generator.floats(rowCount * depth, limit: 0.1)
                for precision in [Precision.float32, .int8] {
                    guard precision.reads(gateFormat), precision.reads(upFormat) else { continue }
                    let expected = silu(
                        product(input, by: gate, precision: precision, instructionSet),
                        times: product(input, by: up, precision: precision, instructionSet))
                    for threadCount in [1, 2, 3] {
                        let found = gatedProduct(
                            input, gate: gate, up: up, precision: precision, threadCount: threadCount, instructionSet)
                        #expect(
                            firstDifference(found, expected) == nil,
                            "\(gateFormat.rawValue), \(upFormat.rawValue), \(precision), \(threadCount) threads")
                    }
                }
            }
        }
    }

    @Test("A matrix may gate itself", arguments: InstructionSet.available.filter(\.isFused), quantizedFormats)
    func ownGate(_ instructionSet: InstructionSet, _ format: WeightFormat) {
        var generator = SeededGenerator(seed: 165)
        // One panel, and an odd number of them.
        for (rowCount, columnCount) in [(1, 32), (1, 97), (7, 97)] {
            let matrix = QuantizedWeights(format, rowCount: columnCount, columnCount: 256, using: &generator).weights
            let input = generator.floats(rowCount * 256, limit: 0.1)
            for precision in [Precision.float32, .int8] where precision.reads(format) {
                let once = product(input, by: matrix, precision: precision, instructionSet)
                let gated = gatedProduct(input, gate: matrix, up: matrix, precision: precision, instructionSet)
                #expect(firstDifference(gated, silu(once, times: once)) == nil, "\(precision), \(rowCount)")
            }
        }
    }

    @Test("int8 follows its contract", arguments: codeInstructionSets, codeFormats)
    func codes(_ instructionSet: InstructionSet, _ format: WeightFormat) {
        var generator = SeededGenerator(seed: 162)
        let groupLength: Int
        switch format {
        case .q2K, .q3K, .q6K: groupLength = 16
        default: groupLength = 32
        }
        // One panel and less, two and a part of a third.
        for columnCount in [1, 17, 32, 33, 70] {
            let depth = format.columnMultiple * (columnCount == 33 ? 3 : 1)
            let matrix = QuantizedWeights(format, rowCount: columnCount, columnCount: depth, using: &generator)
            var input = generator.floats(13 * depth)
            // A group of zeros, one that is too small, and one with a single large number.
            for column in 0..<32 { input[column] = 0 }
            if columnCount == 70 { for column in 0..<32 { input[depth + column] = 0x1p-120 } }
            input[2 * depth + 7] = 100
            let expected = codeChain(input, by: matrix, groupLength: groupLength)
            for rowCount in [1, 2, 3, 4, 5, 6, 7, 9, 11, 13] {
                let output = product(
                    Array(input.prefix(rowCount * depth)), by: matrix.weights, precision: .int8, instructionSet)
                #expect(
                    firstDifference(output, Array(expected.prefix(rowCount * columnCount))) == nil,
                    "\(rowCount)×\(columnCount)×\(depth)")
            }
        }
    }

    @Test("int8 has the same bits on all threads and targets, and for every row alone", arguments: codeFormats)
    func codesEverywhere(_ format: WeightFormat) {
        var generator = SeededGenerator(seed: 163)
        for (rowCount, columnCount, depth) in [(1, 97, 512), (1, 33, 4352), (7, 65, 4352), (150, 97, 256)] {
            let matrix = QuantizedWeights(format, rowCount: columnCount, columnCount: depth, using: &generator)
            let up = QuantizedWeights(format, rowCount: columnCount, columnCount: depth, using: &generator).weights
            let input = generator.floats(rowCount * depth, limit: 0.1)
            let bias = generator.floats(columnCount)
            let before = generator.floats(rowCount * columnCount)
            for instructionSets in [codeInstructionSets, InstructionSet.available.filter { !$0.isFused }] {
                var expected: [[Float]]?
                for instructionSet in instructionSets {
                    for threadCount in [1, 2, 3] {
                        let outputs = [
                            product(
                                input, by: matrix.weights, precision: .int8, threadCount: threadCount, instructionSet),
                            product(
                                input, by: matrix.weights, bias: bias, activation: .silu, adding: before,
                                precision: .int8, threadCount: threadCount, instructionSet),
                            gatedProduct(
                                input, gate: matrix.weights, up: up, precision: .int8, threadCount: threadCount,
                                instructionSet),
                        ]
                        let first = expected ?? outputs
                        expected = first
                        for (output, first) in zip(outputs, first) {
                            #expect(
                                firstDifference(output, first) == nil,
                                "\(rowCount)×\(columnCount)×\(depth), \(threadCount) threads, \(instructionSet)")
                        }
                    }
                }
                guard let whole = expected?.first, let instructionSet = instructionSets.last else { continue }
                for row in 0..<min(rowCount, 8) {
                    let alone = product(
                        Array(input[(row * depth)..<((row + 1) * depth)]), by: matrix.weights, precision: .int8,
                        instructionSet)
                    #expect(
                        firstDifference(alone, Array(whole[(row * columnCount)..<((row + 1) * columnCount)])) == nil)
                }
            }
        }
    }
}
