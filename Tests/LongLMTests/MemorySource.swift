import Foundation
import LongLM
import SIMDKernels
import Synchronization
import TestSupport

/// Weights in memory, which no file and no directory holds.
final class MemorySource: WeightSource {
    /// A stored tensor's shape and its bytes, row after row.
    struct Entry {
        var shape: [Int]
        var format: WeightFormat? = .float32
        var bytes: [UInt8]
        var offset: Float = 0
    }

    private let entries: [String: Entry]
    /// Tensors that are made of several stored ones, whose rows follow each other.
    private let assembled: [String: [String]]
    /// A tensor whose numbers can't be read.
    private let unreadable: String?
    private let read = Mutex<[String: Int]>([:])

    init(_ entries: [String: Entry], assembled: [String: [String]] = [:], unreadable: String? = nil) {
        self.entries = entries
        self.assembled = assembled
        self.unreadable = unreadable
    }

    /// How many rows of each tensor were read.
    var readRowCounts: [String: Int] { read.withLock { $0 } }

    var path: String { "memory" }

    var storedNames: [String] { entries.keys.sorted() }

    private func entry(_ name: String) -> Entry? {
        guard let parts = assembled[name]?.compactMap({ entries[$0] }), var whole = parts.first else {
            return entries[name]
        }
        for part in parts.dropFirst() {
            whole.shape[0] += part.shape[0]
            whole.bytes += part.bytes
        }
        return whole
    }

    func tensor(_ name: String) -> StoredTensor? {
        entry(name).map {
            StoredTensor(
                name: name, file: "memory", shape: $0.shape, typeName: "\($0.format?.rawValue ?? "words")",
                format: $0.format, byteCount: $0.bytes.count, partNames: assembled[name],
                offset: $0.offset)
        }
    }

    func readRows(
        _ rows: Range<Int>, of tensor: StoredTensor, into target: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) {
        guard tensor.name != unreadable, let entry = entry(tensor.name) else {
            throw .missingTensor(file: path, tensor: tensor.name)
        }
        let rowByteCount = entry.bytes.count / entry.shape[0]
        target.copyBytes(from: entry.bytes[(rows.lowerBound * rowByteCount)..<(rows.upperBound * rowByteCount)])
        read.withLock { $0[tensor.name, default: 0] += rows.count }
    }

    func floats(of tensor: StoredTensor) throws(CheckpointError) -> [Float] {
        var bytes = [UInt8](repeating: 0, count: tensor.byteCount)
        var failure: CheckpointError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(CheckpointError) {
                try readRows(0..<(tensor.shape.first ?? 0), of: tensor, into: buffer)
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes.withUnsafeBytes { bytes in
            (0..<tensor.elementCount).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
    }
}

extension MemorySource.Entry {
    /// A tensor of 32-bit floats.
    init(_ tensor: TinyLlama.Tensor) {
        self.init(shape: tensor.shape, bytes: tensor.values.flatMap(TinyLlama.Storage.float32.bytes))
    }
}

extension TinyLlama {
    /// Its weights by name.
    var entries: [String: MemorySource.Entry] {
        Dictionary(uniqueKeysWithValues: tensors().map { ($0.name, MemorySource.Entry($0)) })
    }

    /// The model with its weights in a source.
    func checkpoint(_ source: MemorySource) throws -> ModelCheckpoint {
        let json = Data(jsonObject(configuration).utf8)
        return ModelCheckpoint(
            configuration: try ModelConfiguration(json: json, file: "memory"), endTokens: [], source: source,
            configurationHash: 0)
    }
}
