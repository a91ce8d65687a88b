import Foundation
import SIMDKernels
import Safetensors

/// The weights of a safetensors checkpoint: one file, or several with an index.
struct SafetensorsSource: WeightSource {
    private let checkpoint: Checkpoint

    /// Maps and checks all files.
    ///
    /// - Parameter path: A model's directory, or one file.
    /// - Throws: ``CheckpointError/safetensors(_:)``.
    init(path: String) throws(CheckpointError) {
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        do {
            checkpoint = exists && !isDirectory.boolValue ? try Checkpoint(file: path) : try Checkpoint(directory: path)
        } catch { throw .safetensors(error) }
    }

    var path: String { checkpoint.path }

    var storedNames: [String] { checkpoint.tensorNames }

    func tensor(_ name: String) -> StoredTensor? {
        guard checkpoint.contains(name), let tensor = try? checkpoint.tensor(name) else { return nil }
        return StoredTensor(
            name: name, file: tensor.path, shape: tensor.info.shape, typeName: tensor.info.dtype.rawValue,
            format: WeightFormat(tensor.info.dtype), byteCount: tensor.info.byteCount)
    }

    func readRows(
        _ rows: Range<Int>, of tensor: StoredTensor, into target: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) {
        // Rows are contiguous and of one size.
        let rowByteCount = tensor.byteCount / max(tensor.shape.first ?? 1, 1)
        try read((rows.lowerBound * rowByteCount)..<(rows.upperBound * rowByteCount), of: tensor, into: target)
    }

    func floats(of tensor: StoredTensor) throws(CheckpointError) -> [Float] {
        let view = try view(tensor)
        do {
            return try view.floats()
        } catch { throw .safetensors(error) }
    }

    /// Copies bytes of a tensor.
    ///
    /// - Parameters:
    ///   - bytes: Which ones, counted from its beginning; it has them.
    ///   - tensor: The tensor.
    ///   - target: Where they go: as many bytes.
    /// - Throws: ``CheckpointError/safetensors(_:)``.
    func read(
        _ bytes: Range<Int>, of tensor: StoredTensor, into target: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) {
        let view = try view(tensor)
        do {
            try view.read(bytes, into: target)
        } catch { throw .safetensors(error) }
    }

    /// The numbers of a tensor of whole numbers.
    ///
    /// - Throws: ``CheckpointError/safetensors(_:)``, also for a tensor of another type.
    func integers(of tensor: StoredTensor) throws(CheckpointError) -> [Int] {
        let view = try view(tensor)
        do {
            return try view.integers()
        } catch { throw .safetensors(error) }
    }

    private func view(_ tensor: StoredTensor) throws(CheckpointError) -> TensorView {
        do {
            return try checkpoint.tensor(tensor.name)
        } catch { throw .safetensors(error) }
    }
}

extension WeightFormat {
    /// The format of a safetensors type; nil for one that can't be computed with.
    fileprivate init?(_ type: DType) {
        switch type {
        case .float32: self = .float32
        case .bfloat16: self = .bfloat16
        case .float16: self = .float16
        default: return nil
        }
    }
}
