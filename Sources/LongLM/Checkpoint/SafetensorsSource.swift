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

    func withRows<Result>(
        _ rows: Range<Int>, of tensor: StoredTensor, _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(CheckpointError) -> Result {
        try view(tensor).withUnsafeBytes { bytes in
            body(UnsafeRawBufferPointer(rebasing: bytes[byteRange(of: rows, in: tensor)]))
        }
    }

    func discardRows(_ rows: Range<Int>, of tensor: StoredTensor) {
        // Only a hint, so a tensor that isn't there needs no error.
        try? view(tensor).discardResidentPages(byteRange(of: rows, in: tensor))
    }

    func floats(of tensor: StoredTensor) throws(CheckpointError) -> [Float] {
        let view = try view(tensor)
        do {
            return try view.floats()
        } catch { throw .safetensors(error) }
    }

    private func view(_ tensor: StoredTensor) throws(CheckpointError) -> TensorView {
        do {
            return try checkpoint.tensor(tensor.name)
        } catch { throw .safetensors(error) }
    }

    private func byteRange(of rows: Range<Int>, in tensor: StoredTensor) -> Range<Int> {
        // Rows are contiguous and of one size.
        let rowByteCount = tensor.byteCount / max(tensor.shape.first ?? 1, 1)
        return (rows.lowerBound * rowByteCount)..<(rows.upperBound * rowByteCount)
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
