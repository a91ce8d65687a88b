import SIMDKernels
import TestSupport
import Testing

/// What becomes of a product: bias, activation, addition to the output, or the product with another one.
///
/// That products, activations and silu gates are right is for other suites to test; here every ending has to be one
/// addition of the bias, the activation, and one addition or product, bit for bit.
@Suite("Endings of products")
struct ProductEndingTests {
    private static let activations: [Activation] = [.identity, .silu, .gelu, .geluTanh, .softCap(3)]
    /// A GEMV, each of the tiles with and without remainders, and several tiles.
    private static let rowCounts = [1, 2, 4, 6, 8, 12, 13, 25]

    /// Instruction sets, stored types and precisions that go together.
    struct Form: CustomTestStringConvertible {
        let instructionSet: InstructionSet
        let format: WeightFormat
        let precision: Precision
        var testDescription: String { "\(instructionSet), \(format) weights, \(precision)" }

        static let all = InstructionSet.availableForFloats.flatMap { instructionSet in
            let forms = plainFormats.map {
                Form(instructionSet: instructionSet, format: $0, precision: .float32)
            }
            return instructionSet.hasBFloat16Products
                ? forms + [Form(instructionSet: instructionSet, format: .bfloat16, precision: .bfloat16)] : forms
        }
    }

    private func activate(_ sums: [Float], _ activation: Activation, times others: [Float]?, _ form: Form) -> [Float] {
        gateProduct(
            sums, others ?? Array(repeating: 1, count: sums.count), activation: activation, 1, form.instructionSet)
    }

    private func add(_ bias: [Float]?, to sums: [Float]) -> [Float] {
        guard let bias else { return sums }
        return sums.indices.map { sums[$0] + bias[$0 % bias.count] }
    }

