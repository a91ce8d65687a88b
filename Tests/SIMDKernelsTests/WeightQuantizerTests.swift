import Foundation
import SIMDKernels
import Safetensors
import TestSupport
import Testing

/// Floats rounded to blocks of 8 or 4 bits when a matrix is packed.
@Suite("Rounding to quantised weights")
struct WeightQuantizerTests {
    private static let formats: [WeightFormat] = [.q80, .q40]

    /// A matrix's numbers, rounded.
    private func rounded(
        _ numbers: [Float], to format: WeightFormat, columnCount: Int, threadCount: Int = 1,
        _ instructionSet: InstructionSet = .baseline
    ) -> [Float] {
        let bytes = numbers.flatMap { number in withUnsafeBytes(of: number) { Array($0) } }
        return packed(
            bytes, .float32, as: format, columnCount: columnCount, threadCount: threadCount, instructionSet)
    }

    /// The numbers of a matrix that is packed in another format than a file's.
    private func packed(
        _ bytes: [UInt8], _ stored: WeightFormat, as format: WeightFormat, columnCount: Int, threadCount: Int = 1,
        _ instructionSet: InstructionSet = .baseline
    ) -> [Float] {
        let matrix = bytes.withUnsafeBytes {
            PackedMatrix(
                packing: $0, format: stored, storedFormat: format,
                rowCount: $0.count / stored.rowByteCount(columnCount: columnCount), columnCount: columnCount,
                threadCount: threadCount, instructionSet: instructionSet)
        }
        #expect(matrix.format == format)
        return (0..<matrix.rowCount).flatMap { row in
            [Float](unsafeUninitializedCapacity: columnCount) { buffer, count in
                matrix.copyRow(row, to: buffer.baseAddress!)
                count = columnCount
            }
        }
    }

    /// A number rounded to IEEE binary16, in doubles.
    private func half(_ number: Float) -> Double {
        let magnitude = min(Double(abs(number)), 65504)
        let quantum = magnitude == 0 ? 1 : exp2(Double(max(magnitude.exponent, -14) - 10))
        return (magnitude / quantum).rounded(.toNearestOrEven) * quantum * (number.sign == .minus ? -1 : 1)
    }

    /// The rule, in doubles: a scale in 16 bits, and for each number the nearest multiple of it.
    private func twin(_ block: [Float], _ format: WeightFormat) -> [Double] {
        let greatest = block.reduce(0) { abs($1) > abs($0) ? $1 : $0 }
        let scale = half(format == .q80 ? abs(greatest) / 127 : greatest / -8)
        let codes = format == .q80 ? -127.0...127 : -8...7
        return block.map { number in
            if scale == 0 { return 0 }
            // The quotient is rounded to 32 bits before it becomes a code.
            let code = Double(Float(Double(number) / scale)).rounded(.toNearestOrEven)
            return scale * min(max(code, codes.lowerBound), codes.upperBound)
        }
    }

    private func blocks(_ numbers: [Float]) -> [[Float]] {
        stride(from: 0, to: numbers.count, by: 32).map { Array(numbers[$0..<($0 + 32)]) }
    }

    @Test("A number becomes the nearest multiple of its block's scale", arguments: formats)
    func nearest(_ format: WeightFormat) {
        var generator = SeededGenerator(seed: 171)
        // Magnitudes from scales that are too small to be told from 0 to those that are too large.
        var numbers: [Float] = []
        for exponent in -30...26 {
            for _ in 0..<3 { numbers += generator.floats(32, deviation: exp2(Float(exponent))) }
        }
        // Numbers halfway between two codes, and blocks of zeros and of one number.
        numbers += (0..<32).map { $0 == 0 ? 127 : Float($0) + 0.5 } + (0..<32).map { $0 == 0 ? -8 : Float($0) / 4 - 4 }
        numbers += Array(repeating: 0, count: 32) + [5] + Array(repeating: -0.0, count: 31)
        numbers += Array(repeating: 0x1p-140, count: 32) + Array(repeating: .greatestFiniteMagnitude, count: 32)
        let columnCount = 64
        if numbers.count % columnCount != 0 { numbers += Array(repeating: 1, count: 32) }
        let expected = blocks(numbers).flatMap { twin($0, format) }
        for instructionSet in InstructionSet.availableForFloats {
            for threadCount in [1, 3] {
                let found = rounded(
                    numbers, to: format, columnCount: columnCount, threadCount: threadCount, instructionSet)
                #expect(found.map(Double.init) == expected, "\(instructionSet), \(threadCount) threads")
            }
        }
        // The greatest number of a block that a scale can be made for is off by no more than the scale's rounding.
        for (block, values) in zip(blocks(numbers), blocks(expected.map { Float($0) })) {
            guard let index = block.indices.max(by: { abs(block[$0]) < abs(block[$1]) }) else { continue }
            guard (0x1p-6...0x1p18).contains(abs(block[index])) else { continue }
            #expect(abs(values[index] - block[index]) <= abs(block[index]) * 0x1p-11)
        }
    }

