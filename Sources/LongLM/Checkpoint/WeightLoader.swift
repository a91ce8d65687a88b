import SIMDKernels
import Safetensors

/// Takes weights out of a checkpoint by name, checks their shapes and packs them.
final class WeightLoader {
    private let checkpoint: Checkpoint
    private let totalByteCount: Int
    private let storedFormat: WeightFormat?
    private let threadCount: Int
    private let instructionSet: InstructionSet
    private let progress: ((Double) -> Void)?
    /// Whether nothing is packed and no number read.
    private let isMeasuring: Bool
    private let arena = BufferArena()
    private var loadedByteCount = 0
    private var takenNames: Set<String> = []
    /// The memory that all packed weights take.
    private(set) var packedByteCount = 0
    /// Learns how much of the memory has been taken.
    var reservation: MemoryReservation?

    /// Opens a checkpoint.
    ///
    /// - Parameter storedFormat: How matrices are stored; nil: as in the checkpoint.
    init(
        directory: String, storedFormat: WeightFormat?, threadCount: Int, instructionSet: InstructionSet,
        progress: ((Double) -> Void)?
    ) throws(ModelError) {
        do {
            checkpoint = try Checkpoint(directory: directory)
        } catch { throw .checkpoint(error) }
        totalByteCount = max(checkpoint.byteCount, 1)
        self.storedFormat = storedFormat
        self.threadCount = threadCount
        self.instructionSet = instructionSet
        self.progress = progress
        isMeasuring = false
    }

    /// A loader of the same checkpoint that packs nothing. Its matrices have sizes alone and its vectors are zeros, so
    /// that a family can take all of its weights, with all checks of names, shapes and types, before there is memory for
    /// them; ``packedByteCount`` is then what another loader will pack.
    init(measuring other: WeightLoader) {
        checkpoint = other.checkpoint
        totalByteCount = other.totalByteCount
        storedFormat = other.storedFormat
        threadCount = other.threadCount
        instructionSet = other.instructionSet
        progress = nil
        isMeasuring = true
    }

    /// Whether the checkpoint has a tensor.
    func contains(_ name: String) -> Bool { checkpoint.files.contains { $0.tensorNames.contains(name) } }

    /// A [rowCount, columnCount] matrix of 32-bit floats, bfloat16 or half-precision numbers.
    func matrix(_ name: String, rowCount: Int, columnCount: Int) throws(ModelError) -> PackedMatrix {
        try rows(name, rowCount: rowCount, columnCount: columnCount).matrix(rows: [0..<rowCount])
    }

    /// A [rowCount, columnCount] matrix whose rows are taken in parts, as those of fused projections are.
    func rows(_ name: String, rowCount: Int, columnCount: Int) throws(ModelError) -> MatrixRows {
        let tensor = try tensor(name, shape: [rowCount, columnCount])
        let format: WeightFormat
        switch tensor.info.dtype {
        case .float32: format = .float32
        case .bfloat16: format = .bfloat16
        case .float16: format = .float16
        default:
            throw .unsupportedTensorType(file: tensor.path, tensor: name, type: tensor.info.dtype.rawValue)
        }
        takenNames.insert(name)
        return MatrixRows(loader: self, tensor: tensor, format: format, columnCount: columnCount)
    }

    /// The rows of one tensor.
    struct MatrixRows {
        fileprivate let loader: WeightLoader
        fileprivate let tensor: TensorView
        fileprivate let format: WeightFormat
        fileprivate let columnCount: Int

        /// Packs some rows, in the order of the ranges, each of which is taken once in all.
        func matrix(rows ranges: [Range<Int>]) -> PackedMatrix {
            loader.pack(self, ranges)
        }
    }

