import SIMDKernels
import TestSupport
import Testing

/// A weight matrix [N, K] as the checkpoint stores it, packed, and as floats.
struct Weights {
    let packed: PackedMatrix
    /// The stored numbers, widened without the kernels' help.
    let values: [Float]
    /// As they were before they were packed: the low bits of each element are what its format holds.
    let bits: [UInt32]
    var rowCount: Int { packed.rowCount }
    var columnCount: Int { packed.columnCount }

    init(packed: PackedMatrix, values: [Float], bits: [UInt32]) {
        self.packed = packed
        self.values = values
        self.bits = bits
    }

    /// A matrix of these stored numbers.
    init(bits: [UInt32], _ format: WeightFormat, rowCount: Int, columnCount: Int) {
        self.bits = bits
        values = bits.map { decode($0, format) }
        // One byte in front: a tensor in a file may begin anywhere.
        var bytes: [UInt8] = [0]
        for element in bits {
            for byte in 0..<format.rowByteCount(columnCount: 1) {
                bytes.append(UInt8(truncatingIfNeeded: element >> (8 * UInt32(byte))))
            }
        }
        packed = bytes.withUnsafeBytes { source in
            PackedMatrix(
                packing: UnsafeRawBufferPointer(rebasing: source[1...]), format: format, rowCount: rowCount,
                columnCount: columnCount)
        }
    }

    /// Random numbers of magnitudes 2⁻⁵ … 2, which all types hold, with random significands.
    init(_ format: WeightFormat, rowCount: Int, columnCount: Int, using generator: inout SeededGenerator) {
        let bits = (0..<(rowCount * columnCount)).map { _ -> UInt32 in
            let random = UInt32(truncatingIfNeeded: generator.next())
            let sign = random >> 31
            let exponent = (random >> 23) % 6
            let fraction = random & 0x7f_ffff
            return switch format {
            case .float32: sign << 31 | (122 + exponent) << 23 | fraction
            case .bfloat16: sign << 15 | (122 + exponent) << 7 | fraction >> 16
            case .float16: sign << 15 | (10 + exponent) << 10 | fraction >> 13
            default: preconditionFailure("see Weights(quantized:)")
            }
        }
        self.init(bits: bits, format, rowCount: rowCount, columnCount: columnCount)
    }
}

/// The formats whose numbers stand by themselves.
let plainFormats = WeightFormat.allCases.filter { !$0.isQuantized }
/// The formats of blocks.
let quantizedFormats = WeightFormat.allCases.filter { $0.isQuantized }
/// Those of GGUF.
let fileFormats = quantizedFormats.filter { ![.affine4, .affine8, .float8].contains($0) }
/// Those whose codes are integers.
let codeFormats = quantizedFormats.filter { $0.hasIntegerCodes }

extension WeightFormat {
    /// At least as many columns as asked for, in whole blocks of the format.
    func wholeBlocks(_ columnCount: Int) -> Int {
        (columnCount + columnMultiple - 1) / columnMultiple * columnMultiple
    }

    /// The same of several numbers, each once.
    func wholeBlocks(_ columnCounts: [Int]) -> [Int] { Set(columnCounts.map { wholeBlocks($0) }).sorted() }
}

/// What the bits of a stored number mean, by the definition of its format.
func decode(_ bits: UInt32, _ format: WeightFormat) -> Float {
    switch format {
    case .float32: return Float(bitPattern: bits)
    case .bfloat16: return Float(bitPattern: bits << 16)
    case .float16:
        let sign: FloatingPointSign = bits >> 15 & 1 == 0 ? .plus : .minus
        let exponent = Int(bits >> 10 & 31)
        let fraction = Float(bits & 0x3ff) / 1024
        switch exponent {
        case 0: return Float(sign: sign, exponent: -14, significand: fraction)
        case 31: return fraction == 0 ? Float(sign: sign, exponent: 0, significand: .infinity) : .nan
        default: return Float(sign: sign, exponent: exponent - 15, significand: 1 + fraction)
        }
    default: preconditionFailure("a number of a block has no bits of its own")
    }
}

