import SIMDKernels
import TestSupport
import Testing

/// A number of a block: scale · code + minimum.
struct QuantizedNumber {
    let code: Int
    let scale: Float
    /// nil in formats without minima.
    var minimum: Float?
    /// The number that the code stands for, where it isn't the code itself.
    var number: Float?
    /// How much less a code is in code products.
    var codeOffset = 0

    /// Rounded once: in most formats the product is exact.
    var value: Float { (minimum ?? 0).addingProduct(scale, number ?? Float(code)) }
}

/// The numbers of a block as a file holds it, by the formulas that define the formats, in gguf-py's order of operations.
func dequantize(_ block: [UInt8], _ format: WeightFormat) -> [QuantizedNumber] {
    func half(_ offset: Int) -> Float {
        decode(UInt32(block[offset]) | UInt32(block[offset + 1]) << 8, .float16)
    }
    func nibble(_ byte: Int, _ upper: Int) -> Int { Int(block[byte] >> (4 * upper)) & 15 }
    func bits(_ byte: Int, _ shift: Int, _ mask: Int) -> Int { Int(block[byte]) >> shift & mask }
    /// Scale and minimum of Q4_K and Q5_K.
    func sixBits(_ group: Int, code: Int) -> QuantizedNumber {
        let bytes = block[4..<16].map(Int.init)
        let (scale, minimum) =
            group < 4
            ? (bytes[group] & 63, bytes[group + 4] & 63)
            : (bytes[group + 4] & 15 | (bytes[group - 4] >> 6) << 4, bytes[group + 4] >> 4 | (bytes[group] >> 6) << 4)
        return QuantizedNumber(code: code, scale: half(0) * Float(scale), minimum: -(half(2) * Float(minimum)))
    }
    func float(_ offset: Int) -> Float {
        Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(block[offset + $1]) << UInt32(8 * $1) })
    }
    let table = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
    return (0..<format.columnMultiple).map { i -> QuantizedNumber in
        switch format {
        case .q40: return QuantizedNumber(code: nibble(2 + i % 16, i / 16) - 8, scale: half(0))
        case .q41: return QuantizedNumber(code: nibble(4 + i % 16, i / 16), scale: half(0), minimum: half(2))
        case .q50:
            let code = nibble(6 + i % 16, i / 16) | bits(2 + i / 8, i % 8, 1) << 4
            return QuantizedNumber(code: code - 16, scale: half(0))
        case .q51:
            let code = nibble(8 + i % 16, i / 16) | bits(4 + i / 8, i % 8, 1) << 4
            return QuantizedNumber(code: code, scale: half(0), minimum: half(2))
        case .q80: return QuantizedNumber(code: Int(Int8(bitPattern: block[2 + i])), scale: half(0))
        case .iq4NL: return QuantizedNumber(code: table[nibble(2 + i % 16, i / 16)], scale: half(0))
        case .iq4XS:
            let group = i / 32
            let upper = (Int(block[2]) | Int(block[3]) << 8) >> (2 * group) & 3
            let scale = half(0) * Float((nibble(4 + group / 2, group % 2) | upper << 4) - 32)
            return QuantizedNumber(code: table[nibble(8 + 16 * group + i % 16, i / 16 % 2)], scale: scale)
        case .q2K:
            return QuantizedNumber(
                code: bits(16 + 32 * (i / 128) + i % 32, i / 32 % 4 * 2, 3), scale: half(80) * Float(nibble(i / 16, 0)),
                minimum: -(half(82) * Float(nibble(i / 16, 1))))
        case .q3K:
            let group = i / 16
            let scale = nibble(96 + group % 8, group / 8) | bits(104 + group % 4, group / 4 * 2, 3) << 4
            let code = bits(32 + 32 * (i / 128) + i % 32, i / 32 % 4 * 2, 3) - (bits(i % 32, i / 32, 1) == 1 ? 0 : 4)
            return QuantizedNumber(code: code, scale: half(108) * Float(scale - 32))
        case .q4K: return sixBits(i / 32, code: nibble(16 + 32 * (i / 64) + i % 32, i / 32 % 2))
        case .q5K:
            return sixBits(
                i / 32, code: nibble(48 + 32 * (i / 64) + i % 32, i / 32 % 2) | bits(16 + i % 32, i / 32, 1) << 4)
        case .q6K:
            let upper = bits(128 + 32 * (i / 128) + i % 32, i / 32 % 4 * 2, 3)
            let code = nibble(64 * (i / 128) + i % 64, i / 64 % 2) | upper << 4
            return QuantizedNumber(code: code - 32, scale: half(208) * Float(Int8(bitPattern: block[192 + i / 16])))
        case .affine4:
            return QuantizedNumber(
                code: nibble(8 + i / 32 * 16 + i % 16, i / 16 % 2), scale: float(0), minimum: float(4))
        case .affine8:
            return QuantizedNumber(code: Int(block[8 + i]), scale: float(0), minimum: float(4), codeOffset: 128)
        case .float8:
            // Sign, exponent and fraction; 2⁻⁸ times the number of that type.
            let (exponent, fraction) = (bits(4 + i, 3, 15), Float(bits(4 + i, 0, 7)) / 8)
            let significand = exponent == 0 ? fraction : 1 + fraction
            let magnitude = significand * Float(sign: .plus, exponent: max(exponent, 1) - 15, significand: 1)
            return QuantizedNumber(code: 0, scale: float(0), number: block[4 + i] & 0x80 == 0 ? magnitude : -magnitude)
        case .float32, .bfloat16, .float16: preconditionFailure("no format of blocks")
        }
    }
}

