import SIMDKernels
import TestSupport
import Testing

/// Stored numbers of a matrix and what it is packed as.
struct Conversion: CustomTestStringConvertible {
    let from: WeightFormat
    let to: WeightFormat

    var testDescription: String { "\(from) to \(to)" }

    static let all = [
        Conversion(from: .float32, to: .bfloat16), Conversion(from: .float16, to: .bfloat16),
        Conversion(from: .bfloat16, to: .float32), Conversion(from: .float16, to: .float32),
    ]

    /// What becomes of a stored number.
    func convert(_ bits: UInt32) -> Float {
        let value = decode(bits, from)
        return to == .bfloat16 ? roundedToBFloat16(value) : value
    }
}

/// Little-endian, behind one byte more, so that no number is aligned.
private func bytes(_ bits: [UInt32], _ format: WeightFormat) -> [UInt8] {
    [0]
        + bits.flatMap { element in
            (0..<format.rowByteCount(columnCount: 1)).map { UInt8(truncatingIfNeeded: element >> (8 * UInt32($0))) }
        }
}

extension PackedMatrix {
    /// All rows, widened.
    fileprivate var copied: [Float] {
        (0..<rowCount).flatMap { row in
            let copy = GuardedFloats(count: columnCount)
            copyRow(row, to: copy.pointer)
            return copy.isContained ? copy.values : []
        }
    }
}

@Suite("Conversion of packed weights")
struct ConversionTests {
    /// The bits of floats around every kind of rounding.
    private static let edges: [UInt32] = {
        var bits: [UInt32] = [
            0, 1, 0x7fff, 0x8000, 0x8001, 0xffff,  // denormals; the first that round up, and the tie below them
            0x007f_8000, 0x007f_ffff, 0x0080_0000,  // the greatest denormals, which become a normal number
            0x7f7f_0000, 0x7f7f_7fff, 0x7f7f_8000, 0x7f7f_ffff,  // the greatest numbers, and those that overflow
            0x7f80_0000, 0x7f80_0001, 0x7f80_8000, 0x7fc0_0000, 0x7fff_ffff, 0x7fbf_ffff,  // infinity and NaN
        ]
        // Ties with an even and an odd number below, their neighbors, and the last before the next exponent.
        for upper: UInt32 in [0x3f80, 0x3f81, 0x3ffe, 0x3fff, 0x4000, 0x0001, 0x00ff, 0x7f00] {
            for lower: UInt32 in [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff] { bits.append(upper << 16 | lower) }
        }
        return bits + bits.map { $0 | 0x8000_0000 }
    }()

    private func firstDifference(_ actual: [Float], _ expected: [Float]) -> Int? {
        if actual.count != expected.count { return min(actual.count, expected.count) }
        // A NaN's payload isn't promised.
        return actual.indices.first { index in
            expected[index].isNaN
                ? !actual[index].isNaN : actual[index].bitPattern != expected[index].bitPattern
        }
    }

    @Test("The scalar definition rounds as IEEE 754 says")
    func definition() {
        // 1 + 2⁻⁸ lies between 1 and 1 + 2⁻⁷, and 1 + 3 · 2⁻⁸ between that and 1 + 2⁻⁶: both go to the even one.
        #expect(roundedToBFloat16(1 + 0x1p-8) == 1)
        #expect(roundedToBFloat16((1 + 0x1p-8 as Float).nextUp) == 1 + 0x1p-7)
        #expect(roundedToBFloat16(-1 - 0x1.8p-7) == -1 - 0x1p-6)
        #expect(roundedToBFloat16(.greatestFiniteMagnitude) == .infinity)
        #expect(roundedToBFloat16(0x1.fep127) == 0x1.fep127)
        #expect(roundedToBFloat16(-0.0).sign == .minus && roundedToBFloat16(.nan).isNaN)
    }

    /// Each number once in every place of a square of 16 words that is transposed at once, and in what is left over.
    @Test("Ties, overflow, NaN and denormals", arguments: InstructionSet.availableForFloats)
    func edges(_ instructionSet: InstructionSet) {
        let conversion = Conversion(from: .float32, to: .bfloat16)
        let columnCount = Self.edges.count + 1
        for rowCount in [1, 33] {
            // Every row is shifted by one, so that columns change their places.
            let bits = (0..<rowCount).flatMap { row in
                (0..<columnCount).map { Self.edges[($0 + row) % Self.edges.count] }
            }
            let packed = pack(bits, conversion, rowCount: rowCount, columnCount: columnCount, instructionSet)
            #expect(packed.format == .bfloat16)
            #expect(firstDifference(packed.copied, bits.map(conversion.convert)) == nil, "\(rowCount) rows")
        }
    }

