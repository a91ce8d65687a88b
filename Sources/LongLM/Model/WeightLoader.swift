import SIMDKernels
import Safetensors

/// Takes weights out of a checkpoint by name, checks their shapes and packs them.
final class WeightLoader {
    private let checkpoint: Checkpoint
    private let totalByteCount: Int
    private let storedType: ElementType?
    private let threadCount: Int
    private let instructionSet: InstructionSet
    private let progress: ((Double) -> Void)?
    private let arena = BufferArena()
    private var loadedByteCount = 0
    private var takenNames: Set<String> = []
    /// The memory that all packed weights take.
    private(set) var packedByteCount = 0

    /// Opens a checkpoint.
    ///
    /// - Parameter storedType: How matrices are stored; nil: as in the checkpoint.
    init(
        directory: String, storedType: ElementType?, threadCount: Int, instructionSet: InstructionSet,
        progress: ((Double) -> Void)?
    ) throws(ModelError) {
        do {
            checkpoint = try Checkpoint(directory: directory)
        } catch { throw .checkpoint(error) }
        totalByteCount = max(checkpoint.byteCount, 1)
        self.storedType = storedType
        self.threadCount = threadCount
        self.instructionSet = instructionSet
        self.progress = progress
    }

    /// A [rowCount, columnCount] matrix of 32-bit floats, bfloat16 or half-precision numbers.
    func matrix(_ name: String, rowCount: Int, columnCount: Int) throws(ModelError) -> PackedMatrix {
        let tensor = try tensor(name, shape: [rowCount, columnCount])
        let elementType: ElementType
        switch tensor.info.dtype {
        case .float32: elementType = .float32
        case .bfloat16: elementType = .bfloat16
        case .float16: elementType = .float16
        default:
            throw .unsupportedElementType(file: tensor.path, tensor: name, type: tensor.info.dtype.rawValue)
        }
        let rowByteCount = columnCount * elementType.byteCount
        var readRows = 0
        let matrix = tensor.withUnsafeBytes { bytes in
            PackedMatrix(
                packing: bytes, elementType: elementType, storedType: storedType, rowCount: rowCount,
                columnCount: columnCount, threadCount: threadCount, instructionSet: instructionSet, arena: arena
            ) { rows in
                // Given back piece by piece, so that a large matrix is not in memory twice.
                tensor.discardResidentPages((readRows * rowByteCount)..<(rows * rowByteCount))
                loadedByteCount += (rows - readRows) * rowByteCount
                readRows = rows
                progress?(Double(loadedByteCount) / Double(totalByteCount))
            }
        }
        finish(tensor, packedByteCount: matrix.byteCount)
        return matrix
    }

    /// A vector of `count` numbers, as 32-bit floats.
    func vector(_ name: String, count: Int) throws(ModelError) -> AlignedBuffer {
        let tensor = try tensor(name, shape: [count])
        let values: [Float]
        do {
            values = try tensor.floats()
        } catch {
            throw .unsupportedElementType(file: tensor.path, tensor: name, type: tensor.info.dtype.rawValue)
        }
        let buffer = AlignedBuffer(floatCount: count)
        buffer.floats.update(from: values, count: count)
        tensor.discardResidentPages(0..<tensor.info.byteCount)
        loadedByteCount += tensor.info.byteCount
        progress?(Double(loadedByteCount) / Double(totalByteCount))
        finish(tensor, packedByteCount: buffer.byteCount)
        return buffer
    }

    /// Refuses a checkpoint with tensors that nobody took, such as biases: they would change the result.
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

    private func finish(_ tensor: TensorView, packedByteCount count: Int) {
        packedByteCount += count
        takenNames.insert(tensor.info.name)
    }
}
