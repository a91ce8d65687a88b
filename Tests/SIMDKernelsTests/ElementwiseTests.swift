import Foundation
import SIMDKernels
import TestSupport
import Testing

/// Counts around the vector of 16 floats.
let vectorCounts = [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 576]

@Suite("RMSNorm")
struct RMSNormTests {
    @Test("Rows agree with their twins", arguments: InstructionSet.availableForFloats)
    func twin(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 20)
        for count in vectorCounts {
            for scale in [Float(1e-4), 1, 1e4] {
                let input = generator.floats(3 * count, limit: scale)
                let weight = generator.floats(count, limit: 2)
                let output = normalize(input, weight, 1e-5, 1, instructionSet)
                for row in 0..<3 {
                    let range = (row * count)..<((row + 1) * count)
                    let exact = Twins.rmsNorm(Array(input[range]), weight: weight, epsilon: 1e-5)
                    // All summands are positive, so each rounding adds at most u to the relative error: two per
                    // summand of a lane without FMA, four in the tree, the division and epsilon; the root halves
                    // them. Then the root, the reciprocal and two products.
                    let roundings = Double(2 * ((count + 15) / 16) + 4 + 2) / 2 + 4
                    let bounds = exact.map { 1.01 * roundings * roundoff * abs($0) }
                    #expect(firstError(Array(output[range]), exact, bounds) == nil, "\(count) columns")
                }
            }
        }
    }

    @Test("The output may be the input", arguments: InstructionSet.availableForFloats)
    func inPlace(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 21)
        for count in vectorCounts {
            let input = generator.floats(5 * count)
            let weight = generator.floats(count)
            let memory = GuardedFloats(input)
            runTeam(1, instructionSet) { worker in
                Normalization(.rootMeanSquare, weight: weight, epsilon: 1e-6).apply(
                    memory.pointer, rowCount: 5, columnCount: count, into: memory.pointer, worker: worker)
            }
            #expect(firstDifference(memory.values, normalize(input, weight, 1e-6, 1, instructionSet)) == nil)
            #expect(memory.isContained)
        }
    }

    @Test("A row of zeros stays zeros", arguments: InstructionSet.availableForFloats)
    func zeros(_ instructionSet: InstructionSet) {
        let output = normalize(Array(repeating: 0, count: 20), Array(repeating: 3, count: 20), 1e-5, 1, instructionSet)
        #expect(output == Array(repeating: 0, count: 20))
    }
}

/// Normalised rows by a team, between guards; `adding` is what the output holds before, and is added to.
func normalize(
    _ input: [Float], _ weight: [Float], _ epsilon: Float, kind: Normalization.Kind = .rootMeanSquare,
    bias: [Float]? = nil, adding: [Float]? = nil, _ threadCount: Int, _ instructionSet: InstructionSet
) -> [Float] {
    let output = adding.map { GuardedFloats($0) } ?? GuardedFloats(count: input.count)
    let source = GuardedFloats(input)
    let factors = GuardedFloats(weight)
    let summands = bias.map { GuardedFloats($0) }
    runTeam(threadCount, instructionSet) { worker in
        Normalization(kind, weight: factors.pointer, bias: summands?.pointer, epsilon: epsilon).apply(
            source.pointer, rowCount: input.count / weight.count, columnCount: weight.count, into: output.pointer,
            adding: adding != nil, worker: worker)
    }
    #expect(output.isContained)
    return output.values
}