    @Test("Random bits", arguments: InstructionSet.availableForFloats, Conversion.all)
    func random(_ instructionSet: InstructionSet, _ conversion: Conversion) {
        var generator = SeededGenerator(seed: 61)
        for rowCount in [1, 31, 32, 65, 130] {
            for columnCount in [1, 2, 3, 31, 32, 33, 64, 67] {
                let mask: UInt32 = conversion.from == .float32 ? .max : 0xffff
                let bits = (0..<(rowCount * columnCount)).map { _ in
                    UInt32(truncatingIfNeeded: generator.next()) & mask
                }
                let expected = bits.map(conversion.convert)
                for threadCount in [1, 2, 3, 5] {
                    let packed = pack(
                        bits, conversion, rowCount: rowCount, columnCount: columnCount, threadCount: threadCount,
                        instructionSet)
                    #expect(
                        packed.format == conversion.to && packed.rowCount == rowCount
                            && packed.columnCount == columnCount)
                    #expect(
                        firstDifference(packed.copied, expected) == nil,
                        "\(rowCount)×\(columnCount), \(threadCount) threads")
                }
            }
        }
    }

    /// What a missing row or column is multiplied with must be 0, not whatever the memory held: NaN would show.
    @Test("Converted weights multiply as those that were stored so", arguments: fusedInstructionSets, Conversion.all)
    func products(_ instructionSet: InstructionSet, _ conversion: Conversion) {
        var generator = SeededGenerator(seed: 62)
        for (rowCount, columnCount, depth) in [(1, 1, 1), (1, 65, 33), (7, 33, 35), (13, 40, 64)] {
            let original = Weights(conversion.from, rowCount: columnCount, columnCount: depth, using: &generator)
            let values = original.values.map { conversion.to == .bfloat16 ? roundedToBFloat16($0) : $0 }
            let bits = values.map { conversion.to == .bfloat16 ? $0.bitPattern >> 16 : $0.bitPattern }
            let stored = Weights(bits: bits, conversion.to, rowCount: columnCount, columnCount: depth)
            let converted = Weights(
                packed: pack(
                    original.bits, conversion, rowCount: columnCount, columnCount: depth, instructionSet),
                values: values, bits: bits)
            let input = generator.floats(rowCount * depth)
            let output = product(input, by: converted, instructionSet)
            #expect(SIMDKernelsTests.firstDifference(output, product(input, by: stored, instructionSet)) == nil)
            #expect(SIMDKernelsTests.firstDifference(output, chain(input, by: stored)) == nil)
        }
    }

    /// A panel of 66,001 numbers is more than is packed by one thread between two reads.
    @Test(
        "Rows are read piece by piece",
        arguments: [(WeightFormat.float32, nil), (.float32, WeightFormat.bfloat16), (.float16, .float32)], [1, 2, 5])
    func pieces(_ types: (from: WeightFormat, to: WeightFormat?), _ threadCount: Int) {
        var generator = SeededGenerator(seed: 63)
        // An odd number of columns; the last panel has 6 rows.
        let (rowCount, columnCount) = (70, 66_001)
        let mask: UInt32 = types.from == .float32 ? 0x3fff_ffff : 0x3fff
        let row = (0..<columnCount).map { _ in UInt32(truncatingIfNeeded: generator.next()) & mask }
        let rowBytes = Array(bytes(row, types.from).dropFirst())
        var pieces: [Range<Int>] = []
        let packed = PackedMatrix(
            format: types.from, storedFormat: types.to, rowCount: rowCount, columnCount: columnCount,
            threadCount: threadCount, instructionSet: InstructionSet.availableForFloats.last ?? .baseline, arena: nil
        ) { rows, target in
            pieces.append(rows)
            for index in rows.indices {
                let first = (index - rows.lowerBound) * rowBytes.count
                UnsafeMutableRawBufferPointer(rebasing: target[first..<(first + rowBytes.count)]).copyBytes(
                    from: rowBytes)
            }
            return true
        }
        // Three panels, as many at a time as there are threads.
        #expect(pieces == [1: [0..<32, 32..<64, 64..<70], 2: [0..<64, 64..<70], 5: [0..<70]][threadCount])
        let to = types.to ?? types.from
        let expected = row.map { bits in
            let value = decode(bits, types.from)
            return to == .bfloat16 ? roundedToBFloat16(value) : value
        }
        for index in [0, 31, 32, 63, 64, 69] {
            let copy = GuardedFloats(count: columnCount)
            packed.copyRow(index, to: copy.pointer)
            #expect(SIMDKernelsTests.firstDifference(copy.values, expected) == nil, "row \(index)")
        }
    }

    private func pack(
        _ bits: [UInt32], _ conversion: Conversion, rowCount: Int, columnCount: Int, threadCount: Int = 1,
        _ instructionSet: InstructionSet
    ) -> PackedMatrix {
        bytes(bits, conversion.from).withUnsafeBytes { source in
            PackedMatrix(
                packing: UnsafeRawBufferPointer(rebasing: source[1...]), format: conversion.from,
                storedFormat: conversion.to, rowCount: rowCount, columnCount: columnCount, threadCount: threadCount,
                instructionSet: instructionSet)
        }
    }
}
