#if !hasFeature(Embedded)
    import LongLMEvaluation
    import SIMDKernels
    import TestSupport
#endif

extension KernelBits {
    /// N: two whole panels and a part of one.
    private static var width: Int { 75 }
    /// M: one row, and what is left over from each tile of every target.
    private static var rowCounts: [Int] { [1, 2, 3, 5, 7, 11, 13] }

    /// GEMM and GEMV of every format, in every precision that all targets have, and rows that are looked up.
    mutating func addProducts() {
        for format in WeightFormat.allCases {
            let depth = format.isQuantized ? 512 : 327
            var generator = SeededGenerator(seed: 1)
            let weights = matrix(format, depth: depth, using: &generator)
            for precision in [Precision.float32, .int8] where precision.reads(format) {
                var hash = LogitHash()
                for rowCount in Self.rowCounts {
                    let input = generator.uniform(rowCount * depth)
                    if splitsReductions && format == .float32 {
                        hash.add(splitProduct(input, rowCount: rowCount, depth: depth))
                    } else {
                        hash.add(product(input, rowCount: rowCount, by: weights, precision))
                    }
                }
                add("product \(format.rawValue) \(precision.rawValue)", hash)
            }
            var row = LogitHash()
            let output = Floats(count: depth)
            for index in [0, 31, Self.width - 1] {
                withExtendedLifetime(weights) { weights.copyRow(index, to: output.pointer) }
                row.add(output.values)
            }
            add("row \(format.rawValue)", row)
        }
        // So many rows that each worker owns some of them.
        var generator = SeededGenerator(seed: 2)
        for (format, precision) in [(WeightFormat.float32, Precision.float32), (.q4K, .float32), (.q4K, .int8)] {
            let weights = matrix(format, depth: 256, using: &generator)
            var hash = LogitHash()
            hash.add(product(generator.uniform(150 * 256), rowCount: 150, by: weights, precision))
            add("many rows \(format.rawValue) \(precision.rawValue)", hash)
        }
        for format in [WeightFormat.bfloat16, .q80, .q40] {
            let floats = matrix(.float32, storedFormat: format, depth: 128, using: &generator)
            var hash = LogitHash()
            hash.add(product(generator.uniform(3 * 128), rowCount: 3, by: floats, .float32))
            add("rounded \(format.rawValue)", hash)
        }
    }

    /// Every activation, gates, biases, and results that are added.
    mutating func addEndings() {
        let depth = 64
        var generator = SeededGenerator(seed: 3)
        let gate = matrix(.float32, depth: depth, using: &generator)
        let up = matrix(.float32, depth: depth, using: &generator)
        let codes = matrix(.q41, depth: depth, using: &generator)
        let bias = Floats(generator.uniform(Self.width))
        let activations: [(String, Activation)] = [
            ("identity", .identity), ("silu", .silu), ("gelu", .gelu), ("geluTanh", .geluTanh),
            ("softCap", .softCap(3)),
        ]
        for (name, activation) in activations {
            var hash = LogitHash()
            for rowCount in [1, 5] {
                let input = generator.uniform(rowCount * depth, limit: 2)
                hash.add(
                    product(input, rowCount: rowCount, by: gate, .float32, bias: bias, activation, adding: true))
                hash.add(gated(input, rowCount: rowCount, gate, up, bias: bias, activation))
                hash.add(gated(input, rowCount: rowCount, codes, codes, bias: bias, activation))
                hash.add(gated(input, rowCount: rowCount, codes, up, bias: bias, activation))
            }
            add("activation \(name)", hash)
        }
    }

    // MARK: One product

    private func product(
        _ input: [Float], rowCount: Int, by weights: PackedMatrix, _ precision: Precision, bias: Floats? = nil,
        _ activation: Activation = .identity, adding: Bool = false
    ) -> [Float] {
        let output = Floats([Float](repeating: 0.25, count: rowCount * Self.width))
        let memory = [output] + (bias.map { [$0] } ?? [])
        multiply(input, rowCount: rowCount, depth: weights.columnCount, precision, keeping: memory) {
            packed, scratch, worker in
            GEMM.multiply(
                packed, by: weights, bias: bias.map { UnsafePointer($0.pointer) }, activation: activation,
                into: output.pointer, adding: adding, scratch: scratch, worker: worker)
        }
        return withExtendedLifetime(weights) { output.values }
    }