@Suite("Gated product")
struct GatedProductTests {
    @Test("Every element agrees with its twin", arguments: InstructionSet.availableForFloats)
    func twin(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 22)
        // From where the exponential overflows to where it vanishes, and ordinary activations.
        var gate = stride(from: Float(-110), through: 110, by: 0.037).map { $0 } + generator.floats(4001, limit: 8)
        gate += [0, -0.0, 1e-30, -1e-30, 1e4, -1e4, 5e37, -5e37]
        let up = generator.floats(gate.count, limit: 4)
        let output = gateProduct(gate, up, 1, instructionSet)
        let exact = zip(gate, up).map { Twins.siluProduct(gate: $0, up: $1) }
        // The exponential is within 2 units in the last place, 4u; the sum adds u, the division u, the product u; one
        // more for their products. Past −88.72 the exponential is infinite and the result 0, where it should be at most
        // 88.73·e^−88.72 < 2.7·10⁻³⁷ times the other factor. The rest rounds to subnormal numbers.
        let bounds = zip(exact, up).map { 8 * roundoff * abs($0) + 2.7e-37 * abs(Double($1)) + 0x1p-149 }
        let wrong = firstError(output, exact, bounds)
        #expect(wrong == nil, "silu(\(gate[wrong ?? 0])) · \(up[wrong ?? 0])")
    }

    /// What the polynomial of the exponential says, written out with the library's fused multiply-add.
    @Test("The kernel is the polynomial, bit by bit", arguments: fusedInstructionSets)
    func polynomial(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 23)
        let gate = generator.floats(1600, limit: 100)
        let output = gateProduct(gate, Array(repeating: 1, count: gate.count), 1, instructionSet)
        let expected = gate.map { Exponential.silu(Lanes(repeating: $0), FusedMultiplyAdd.self)[0] }
        #expect(firstDifference(output, expected) == nil)
    }

    @Test("Counts around a vector write nothing past their end", arguments: InstructionSet.availableForFloats)
    func remainders(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 24)
        let gate = generator.floats(600, limit: 5)
        let up = generator.floats(600)
        let whole = gateProduct(gate, up, 1, instructionSet)
        for count in vectorCounts {
            let output = gateProduct(Array(gate.prefix(count)), Array(up.prefix(count)), 1, instructionSet)
            #expect(firstDifference(output, Array(whole.prefix(count))) == nil, "\(count)")
        }
    }

    @Test("A NaN stays one, and +∞ stays +∞", arguments: InstructionSet.availableForFloats)
    func special(_ instructionSet: InstructionSet) {
        let output = gateProduct([.nan, .infinity, 1, 1], [1, 1, .nan, .infinity], 1, instructionSet)
        #expect(output[0].isNaN && output[2].isNaN)
        #expect(output[1] == .infinity && output[3] == .infinity)
    }
}

/// activation(gate) · up by a team: the gated product of an input of ones with matrices of one column, for one row
/// (GEMV) and for several (GEMM), which must agree.
func gateProduct(
    _ gate: [Float], _ up: [Float], activation: Activation = .silu, _ threadCount: Int,
    _ instructionSet: InstructionSet
) -> [Float] {
    let gateWeights = Weights(bits: gate.map(\.bitPattern), .float32, rowCount: gate.count, columnCount: 1)
    let upWeights = Weights(bits: up.map(\.bitPattern), .float32, rowCount: up.count, columnCount: 1)
    func multiply(rowCount: Int) -> [Float] {
        gatedProduct(
            Array(repeating: 1, count: rowCount), gate: gateWeights, up: upWeights, activation: activation,
            threadCount: threadCount, instructionSet)
    }
    let vector = multiply(rowCount: 1)
    let rows = multiply(rowCount: 14)
    #expect(firstDifference(rows, (0..<14).flatMap { _ in vector }) == nil)
    return vector
}

