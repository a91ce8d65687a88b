import SIMDKernels

/// The weights of a checkpoint with LoRA adapters merged into them.
///
/// An adapted matrix has the numbers W + scale · (B · A), computed in 32-bit floats while its rows are read: an element of
/// B · A is one chain of fused multiply-adds in ascending order of the rank, as everywhere in the engine, and then come
/// one rounded product and one rounded sum. Several adapters are added one after the other. The result is rounded to the
/// format that W has in the checkpoint, to nearest, unless the caller rounds it to another one: then the source gives the
/// floats. Everything else is the checkpoint's. One matrix's factors are in memory at a time.
struct AdaptedSource: WeightSource {
    /// A matrix that adapters change.
    private struct Matrix {
        let tensor: StoredTensor
        /// W.
        let base: StoredTensor
        let baseFormat: WeightFormat
        var updates: [Update]
    }

    /// What one adapter adds to a matrix.
    private struct Update {
        let adapter: SafetensorsSource
        let factors: LoRAAdapter.Factors

        /// Rows of B, widened.
        func rows(_ rows: Range<Int>) throws(CheckpointError) -> [Float] {
            let up = factors.up
            let bytes = AlignedBuffer(byteCount: up.byteCount(of: [rows]))
            let buffer = UnsafeMutableRawBufferPointer(start: bytes.bytes, count: up.byteCount(of: [rows]))
            try adapter.readRows(rows, of: up, into: buffer)
            return up.format?.widened(UnsafeRawBufferPointer(buffer), count: rows.count * factors.rank) ?? []
        }
    }

    private let base: any WeightSource
    private let adapters: [LoRAAdapter]
    private let matrices: [String: Matrix]
    private let threadCount: Int
    private let instructionSet: InstructionSet

    /// Finds the matrices that adapters change, and checks that they can be changed. Only headers are read.
    ///
    /// - Parameters:
    ///   - base: The checkpoint.
    ///   - adapters: The directories of the adapters.
    ///   - packedFormat: The format to which the caller rounds matrices whose rows are whole blocks of it; nil: none.
    ///   - threadCount: Threads to compute with.
    ///   - instructionSet: What to compute with; the processor must have it.
    /// - Throws: ``CheckpointError`` when an adapter isn't valid, or doesn't fit the checkpoint.
    init(
        _ base: any WeightSource, adapters paths: [String], packedFormat: WeightFormat?, threadCount: Int,
        instructionSet: InstructionSet
    ) throws(CheckpointError) {
        self.base = base
        self.threadCount = threadCount
        self.instructionSet = instructionSet
        var adapters: [LoRAAdapter] = []
        var matrices: [String: Matrix] = [:]
        for path in paths {
            let adapter = try LoRAAdapter(path: path)
            for (module, factors) in adapter.factors {
                let update = Update(adapter: adapter.stored, factors: factors)
                let name = try Self.name(of: module, in: base, factors.down)
                if var matrix = matrices[name] {
                    try Self.check(factors, matrix.base)
                    matrix.updates.append(update)
                    matrices[name] = Self.matrix(matrix.base, matrix.baseFormat, matrix.updates, packedFormat)
                    continue
                }
                guard let tensor = base.tensor(name) else { throw .missingTensor(file: base.path, tensor: name) }
                guard let format = tensor.format else {
                    throw .unsupportedTensorType(file: tensor.file, tensor: name, type: tensor.typeName)
                }
                guard !format.isQuantized else {
                    throw .unsupportedAdapter(
                        file: factors.down.file,
                        feature:
                            "a base model of quantised weights (\(name) is \(tensor.typeName)), not one of 16 or 32 bits"
                    )
                }
                try Self.check(factors, tensor)
                matrices[name] = Self.matrix(tensor, format, [update], packedFormat)
            }
            adapters.append(adapter)
        }
        self.adapters = adapters
        self.matrices = matrices
    }

    /// The name of a module's matrix. Checkpoints and adapters may or may not begin names with `model.`.
    private static func name(
        of module: String, in base: any WeightSource, _ factor: StoredTensor
    ) throws(CheckpointError) -> String {
        let name = module + ".weight"
        let shorter = name.hasPrefix("model.") ? String(name.dropFirst("model.".count)) : name
        for candidate in [name, "model." + name, shorter] where base.tensor(candidate) != nil { return candidate }
        throw .invalidAdapter(
            file: factor.file, reason: "changes the matrix \(name), which the model in \(base.path) doesn't have")
    }

    /// Refuses factors whose product has another shape than the matrix.
    private static func check(_ factors: LoRAAdapter.Factors, _ base: StoredTensor) throws(CheckpointError) {
        guard base.shape.count == 2 else {
            throw .invalidAdapter(file: factors.down.file, reason: "changes \(base.name), which is no matrix")
        }
        let shapes = [(factors.up, [base.shape[0], factors.rank]), (factors.down, [factors.rank, base.shape[1]])]
        for (factor, expected) in shapes where factor.shape != expected {
            throw .wrongShape(file: factor.file, tensor: factor.name, expected: expected, found: factor.shape)
        }
    }

    private static func matrix(
        _ base: StoredTensor, _ format: WeightFormat, _ updates: [Update], _ packedFormat: WeightFormat?
    ) -> Matrix {
        let columnCount = base.shape[1]
        let isRounded = packedFormat.map { columnCount % $0.columnMultiple == 0 } ?? false
        let given = isRounded ? WeightFormat.float32 : format
        let names = updates.flatMap { [$0.factors.down.name, $0.factors.up.name] }
        let tensor = StoredTensor(
            name: base.name, file: base.file, shape: base.shape, typeName: base.typeName, format: given,
            byteCount: base.shape[0] * given.rowByteCount(columnCount: columnCount),
            partNames: base.partNames + names, offset: base.offset)
        return Matrix(tensor: tensor, base: base, baseFormat: format, updates: updates)
    }