    private func gated(
        _ input: [Float], rowCount: Int, _ gate: PackedMatrix, _ up: PackedMatrix, bias: Floats,
        _ activation: Activation
    ) -> [Float] {
        let output = Floats(count: rowCount * Self.width)
        multiply(input, rowCount: rowCount, depth: gate.columnCount, .float32, keeping: [output, bias]) {
            packed, scratch, worker in
            GEMM.multiplyGated(
                packed, gate: gate, up: up, gateBias: bias.pointer, activation: activation, into: output.pointer,
                scratch: scratch, worker: worker)
        }
        return withExtendedLifetime((gate, up)) { output.values }
    }

    private func multiply(
        _ input: [Float], rowCount: Int, depth: Int, _ precision: Precision, keeping memory: [Floats],
        _ body: (PackedInput, UnsafeMutablePointer<Float>, Worker) -> Void
    ) {
        let rows = Floats(input)
        let packed = Floats(count: GEMM.packedInputFloatCount(rowCount: rowCount, columnCount: depth))
        let scratches = (0..<threadCount).map { _ in
            Floats(count: GEMM.scratchFloatCount(maximumRowCount: rowCount))
        }
        runTeam(keeping: scratches + memory + [rows, packed]) { worker in
            let packedInput = GEMM.packInput(
                rows.pointer, rowCount: rowCount, columnCount: depth, precision: precision, into: packed.pointer,
                worker: worker)
            worker.barrier()
            body(packedInput, scratches[worker.index].pointer, worker)
        }
    }

    /// The product of ``addProducts()`` as a sum of two chains.
    private func splitProduct(_ input: [Float], rowCount: Int, depth: Int) -> [Float] {
        var generator = SeededGenerator(seed: 1)
        let numbers = generator.uniform(Self.width * depth)
        var sums = [Float](repeating: 0, count: rowCount * Self.width)
        for columns in [0..<(depth / 2), (depth / 2)..<depth] {
            func part(_ values: [Float], _ count: Int) -> [Float] {
                (0..<count).flatMap { row in columns.map { values[row * depth + $0] } }
            }
            let weights = packed(bytes(part(numbers, Self.width)), .float32, nil, depth: columns.count)
            let products = product(part(input, rowCount), rowCount: rowCount, by: weights, .float32)
            for index in 0..<sums.count { sums[index] += products[index] }
        }
        return sums
    }

    // MARK: Weights

    private func matrix(
        _ format: WeightFormat, storedFormat: WeightFormat? = nil, depth: Int, using generator: inout SeededGenerator
    ) -> PackedMatrix {
        var rows: [UInt8] = []
        switch format {
        case .float32: rows = bytes(generator.uniform(Self.width * depth))
        case .bfloat16, .float16:
            for number in generator.uniform(Self.width * depth) {
                // The upper half of a float, or its bits with an exponent from −5 to 0.
                let upper = UInt16(truncatingIfNeeded: number.bitPattern >> 16)
                let half = upper & 0x83ff | (10 + upper % 6) << 10
                let word = format == .bfloat16 ? upper : half
                rows += [UInt8(truncatingIfNeeded: word), UInt8(truncatingIfNeeded: word >> 8)]
            }
        default:
            for _ in 0..<(Self.width * depth / format.columnMultiple) {
                rows += format.randomBlock(exponents: 5...9, wholeScales: true, using: &generator)
            }
        }
        return packed(rows, format, storedFormat, depth: depth)
    }

    private func packed(
        _ rows: [UInt8], _ format: WeightFormat, _ storedFormat: WeightFormat?, depth: Int
    ) -> PackedMatrix {
        rows.withUnsafeBytes {
            PackedMatrix(
                packing: $0, format: format, storedFormat: storedFormat, rowCount: Self.width, columnCount: depth,
                threadCount: threadCount, instructionSet: instructionSet)
        }
    }

    private func bytes(_ numbers: [Float]) -> [UInt8] {
        numbers.flatMap { number in
            (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> UInt32(8 * $0)) }
        }
    }
}