    private func pack(_ source: MatrixRows, _ ranges: [Range<Int>]) -> PackedMatrix {
        if isMeasuring {
            let matrix = PackedMatrix(
                sizedFor: storedFormat ?? source.format, rowCount: ranges.reduce(0) { $0 + $1.count },
                columnCount: source.columnCount)
            count(matrix.byteCount)
            return matrix
        }
        let rowByteCount = source.format.rowByteCount(columnCount: source.columnCount)
        func pack(_ bytes: UnsafeRawBufferPointer, rowCount: Int, progress: (Int) -> Void) -> PackedMatrix {
            PackedMatrix(
                packing: bytes, format: source.format, storedFormat: storedFormat, rowCount: rowCount,
                columnCount: source.columnCount, threadCount: threadCount, instructionSet: instructionSet,
                arena: arena, progress: progress)
        }
        let matrix = source.tensor.withUnsafeBytes { bytes in
            if ranges.count == 1, let range = ranges.first {
                let first = range.lowerBound * rowByteCount
                var readRows = 0
                let part = UnsafeRawBufferPointer(rebasing: bytes[first..<(range.upperBound * rowByteCount)])
                return pack(part, rowCount: range.count) { rows in
                    // Given back piece by piece, so that a large matrix is not in memory twice.
                    source.tensor.discardResidentPages(
                        (first + readRows * rowByteCount)..<(first + rows * rowByteCount))
                    report((rows - readRows) * rowByteCount)
                    readRows = rows
                }
            }
            // Gathered first: such matrices are small parts of a checkpoint.
            var gathered: [UInt8] = []
            for range in ranges {
                gathered += bytes[(range.lowerBound * rowByteCount)..<(range.upperBound * rowByteCount)]
            }
            report(gathered.count)
            return gathered.withUnsafeBytes { pack($0, rowCount: gathered.count / rowByteCount) { _ in } }
        }
        count(matrix.byteCount)
        return matrix
    }

    private func count(_ byteCount: Int) {
        packedByteCount += byteCount
        reservation?.usedByteCount = packedByteCount
    }

    private func report(_ byteCount: Int) {
        loadedByteCount += byteCount
        progress?(Double(loadedByteCount) / Double(totalByteCount))
    }

    /// A vector of `count` numbers, as 32-bit floats.
    func vector(_ name: String, count: Int) throws(ModelError) -> AlignedBuffer {
        let tensor = try tensor(name, shape: [count])
        let types: [DType] = [.float32, .bfloat16, .float16]
        guard types.contains(tensor.info.dtype) else {
            throw .unsupportedTensorType(file: tensor.path, tensor: name, type: tensor.info.dtype.rawValue)
        }
        let buffer = AlignedBuffer(floatCount: count)
        if isMeasuring {
            // Norms add to their weights.
            buffer.floats.initialize(repeating: 0, count: count)
        } else {
            let values: [Float]
            do {
                values = try tensor.floats()
            } catch { throw .checkpoint(error) }
            buffer.floats.update(from: values, count: count)
            tensor.discardResidentPages(0..<tensor.info.byteCount)
            report(tensor.info.byteCount)
        }
        self.count(buffer.byteCount)
        takenNames.insert(name)
        return buffer
    }

    /// Refuses a checkpoint with tensors that nobody took, such as biases of a family that has none: they would change the result.
    ///
    /// - Parameter ignoring: Tensors that change nothing.
    func finishLoading(ignoring isRedundant: (String) -> Bool) throws(ModelError) {
        for file in checkpoint.files {
            for name in file.tensorNames where !takenNames.contains(name) && !isRedundant(name) {
                throw .unexpectedTensor(file: file.path, tensor: name)
            }
        }
    }

    private func tensor(_ name: String, shape: [Int]) throws(ModelError) -> TensorView {
        if Task.isCancelled { throw .cancelled }
        let tensor: TensorView
        do {
            tensor = try checkpoint.tensor(name)
        } catch { throw .checkpoint(error) }
        guard tensor.info.shape == shape else {
            throw .wrongShape(file: tensor.path, tensor: name, expected: shape, found: tensor.info.shape)
        }
        return tensor
    }
}

extension AlignedBuffer {
    /// Some of the floats, in the order of the ranges.
    func gathering(_ ranges: [Range<Int>]) -> AlignedBuffer {
        let gathered = AlignedBuffer(floatCount: ranges.reduce(0) { $0 + $1.count })
        var count = 0
        for range in ranges {
            (gathered.floats + count).update(from: floats + range.lowerBound, count: range.count)
            count += range.count
        }
        return gathered
    }
}
