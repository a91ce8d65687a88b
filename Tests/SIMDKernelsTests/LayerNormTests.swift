import SIMDKernels
import TestSupport
import Testing

@Suite("Layer normalisation and its endings")
struct LayerNormTests {
    /// What a normalised row may be off by, without weight and bias, in roundings: `deviation` of every component's
    /// distance from the mean, which are the same for all, and `relative` ones of the component itself.
    ///
    /// A lane adds N/16 numbers and the tree has 4 levels, so the mean is off by at most ⌈N/16⌉ + 5 roundings of
    /// mean(|x|), the quotient among them; that moves every component alike. A square is twice as far off as its
    /// distance. The distance rounds, and is small against what it is taken from where the mean is large.
    private func bounds(_ input: [Float], _ weight: [Float], _ exact: [Double], bias: [Float]?) -> [Double] {
        let count = Double(input.count)
        let sums = Double((input.count + 15) / 16) + 5
        let mean = input.reduce(0) { $0 + Double($1) } / count
        let size = input.reduce(0) { $0 + abs(Double($1)) } / count
        let variance = input.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
        let scale = 1 / (variance + Double(epsilon)).squareRoot()
        let meanError = sums * roundoff * size
        // Σ(x − m')² = Σ(x − m)² + N·(m − m')²: to first order a wrong mean doesn't show in the variance. What rounds: each
        // distance (twice, in its square), products and sums of a lane, the tree, the quotient and ε. The root halves
        // them all; then itself and the reciprocal.
        let scaleError = ((2 * sums + 4) / 2 + 2) * roundoff + meanError * meanError * scale * scale
        return input.indices.map { index in
            let factor = abs(Double(weight[index]))
            let shift = factor * scale * meanError
            // The distance, its products with scale and weight; and the bias.
            let own = abs(exact[index]) * (3 * roundoff + scaleError)
            let sum = bias.map { abs(exact[index] + Double($0[index])) * roundoff } ?? 0
            return 1.01 * (shift + own + sum)
        }
    }

    private let epsilon: Float = 1e-5

    @Test("Rows agree with their twins", arguments: InstructionSet.availableForFloats)
    func twin(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 60)
        for count in vectorCounts {
            let weight = generator.floats(count, limit: 2)
            let bias = generator.floats(count, limit: 3)
            // Around 0, and around means that are 30 and 10⁴ times the spread.
            for (center, spread) in [(0, 1), (0, 1e-4), (0, 1e4), (3, 0.1), (-1000, 0.1)] as [(Float, Float)] {
                let input = generator.floats(3 * count, limit: spread).map { center + $0 }
                for bias in [nil, bias] {
                    let output = normalize(
                        input, weight, epsilon, kind: .layer, bias: bias, 1, instructionSet)
                    for row in 0..<3 {
                        let range = (row * count)..<((row + 1) * count)
                        let components = Array(input[range])
                        let normed = Twins.layerNorm(components, weight: weight, epsilon: epsilon)
                        let exact = bias.map { zip(normed, $0).map { $0 + Double($1) } } ?? normed
                        let allowed = bounds(components, weight, normed, bias: bias)
                        #expect(
                            firstError(Array(output[range]), exact, allowed) == nil,
                            "\(count) columns, \(center) ± \(spread), bias \(bias != nil)")
                    }
                }
            }
        }
    }

    /// Powers of two whose sums are exact, so the distances are exactly 0.
    @Test("A constant row becomes the bias", arguments: InstructionSet.availableForFloats)
    func constant(_ instructionSet: InstructionSet) {
        var generator = SeededGenerator(seed: 61)
        for count in [1, 2, 7, 16, 31, 64, 100] {
            for value in [0, 1, -0.25, 4096] as [Float] {
                let bias = generator.floats(count)
                let input = [Float](repeating: value, count: count)
                let weight = generator.floats(count)
                let plain = normalize(input, weight, epsilon, kind: .layer, 1, instructionSet)
                #expect(plain.allSatisfy { $0 == 0 }, "\(count) times \(value)")
                let biased = normalize(input, weight, epsilon, kind: .layer, bias: bias, 1, instructionSet)
                #expect(biased == bias, "\(count) times \(value)")
            }
        }
    }

    @Test(
        "Bias and addition are one sum each, and the output may be the input",
        arguments: InstructionSet.availableForFloats,
        [Normalization.Kind.rootMeanSquare, .layer])
    func endings(_ instructionSet: InstructionSet, _ kind: Normalization.Kind) {
        var generator = SeededGenerator(seed: 62)
        for count in vectorCounts {
            let input = generator.floats(5 * count).map { $0 + 0.5 }
            let weight = generator.floats(count)
            let bias = generator.floats(count)
            let before = generator.floats(5 * count, limit: 4)
            let plain = normalize(input, weight, epsilon, kind: kind, 1, instructionSet)
            let biased = plain.indices.map { plain[$0] + bias[$0 % count] }
            for (bias, expected) in [(nil, plain), (bias, biased)] {
                func output(adding: [Float]? = nil) -> [Float] {
                    normalize(input, weight, epsilon, kind: kind, bias: bias, adding: adding, 1, instructionSet)
                }
                #expect(firstDifference(output(), expected) == nil, "\(count) columns")
                #expect(
                    firstDifference(output(adding: before), zip(before, expected).map { $0 + $1 }) == nil,
                    "\(count) columns, adding")

                for adding in [false, true] {
                    let memory = GuardedFloats(input)
                    runTeam(1, instructionSet) { worker in
                        weight.withUnsafeBufferPointer { weight in
                            guard let weight = weight.baseAddress else { return }
                            let summands = bias.map { GuardedFloats($0) }
                            Normalization(kind, weight: weight, bias: summands?.pointer, epsilon: epsilon).apply(
                                memory.pointer, rowCount: 5, columnCount: count, into: memory.pointer, adding: adding,
                                worker: worker)
                        }
                    }
                    let wanted = adding ? zip(input, expected).map { $0 + $1 } : expected
                    #expect(firstDifference(memory.values, wanted) == nil, "\(count) columns in place, \(adding)")
                    #expect(memory.isContained)
                }
            }
        }
    }
}