@Suite("Rotary")
struct RotaryTests {
    @Test("Rotated heads agree with their twins", arguments: InstructionSet.availableForFloats)
    func twin(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 25)
        for dimension in [2, 4, 8, 20, 30, 32, 34, 62, 64, 66, 80, 96, 128] {
            for headCount in [1, 3, 9] {
                let input = generator.floats(headCount * dimension, limit: 4)
                let angles = generator.floats(dimension / 2, limit: 3)
                let (cosines, sines) = (angles.map { cos($0) }, angles.map { sin($0) })
                let output = rotate(input, dimension, cosines, sines, 0.3, instructionSet)
                for head in 0..<headCount {
                    let range = (head * dimension)..<((head + 1) * dimension)
                    let components = input[range].map { Double($0) }
                    let exact = Twins.rotate(
                        components, cosines: cosines.map { Double($0) }, sines: sines.map { Double($0) },
                        factor: Double(Float(0.3)))
                    // Both products, their sum and the factor round: 3u of the terms' sizes.
                    let bounds = (0..<dimension).map { d in
                        let other = components[(d + dimension / 2) % dimension]
                        let k = d % (dimension / 2)
                        let size = abs(components[d] * Double(cosines[k])) + abs(other * Double(sines[k]))
                        return 3.01 * roundoff * 0.3001 * size
                    }
                    #expect(firstError(Array(output[range]), exact, bounds) == nil, "D \(dimension)")
                }
            }
        }
    }

    @Test("Position 0 changes nothing, and a quarter turn swaps a pair", arguments: InstructionSet.availableForFloats)
    func knownAngles(_ instructionSet: InstructionSet) {
        let input: [Float] = (1...40).map { Float($0) }
        let (ones, zeros) = ([Float](repeating: 1, count: 20), [Float](repeating: 0, count: 20))
        #expect(rotate(input, 40, ones, zeros, 1, instructionSet) == input)
        #expect(rotate(input, 40, ones, zeros, 0.5, instructionSet) == input.map { $0 / 2 })
        let turned = rotate(input, 40, zeros, ones, 1, instructionSet)
        #expect(turned == input[20...].map { -$0 } + input[..<20])
    }

    /// The first R components of a head turn as a head of R does, and the others are only multiplied, bit by bit: the
    /// twin's bound holds for them too.
    @Test("A part of a head is rotated as a whole one", arguments: InstructionSet.availableForFloats)
    func partial(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 26)
        for (dimension, rotaryDimension) in [
            (2, 0), (80, 0), (4, 2), (20, 6), (64, 16), (80, 20), (80, 32), (80, 34), (96, 64), (128, 66), (256, 254),
        ] {
            let heads = (0..<3).map { _ in generator.floats(dimension, limit: 4) }
            let angles = generator.floats(rotaryDimension / 2, limit: 3)
            let (cosines, sines) = (angles.map { cos($0) }, angles.map { sin($0) })
            let output = rotate(
                heads.flatMap { $0 }, dimension, rotaryDimension: rotaryDimension, cosines, sines, 0.3, instructionSet)
            let expected = heads.flatMap { head in
                let turned = Array(head.prefix(rotaryDimension))
                return (turned.isEmpty ? [] : rotate(turned, rotaryDimension, cosines, sines, 0.3, instructionSet))
                    + head.dropFirst(rotaryDimension).map { $0 * 0.3 }
            }
            #expect(firstDifference(output, expected) == nil, "D \(dimension), R \(rotaryDimension)")
        }
    }

    private func rotate(
        _ input: [Float], _ dimension: Int, rotaryDimension: Int? = nil, _ cosines: [Float], _ sines: [Float],
        _ factor: Float, _ instructionSet: InstructionSet
    ) -> [Float] {
        let output = GuardedFloats(count: input.count)
        let (source, left, right) = (GuardedFloats(input), GuardedFloats(cosines), GuardedFloats(sines))
        Rotary.rotate(
            source.pointer, headCount: input.count / dimension, headDimension: dimension,
            rotaryDimension: rotaryDimension ?? dimension, cosines: left.pointer, sines: right.pointer, factor: factor,
            into: output.pointer,
            instructionSet: instructionSet)
        #expect(output.isContained)
        return output.values
    }

    @Test("The angle is the product in Float, and its cosine and sine are rounded once")
    func angles() {
        let frequencies = (0..<32).map { Float(1 / pow(100_000, Double($0) / 32)) }
        let cosines = GuardedFloats(count: 32)
        let sines = GuardedFloats(count: 32)
        for position in [0, 1, 2, 1023, 8191, 24.5, 16.333_334, 131_071, 1_048_575] as [Float] {
            frequencies.withUnsafeBufferPointer {
                Rotary.fillAngles(
                    position: position, inverseFrequencies: $0, cosines: cosines.pointer, sines: sines.pointer)
            }
            for (k, frequency) in frequencies.enumerated() {
                let angle = Double(position * frequency)
                // Within half a unit in the last place, and a little for what precedes the rounding.
                #expect(abs(Double(cosines.pointer[k]) - cos(angle)) <= 0.501 * Double(Float(cos(angle)).ulp))
                #expect(abs(Double(sines.pointer[k]) - sin(angle)) <= 0.501 * Double(Float(sin(angle)).ulp))
            }
        }
        #expect(cosines.isContained && sines.isContained)
    }

    @Test(
        "Cosines and sines are multiplied by the factor, in one rounding", arguments: [1, 0.5, 1.346_573_6] as [Float])
    func scaledAngles(_ factor: Float) {
        let frequencies = (0..<20).map { Float(1 / pow(10_000, Double($0) / 20)) }
        func fill(_ factor: Float?, position: Float) -> [Float] {
            let (cosines, sines) = (GuardedFloats(count: 20), GuardedFloats(count: 20))
            frequencies.withUnsafeBufferPointer { frequencies in
                if let factor {
                    Rotary.fillAngles(
                        position: position, inverseFrequencies: frequencies, factor: factor, cosines: cosines.pointer,
                        sines: sines.pointer)
                } else {
                    Rotary.fillAngles(
                        position: position, inverseFrequencies: frequencies, cosines: cosines.pointer,
                        sines: sines.pointer)
                }
            }
            #expect(cosines.isContained && sines.isContained)
            return cosines.values + sines.values
        }
        for position in [0, 1, 777, 24.5, 131_071] as [Float] {
            let expected = fill(nil, position: position).map { $0 * factor }
            #expect(firstDifference(fill(factor, position: position), expected) == nil, "position \(position)")
        }
    }
}
