import SIMDKernels
import TestSupport
import Testing

/// The numbers of a block as a file holds it, by the formulas that define the formats, in gguf-py's order of operations.
func dequantize(_ block: [UInt8], _ format: WeightFormat) -> [Float] {
    func half(_ offset: Int) -> Float {
        decode(UInt32(block[offset]) | UInt32(block[offset + 1]) << 8, .float16)
    }
    func nibble(_ byte: Int, _ upper: Int) -> Int { Int(block[byte] >> (4 * upper)) & 15 }
    func bits(_ byte: Int, _ shift: Int, _ mask: Int) -> Int { Int(block[byte]) >> shift & mask }
    /// Scale and minimum of Q4_K and Q5_K.
    func sixBits(_ group: Int) -> (scale: Float, minimum: Float) {
        let bytes = block[4..<16].map(Int.init)
        if group < 4 { return (Float(bytes[group] & 63), Float(bytes[group + 4] & 63)) }
        return (
            Float(bytes[group + 4] & 15 | (bytes[group - 4] >> 6) << 4),
            Float(bytes[group + 4] >> 4 | (bytes[group] >> 6) << 4)
        )
    }
    let table: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
    return (0..<format.columnMultiple).map { i -> Float in
        switch format {
        case .q40: return half(0) * Float(nibble(2 + i % 16, i / 16) - 8)
        case .q41: return half(0) * Float(nibble(4 + i % 16, i / 16)) + half(2)
        case .q50: return half(0) * Float((nibble(6 + i % 16, i / 16) | bits(2 + i / 8, i % 8, 1) << 4) - 16)
        case .q51: return half(0) * Float(nibble(8 + i % 16, i / 16) | bits(4 + i / 8, i % 8, 1) << 4) + half(2)
        case .q80: return half(0) * Float(Int8(bitPattern: block[2 + i]))
        case .iq4NL: return half(0) * table[nibble(2 + i % 16, i / 16)]
        case .iq4XS:
            let group = i / 32
            let upper = (Int(block[2]) | Int(block[3]) << 8) >> (2 * group) & 3
            let scale = half(0) * Float((nibble(4 + group / 2, group % 2) | upper << 4) - 32)
            return scale * table[nibble(8 + 16 * group + i % 16, i / 16 % 2)]
        case .q2K:
            let code = Float(bits(16 + 32 * (i / 128) + i % 32, i / 32 % 4 * 2, 3))
            return half(80) * Float(nibble(i / 16, 0)) * code - half(82) * Float(nibble(i / 16, 1))
        case .q3K:
            let group = i / 16
            let scale = nibble(96 + group % 8, group / 8) | bits(104 + group % 4, group / 4 * 2, 3) << 4
            let code = bits(32 + 32 * (i / 128) + i % 32, i / 32 % 4 * 2, 3) - (bits(i % 32, i / 32, 1) == 1 ? 0 : 4)
            return half(108) * Float(scale - 32) * Float(code)
        case .q4K:
            let (scale, minimum) = sixBits(i / 32)
            let code = nibble(16 + 32 * (i / 64) + i % 32, i / 32 % 2)
            return half(0) * scale * Float(code) - half(2) * minimum
        case .q5K:
            let (scale, minimum) = sixBits(i / 32)
            let code = nibble(48 + 32 * (i / 64) + i % 32, i / 32 % 2) | bits(16 + i % 32, i / 32, 1) << 4
            return half(0) * scale * Float(code) - half(2) * minimum
        case .q6K:
            let code =
                nibble(64 * (i / 128) + i % 64, i / 64 % 2) | bits(128 + 32 * (i / 128) + i % 32, i / 32 % 4 * 2, 3)
                << 4
            return half(208) * Float(Int8(bitPattern: block[192 + i / 16])) * Float(code - 32)
        case .float32, .bfloat16, .float16: preconditionFailure("no format of blocks")
        }
    }
}

extension WeightFormat {
    /// Where a block has 16-bit scales and minima.
    fileprivate var scaleOffsets: [Int] {
        switch self {
        case .q40, .q50, .q80, .iq4NL, .iq4XS: [0]
        case .q41, .q51, .q4K, .q5K: [0, 2]
        case .q2K: [80, 82]
        case .q3K: [108]
        case .q6K: [208]
        case .float32, .bfloat16, .float16: []
        }
    }
}

extension Weights {
    /// Blocks of random bits, with scales whose exponents are between −10 and −6.
    init(quantized format: WeightFormat, rowCount: Int, columnCount: Int, using generator: inout SeededGenerator) {
        let blockByteCount = format.rowByteCount(columnCount: format.columnMultiple)
        // One byte in front: a tensor in a file may begin anywhere.
        var bytes: [UInt8] = [0]
        var values: [Float] = []
        for _ in 0..<(rowCount * columnCount / format.columnMultiple) {
            var block = (0..<blockByteCount).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            for offset in format.scaleOffsets {
                block[offset + 1] = block[offset + 1] & 0x83 | UInt8(5 + generator.next() % 5) << 2
            }
            bytes += block
            values += dequantize(block, format)
        }
        let packed = bytes.withUnsafeBytes { source in
            PackedMatrix(
                packing: UnsafeRawBufferPointer(rebasing: source[1...]), format: format, rowCount: rowCount,
                columnCount: columnCount)
        }
        self.init(packed: packed, values: values, bits: [])
    }

    /// The same numbers as 32-bit floats.
    var widened: Weights {
        Weights(bits: values.map(\.bitPattern), .float32, rowCount: rowCount, columnCount: columnCount)
    }
}