    @Test("Bias, activation and addition follow the product", arguments: Form.all)
    func plain(_ form: Form) {
        var generator = SeededGenerator(seed: 80)
        for columnCount in GEMMTests.columnCounts {
            let depth = form.format.wholeBlocks(19)
            let weights = Weights(form.format, rowCount: columnCount, columnCount: depth, using: &generator)
            let bias = generator.floats(columnCount, limit: 2)
            for rowCount in Self.rowCounts {
                let input = generator.floats(rowCount * depth)
                let before = generator.floats(rowCount * columnCount, limit: 10)
                let sums = product(input, by: weights, precision: form.precision, form.instructionSet)
                for bias in [nil, bias] {
                    for activation in Self.activations {
                        let expected = activate(add(bias, to: sums), activation, times: nil, form)
                        let stored = product(
                            input, by: weights, bias: bias, activation: activation, precision: form.precision,
                            form.instructionSet)
                        let added = product(
                            input, by: weights, bias: bias, activation: activation, adding: before,
                            precision: form.precision, form.instructionSet)
                        let name = "\(rowCount)×\(columnCount), \(activation), bias \(bias != nil)"
                        #expect(firstDifference(stored, expected) == nil, "\(name)")
                        #expect(
                            firstDifference(added, zip(before, expected).map { $0 + $1 }) == nil, "\(name), adding")
                    }
                }
            }
        }
    }

    @Test("A gated product has two biases and any activation", arguments: Form.all)
    func gated(_ form: Form) {
        var generator = SeededGenerator(seed: 81)
        for columnCount in [1, 15, 17, 32, 33, 65, 97] {
            let depth = form.format.wholeBlocks(19)
            let gate = Weights(form.format, rowCount: columnCount, columnCount: depth, using: &generator)
            let up = Weights(form.format, rowCount: columnCount, columnCount: depth, using: &generator)
            let gateBias = generator.floats(columnCount, limit: 2)
            let upBias = generator.floats(columnCount, limit: 2)
            for rowCount in Self.rowCounts {
                let input = generator.floats(rowCount * depth)
                let gates = product(input, by: gate, precision: form.precision, form.instructionSet)
                let ups = product(input, by: up, precision: form.precision, form.instructionSet)
                for (gateBias, upBias) in [(nil, nil), (gateBias, nil), (nil, upBias), (gateBias, upBias)] {
                    for activation in Self.activations {
                        let expected = activate(
                            add(gateBias, to: gates), activation, times: add(upBias, to: ups), form)
                        let output = gatedProduct(
                            input, gate: gate, up: up, gateBias: gateBias, upBias: upBias, activation: activation,
                            precision: form.precision, form.instructionSet)
                        #expect(
                            firstDifference(output, expected) == nil,
                            "\(rowCount)×\(columnCount), \(activation), \(gateBias != nil), \(upBias != nil)")
                    }
                }
            }
        }
    }

    /// The bound of the product's sum with one rounding more, for the bias.
    @Test("A product with a bias agrees with its twin", arguments: Form.all)
    func twin(_ form: Form) {
        var generator = SeededGenerator(seed: 82)
        for (rowCount, columnCount, depth) in [(1, 70, 300), (7, 40, 31), (13, 65, 257), (25, 31, 64)] {
            let depth = form.format.wholeBlocks(depth)
            let weights = Weights(form.format, rowCount: columnCount, columnCount: depth, using: &generator)
            // Numbers that either precision multiplies as they are.
            let input = generator.bfloat16Numbers(rowCount * depth)
            let bias = generator.floats(columnCount, limit: 20)
            let exact = Twins.matmul(
                input, weights.values, rowCount: rowCount, columnCount: columnCount, depth: depth)
            // K + 1 as in `BFloat16ProductTests.twin`.
            let growth = Double(depth + 2) * roundoff
            let sums = exact.product.indices.map { exact.product[$0] + Double(bias[$0 % columnCount]) }
            let bounds = exact.magnitude.indices.map {
                growth / (1 - growth) * (exact.magnitude[$0] + abs(Double(bias[$0 % columnCount])))
            }
            let output = product(
                input, by: weights, bias: bias, precision: form.precision, threadCount: 2, form.instructionSet)
            #expect(firstError(output, sums, bounds) == nil, "\(rowCount)×\(columnCount)×\(depth)")
            // GELU in either form enlarges an error by at most 1.13, its greatest slope, and is itself off by at most 4u
            // and 10⁻⁹ of its argument (`ActivationTests`). The twin's argument is rounded to Float.
            for activation in [Activation.gelu, .geluTanh] {
                let output = product(
                    input, by: weights, bias: bias, activation: activation, precision: form.precision,
                    form.instructionSet)
                let activated = sums.map { Twins.activate(activation, Float($0)) }
                let allowed = zip(bounds, sums).map {
                    1.13 * ($0 + roundoff * abs($1)) + (4 * roundoff + 1e-9) * abs($1)
                }
                #expect(firstError(output, activated, allowed) == nil, "\(activation)")
            }
        }
    }

    /// Sums are put aside after 4,096 words of a panel, and of a gated product after 2,048; with many rows a worker
    /// has two ranges of them.
    @Test("An ending comes once, after the last block of k", arguments: Form.all)
    func blocksOfDepth(_ form: Form) {
        var generator = SeededGenerator(seed: 83)
        let depth = form.format.wholeBlocks(form.format == .float32 ? 4097 : 8193)
        let columnCount = 33
        let weights = Weights(form.format, rowCount: columnCount, columnCount: depth, using: &generator)
        let up = Weights(form.format, rowCount: columnCount, columnCount: depth, using: &generator)
        let bias = generator.floats(columnCount, limit: 5)
        let upBias = generator.floats(columnCount, limit: 5)
        for (rowCount, threadCount) in [(1, 1), (7, 1), (13, 2), (97, 2)] {
            let input = generator.floats(rowCount * depth, limit: 0.1)
            let sums = product(input, by: weights, precision: form.precision, form.instructionSet)
            let ups = product(input, by: up, precision: form.precision, form.instructionSet)
            let stored = product(
                input, by: weights, bias: bias, activation: .gelu, precision: form.precision, threadCount: threadCount,
                form.instructionSet)
            #expect(
                firstDifference(stored, activate(add(bias, to: sums), .gelu, times: nil, form)) == nil,
                "\(rowCount) rows")
            let gated = gatedProduct(
                input, gate: weights, up: up, gateBias: bias, upBias: upBias, activation: .gelu,
                precision: form.precision, threadCount: threadCount, form.instructionSet)
            #expect(
                firstDifference(gated, activate(add(bias, to: sums), .gelu, times: add(upBias, to: ups), form)) == nil,
                "\(rowCount) rows, gated")
        }
    }
}