/// A quantised weight matrix, packed, and its numbers.
struct QuantizedWeights {
    let weights: Weights
    let numbers: [QuantizedNumber]

    /// Blocks of random bits, with scales whose exponents are between −10 and −6.
    init(_ format: WeightFormat, rowCount: Int, columnCount: Int, using generator: inout SeededGenerator) {
        // One byte in front: a tensor in a file may begin anywhere.
        var bytes: [UInt8] = [0]
        var numbers: [QuantizedNumber] = []
        for _ in 0..<(rowCount * columnCount / format.columnMultiple) {
            let block = format.randomBlock(exponents: 5...9, using: &generator)
            bytes += block
            numbers += dequantize(block, format)
        }
        let packed = bytes.withUnsafeBytes { source in
            PackedMatrix(
                packing: UnsafeRawBufferPointer(rebasing: source[1...]), format: format, rowCount: rowCount,
                columnCount: columnCount)
        }
        self.numbers = numbers
        weights = Weights(packed: packed, values: numbers.map(\.value), bits: [])
    }

    /// The same numbers as 32-bit floats.
    var widened: Weights {
        let (rowCount, columnCount) = (weights.rowCount, weights.columnCount)
        return Weights(bits: weights.values.map(\.bitPattern), .float32, rowCount: rowCount, columnCount: columnCount)
    }
}

/// The contract of ``Precision/int8``, word for word.
func codeChain(_ input: [Float], by matrix: QuantizedWeights, groupLength: Int) -> [Float] {
    let depth = matrix.weights.columnCount
    var outputs: [Float] = []
    for row in 0..<(input.count / depth) {
        let activations = Array(input[(row * depth)..<((row + 1) * depth)])
        var scales: [Float] = []
        var integers: [Int] = []
        for start in stride(from: 0, to: depth, by: 32) {
            let greatest = activations[start..<(start + 32)].map(abs).max() ?? 0
            scales.append(greatest > 0x1p-100 ? greatest / 127 : 0)
            let factor = greatest > 0x1p-100 ? 127 / greatest : 0
            integers += activations[start..<(start + 32)].map { Int(($0 * factor).rounded(.toNearestOrEven)) }
        }
        for column in 0..<matrix.weights.rowCount {
            var sum: Float = 0
            for start in stride(from: 0, to: depth, by: groupLength) {
                let numbers = matrix.numbers[(column * depth + start)..<(column * depth + start + groupLength)]
                let group = integers[start..<(start + groupLength)]
                let product = zip(numbers, group).reduce(0) { $0 + ($1.0.code - $1.0.codeOffset) * $1.1 }
                let first = numbers[numbers.startIndex]
                sum.addProduct(Float(product), first.scale * scales[start / 32])
                if let minimum = first.minimum {
                    let raised = minimum + Float(first.codeOffset) * first.scale
                    sum.addProduct(raised, scales[start / 32] * Float(group.reduce(0, +)))
                }
            }
            outputs.append(sum)
        }
    }
    return outputs
}