    var path: String { base.path }

    /// Those of the checkpoint and of the adapters: a factor of a matrix that the model doesn't use must not be forgotten.
    var storedNames: [String] { base.storedNames + adapters.flatMap(\.stored.storedNames) }

    func tensor(_ name: String) -> StoredTensor? {
        if let tensor = matrices[name]?.tensor ?? base.tensor(name) { return tensor }
        for adapter in adapters { if let tensor = adapter.stored.tensor(name) { return tensor } }
        return nil
    }

    func readRows(
        _ rows: Range<Int>, of tensor: StoredTensor, into target: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) {
        guard let matrix = matrices[tensor.name] else { return try base.readRows(rows, of: tensor, into: target) }
        guard !rows.isEmpty, let start = target.baseAddress else { return }
        let numbers = try merged(rows, of: matrix)
        let count = rows.count * matrix.base.shape[1]
        switch matrix.tensor.format {
        case .bfloat16:
            for index in 0..<count {
                let bits = numbers.floats[index].bfloat16Bits
                start.storeBytes(of: bits.littleEndian, toByteOffset: 2 * index, as: UInt16.self)
            }
        case .float16: _ = RowQuantizer.quantize(numbers.floats, columnCount: count, to: .float16, start)
        default: start.copyMemory(from: numbers.bytes, byteCount: 4 * count)
        }
    }

    func floats(of tensor: StoredTensor) throws(CheckpointError) -> [Float] {
        guard let matrix = matrices[tensor.name], let format = matrix.tensor.format else {
            return try base.floats(of: tensor)
        }
        let bytes = AlignedBuffer(byteCount: matrix.tensor.byteCount)
        let buffer = UnsafeMutableRawBufferPointer(start: bytes.bytes, count: matrix.tensor.byteCount)
        try readRows(0..<matrix.tensor.shape[0], of: matrix.tensor, into: buffer)
        return format.widened(UnsafeRawBufferPointer(buffer), count: matrix.tensor.elementCount)
    }

    /// Rows of W + scale · (B · A), [rows, K].
    private func merged(_ rows: Range<Int>, of matrix: Matrix) throws(CheckpointError) -> AlignedBuffer {
        let columnCount = matrix.base.shape[1]
        let rowByteCount = matrix.baseFormat.rowByteCount(columnCount: columnCount)
        let stored = AlignedBuffer(byteCount: rows.count * rowByteCount)
        let bytes = UnsafeMutableRawBufferPointer(start: stored.bytes, count: rows.count * rowByteCount)
        try base.readRows(rows, of: matrix.base, into: bytes)
        let count = rows.count * columnCount
        let sum = AlignedBuffer(floatCount: count)
        let widened = matrix.baseFormat.widened(UnsafeRawBufferPointer(bytes), count: count)
        for index in 0..<count { sum.floats[index] = widened[index] }
        for update in matrix.updates {
            let product = try product(rows, of: update)
            let scale = update.factors.scale
            for index in 0..<count { sum.floats[index] += scale * product.floats[index] }
        }
        return sum
    }

    /// Rows of B · A, [rows, K].
    private func product(_ rows: Range<Int>, of update: Update) throws(CheckpointError) -> AlignedBuffer {
        let (rank, columnCount) = (update.factors.rank, update.factors.down.shape[1])
        let down = try update.adapter.floats(of: update.factors.down)
        let up = try update.rows(rows)
        // The kernels multiply by the rows of a matrix: those of Aᵀ.
        let transposed = AlignedBuffer(floatCount: columnCount * rank)
        for row in 0..<rank {
            for column in 0..<columnCount { transposed.floats[column * rank + row] = down[row * columnCount + column] }
        }
        let weights = PackedMatrix(
            packing: UnsafeRawBufferPointer(start: transposed.bytes, count: 4 * columnCount * rank), format: .float32,
            rowCount: columnCount, columnCount: rank, threadCount: threadCount, instructionSet: instructionSet)
        let output = AlignedBuffer(floatCount: rows.count * columnCount)
        let packed = AlignedBuffer(
            floatCount: GEMM.packedInputFloatCount(rowCount: rows.count, columnCount: rank))
        let scratchCount = GEMM.scratchFloatCount(maximumRowCount: rows.count)
        let scratch = AlignedBuffer(floatCount: threadCount * scratchCount)
        up.withUnsafeBufferPointer { up in
            guard let first = up.baseAddress else { return }
            Team.run(threadCount: threadCount, instructionSet: instructionSet) { worker in
                let input = GEMM.packInput(
                    first, rowCount: rows.count, columnCount: rank, into: packed.floats,
                    worker: worker)
                worker.barrier()
                GEMM.multiply(
                    input, by: weights, into: output.floats, scratch: scratch.floats + worker.index * scratchCount,
                    worker: worker)
            }
        }
        return output
    }
}

extension Float {
    /// The number rounded to bfloat16, to nearest and ties to even; NaN stays NaN.
    fileprivate var bfloat16Bits: UInt16 {
        if isNaN { return UInt16(truncatingIfNeeded: bitPattern >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bitPattern + 0x7fff + (bitPattern >> 16 & 1)) >> 16)
    }
}
