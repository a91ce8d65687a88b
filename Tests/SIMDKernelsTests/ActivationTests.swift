import Foundation
import SIMDKernels
import TestSupport
import Testing

/// The functions that a product passes through, over all magnitudes of numbers.
@Suite("Activations")
struct ActivationTests {
    /// Zeros, numbers of all magnitudes by their bits, and a finer grid from where exponentials overflow to where they
    /// vanish.
    private static let inputs: [Float] = {
        let magnitudes = stride(from: UInt32(1), to: 0x7f80_0000, by: 300_007).map { Float(bitPattern: $0) }
        let grid = stride(from: Float(0.003), to: 20, by: 0.003).map { $0 } + stride(from: 20, to: 110, by: 0.037)
        // Where one polynomial takes the place of another: 0.6 for tanh, √2 for GELU.
        let edges = [0.6, 1.414_213_562] as [Float]
        let positive =
            magnitudes + grid + edges.flatMap { [$0.nextDown, $0, $0.nextUp] }
            + [.leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude]
        return [0, -0.0] + positive + positive.map { -$0 }
    }()

    private func activate(
        _ inputs: [Float], _ activation: Activation, _ instructionSet: InstructionSet
    ) -> [Float] {
        gateProduct(inputs, Array(repeating: 1, count: inputs.count), activation: activation, 1, instructionSet)
    }

    private func compare(
        _ activation: Activation, _ instructionSet: InstructionSet, sourceLocation: SourceLocation = #_sourceLocation,
        bound: (_ x: Double, _ exact: Double) -> Double
    ) {
        let output = activate(Self.inputs, activation, instructionSet)
        let exact = Self.inputs.map { Twins.activate(activation, $0) }
        let bounds = zip(Self.inputs, exact).map { bound(Double($0), $1) }
        let wrong = firstError(output, exact, bounds)
        #expect(
            wrong == nil, "\(activation) of \(Self.inputs[wrong ?? 0]) gives \(output[wrong ?? 0])",
            sourceLocation: sourceLocation)
    }

    @Test("SiLU", arguments: InstructionSet.availableForFloats)
    func silu(_ instructionSet: InstructionSet) {
        // As in `GatedProductTests`, without the factor.
        compare(.silu, instructionSet) { 7 * roundoff * abs($1) + 2.7e-37 + 0x1p-149 }
    }

    @Test("tanh is within 3 units in the last place", arguments: InstructionSet.availableForFloats)
    func tanh(_ instructionSet: InstructionSet) {
        // The products with a cap of 1 are exact.
        compare(.softCap(1), instructionSet) { 3 * Double(Float($1).ulp) }
    }

    @Test("Soft cap", arguments: InstructionSet.availableForFloats, [0.3, 5, 30, 50, 1e4] as [Float])
    func softCap(_ instructionSet: InstructionSet, _ cap: Float) {
        // 1/cap and its product with x are off by one rounding each, which tanh doesn't enlarge; tanh by 3 units in the
        // last place, 6u; the product with the cap by one. A quotient of tiny numbers is subnormal.
        compare(.softCap(cap), instructionSet) { 9.01 * roundoff * abs($1) + Double(cap) * 0x1p-149 + 0x1p-149 }
    }

    @Test("GELU with tanh", arguments: InstructionSet.availableForFloats)
    func geluTanh(_ instructionSet: InstructionSet) {
        compare(.geluTanh, instructionSet) { x, exact in
            // The exponent −2√(2/π)·(x + 0.044715·x³) is off by five roundings of itself (square, coefficient, product,
            // sum, product with x), which e^ makes relative errors; to them come 2 units in the last place, 4u. That
            // counts as far as e^ is a part of 1 + e^. The sum and the quotient round. Past 88.72 the exponential is
            // infinite and the result 0, where it should be below 10.1·e^−88.72 < 3.1·10⁻³⁸.
            let exponent = -2 * (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
            let share = 1 / (1 + exp(-exponent))
            let relative = exponent > 90 ? 0 : 1.01 * roundoff * (2 + share * (5 * abs(exponent) + 4))
            return relative * abs(exact) + 3.1e-38 + 0x1p-149
        }
    }

    @Test("GELU", arguments: InstructionSet.availableForFloats)
    func gelu(_ instructionSet: InstructionSet) {
        compare(.gelu, instructionSet) { x, exact in
            // x·Φ(−|x|), which is the result below 0 and what it lacks of x above.
            let z = abs(x) / 2.0.squareRoot()
            let part = 0.5 * abs(x) * erfc(z)
            let partError: Double
            if z < 1 {
                // 0.5 − z·series/2: z is off by two roundings and the series by about as many, of at most 0.42; then the
                // sum of at most 0.5. The polynomial adds 2·10⁻⁹ of 0.42.
                partError = abs(x) * (3 * roundoff + 1e-9) + roundoff * part
            } else {
                // z² is off by five roundings of itself (two of z, twice, and its own), which e^ makes relative errors; e^
                // by 4u. The polynomial's argument and its terms, all but two positive, add some 8u, and the products 4u.
                // Past the polynomial's range its own error grows to 4·10⁻⁵, where the part is below 10⁻⁸.
                partError = ((5 * z * z + 16) * roundoff + (z <= 4.2 ? 1e-9 : 4e-5)) * part
            }
            // e^ is 0 below −86.98, where the part should be at most 13.2·e^−86.98·0.061/2 < 7·10⁻³⁹.
            return partError + roundoff * abs(exact) + 7e-39 + 0x1p-149
        }
    }

    @Test("Identity", arguments: InstructionSet.availableForFloats)
    func identity(_ instructionSet: InstructionSet) {
        compare(.identity, instructionSet) { _, _ in 0 }
    }

    /// A NaN or an infinity among the lanes of others.
    @Test(
        "A NaN stays one, +∞ stays +∞ or becomes the cap, and neither changes another lane",
        arguments: InstructionSet.availableForFloats, [Activation.silu, .gelu, .geluTanh, .softCap(30)])
    func special(_ instructionSet: InstructionSet, _ activation: Activation) {
        var inputs = (0..<40).map { Float($0 - 20) / 4 }
        let clean = activate(inputs, activation, instructionSet)
        inputs[3] = .nan
        inputs[17] = .infinity
        inputs[33] = -.infinity
        let output = activate(inputs, activation, instructionSet)
        #expect(output[3].isNaN)
        if case .softCap(let cap) = activation {
            #expect(output[17] == cap && output[33] == -cap)
        } else {
            #expect(output[17] == .infinity)
            // −∞ · 0: NaN, as in the reference.
            #expect(output[33].isNaN || output[33] == 0)
        }
        let wrong = inputs.indices.first { inputs[$0].isFinite && output[$0].bitPattern != clean[$0].bitPattern }
        #expect(wrong == nil)
    }

    @Test("A bounded number never exceeds the cap", arguments: InstructionSet.availableForFloats)
    func bounded(_ instructionSet: InstructionSet) {
        for cap in [0.3, 5, 30, 50] as [Float] {
            let output = activate(Self.inputs, .softCap(cap), instructionSet)
            #expect(output.allSatisfy { abs($0) <= cap })
        }
    }
}