/// activation(input · weightsᵀ + bias), computed by a team; `adding` is what the output holds before, and is added
/// to.
///
/// All memory that the contract doesn't define is NaN, and is checked to be left alone around the edges.
func product(
    _ input: [Float], by weights: Weights, bias: [Float]? = nil, activation: Activation = .identity,
    adding: [Float]? = nil, precision: Precision = .float32, threadCount: Int = 1, _ instructionSet: InstructionSet,
    sourceLocation: SourceLocation = #_sourceLocation
) -> [Float] {
    let depth = weights.columnCount
    let rowCount = input.count / depth
    let source = GuardedFloats(input)
    let guardedBias = bias.map { GuardedFloats($0) }
    let packed = GuardedFloats(count: GEMM.packedInputFloatCount(rowCount: rowCount, columnCount: depth))
    let output = adding.map { GuardedFloats($0) } ?? GuardedFloats(count: rowCount * weights.rowCount)
    let scratches = (0..<threadCount).map { _ in
        GuardedFloats(count: GEMM.scratchFloatCount(maximumRowCount: rowCount))
    }
    runTeam(threadCount, instructionSet, sourceLocation: sourceLocation) { worker in
        let packedInput = GEMM.packInput(
            source.pointer, rowCount: rowCount, columnCount: depth, precision: precision, into: packed.pointer,
            worker: worker)
        worker.barrier()
        GEMM.multiply(
            packedInput, by: weights.packed, bias: guardedBias?.pointer, activation: activation, into: output.pointer,
            adding: adding != nil, scratch: scratches[worker.index].pointer, worker: worker)
    }
    #expect(
        ([source, packed, output] + scratches + [guardedBias].compactMap { $0 }).allSatisfy { $0.isContained },
        "a write past an edge",
        sourceLocation: sourceLocation)
    #expect(firstDifference(source.values, input) == nil, "the input was overwritten", sourceLocation: sourceLocation)
    #expect(
        firstDifference(guardedBias?.values ?? [], bias ?? []) == nil, "the bias was overwritten",
        sourceLocation: sourceLocation)
    return output.values
}

/// activation(input · gateᵀ + gateBias) · (input · upᵀ + upBias), computed by a team.
func gatedProduct(
    _ input: [Float], gate: Weights, up: Weights, gateBias: [Float]? = nil, upBias: [Float]? = nil,
    activation: Activation = .silu, precision: Precision = .float32, threadCount: Int = 1,
    _ instructionSet: InstructionSet, sourceLocation: SourceLocation = #_sourceLocation
) -> [Float] {
    let depth = gate.columnCount
    let rowCount = input.count / depth
    let source = GuardedFloats(input)
    let packed = GuardedFloats(count: GEMM.packedInputFloatCount(rowCount: rowCount, columnCount: depth))
    let output = GuardedFloats(count: rowCount * gate.rowCount)
    let guardedGateBias = gateBias.map { GuardedFloats($0) }
    let guardedUpBias = upBias.map { GuardedFloats($0) }
    let scratches = (0..<threadCount).map { _ in
        GuardedFloats(count: GEMM.scratchFloatCount(maximumRowCount: rowCount))
    }
    runTeam(threadCount, instructionSet, sourceLocation: sourceLocation) { worker in
        let packedInput = GEMM.packInput(
            source.pointer, rowCount: rowCount, columnCount: depth, precision: precision, into: packed.pointer,
            worker: worker)
        worker.barrier()
        GEMM.multiplyGated(
            packedInput, gate: gate.packed, up: up.packed, gateBias: guardedGateBias?.pointer,
            upBias: guardedUpBias?.pointer, activation: activation, into: output.pointer,
            scratch: scratches[worker.index].pointer, worker: worker)
    }
    #expect(
        ([packed, output] + scratches).allSatisfy { $0.isContained }, "a write past an edge",
        sourceLocation: sourceLocation)
    return output.values
}

/// The numeric contract of GEMM, word for word: one chain of fused multiply-adds over ascending k that starts at 0.
func chain(_ input: [Float], by weights: Weights) -> [Float] {
    let depth = weights.columnCount
    var outputs: [Float] = []
    for row in 0..<(input.count / depth) {
        for column in 0..<weights.rowCount {
            var sum: Float = 0
            for k in 0..<depth { sum.addProduct(input[row * depth + k], weights.values[column * depth + k]) }
            outputs.append(sum)
        }
    }
    return outputs
}

/// silu(gates) · ups, element by element.
func silu(_ gates: [Float], times ups: [Float]) -> [Float] {
    zip(gates, ups).map { gate, up in
        (Exponential.silu(Lanes(repeating: gate), FusedMultiplyAdd.self) * Lanes(repeating: up))[0]
    }
}