    /// Both choose the same scales. gguf-py divides by the scale before it is rounded to 16 bits, and rounds halves away
    /// from zero (Q8_0) or up (Q4_0). Dividing by the scale that is stored never makes a larger error.
    @Test("No number is farther off than in gguf-py", arguments: formats)
    func reference(_ format: WeightFormat) throws {
        let fixture = try SafetensorsFile(path: Fixtures.path("quantized/rounded.safetensors"))
        let numbers = try fixture.tensor("values").floats()
        let reference = try fixture.tensor("\(format.rawValue).blocks").withUnsafeBytes { Array($0) }
        let expected = format.widened(reference, count: numbers.count)
        let found = rounded(numbers, to: format, columnCount: 512)
        var differentCount = 0
        for (start, block) in zip(stride(from: 0, to: numbers.count, by: 32), blocks(numbers)) {
            let byte = start / 32 * format.rowByteCount(columnCount: 32)
            let bits = UInt32(reference[byte]) | UInt32(reference[byte + 1]) << 8
            let scale = decode(bits, .float16)
            for (index, number) in zip(start..<(start + 32), block) {
                #expect(abs(found[index] - number) <= abs(expected[index] - number) * 1.0001)
                // Too small for a normal number, a scale is rounded by much, and codes are far from each other.
                if abs(scale) < 0x1p-14 { continue }
                differentCount += found[index] == expected[index] ? 0 : 1
                #expect(abs(found[index] - expected[index]) <= abs(scale) * 1.0001)
            }
        }
        #expect(differentCount < numbers.count / 20)
        // Where the scales are other ones, so is the greatest number, and this fails.
        for (values, others) in zip(blocks(found), blocks(expected)) {
            guard let greatest = others.map(abs).max(), greatest > 0x1p-7 else { continue }
            #expect(values.map(abs).max() == greatest)
        }
    }

    @Test("A number that isn't finite makes its block NaN, and no other", arguments: formats)
    func notFinite(_ format: WeightFormat) {
        for bad in [Float.nan, -.nan, .infinity, -.infinity] {
            for place in [0, 5, 31] {
                var numbers = (0..<96).map { Float($0) - 40 }
                let unharmed = rounded(numbers, to: format, columnCount: 96)
                numbers[32 + place] = bad
                let found = rounded(numbers, to: format, columnCount: 96)
                #expect(found[32..<64].allSatisfy { $0.isNaN })
                #expect(found[..<32] == unharmed[..<32] && found[64...] == unharmed[64...])
            }
        }
    }

    @Test("Weights of any format are rounded as their numbers are", arguments: WeightFormat.allCases)
    func fromEveryFormat(_ stored: WeightFormat) {
        var generator = SeededGenerator(seed: 172)
        let (rowCount, columnCount) = (35, 256)
        let bytes: [UInt8]
        if stored.isQuantized {
            bytes = stored.randomRows(rowCount, columnCount: columnCount, deviation: 0.5, using: &generator)
        } else {
            let size = stored.rowByteCount(columnCount: 1)
            // Random bits but for the upper byte of each number, which makes it finite.
            bytes = (0..<(rowCount * columnCount * size)).map { index in
                index % size == size - 1 ? 0x3c : UInt8(truncatingIfNeeded: generator.next())
            }
        }
        let numbers = stored.widened(bytes, count: rowCount * columnCount)
        for format in WeightFormat.allCases where format.roundsFloats {
            // Those of the same format stay as they are.
            let expected = format == stored ? numbers : rounded(numbers, to: format, columnCount: columnCount)
            for (threadCount, instructionSet) in [
                (1, InstructionSet.baseline), (3, InstructionSet.available.last ?? .baseline),
            ] {
                let found = packed(
                    bytes, stored, as: format, columnCount: columnCount, threadCount: threadCount, instructionSet)
                #expect(firstDifference(found, expected) == nil, "\(format.rawValue)")
            }
            if format == .float32 { #expect(expected == numbers) }
        }
    }

    @Test("Floats can be rounded to two quantised formats")
    func allowed() {
        #expect(WeightFormat.allCases.filter(\.roundsFloats) == [.float32, .bfloat16, .q40, .q80])
    }
}
