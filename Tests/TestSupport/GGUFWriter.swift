import Foundation
import GGUF

/// Writes small GGUF files for tests. It checks nothing, so that it can also write what a reader must refuse.
package struct GGUFWriter {
    /// A value of the metadata.
    package indirect enum Value {
        case uint8(UInt8), int8(Int8), uint16(UInt16), int16(Int16), uint32(UInt32), int32(Int32), uint64(UInt64)
        case int64(Int64), float32(Float), float64(Double), bool(Bool), string(String)
        case array(GGUFValueType, [Value])
        /// A type and the bytes of the value.
        case raw(UInt32, [UInt8])

        /// The number of the type.
        var type: UInt32 {
            switch self {
            case .uint8: 0
            case .int8: 1
            case .uint16: 2
            case .int16: 3
            case .uint32: 4
            case .int32: 5
            case .float32: 6
            case .bool: 7
            case .string: 8
            case .array: 9
            case .uint64: 10
            case .int64: 11
            case .float64: 12
            case .raw(let type, _): type
            }
        }

        var bytes: [UInt8] {
            switch self {
            case .uint8(let value): littleEndian(value)
            case .int8(let value): littleEndian(value)
            case .uint16(let value): littleEndian(value)
            case .int16(let value): littleEndian(value)
            case .uint32(let value): littleEndian(value)
            case .int32(let value): littleEndian(value)
            case .uint64(let value): littleEndian(value)
            case .int64(let value): littleEndian(value)
            case .float32(let value): littleEndian(value.bitPattern)
            case .float64(let value): littleEndian(value.bitPattern)
            case .bool(let value): [value ? 1 : 0]
            case .string(let value): GGUFWriter.string(value)
            case .array(let type, let elements):
                littleEndian(type.rawValue) + littleEndian(UInt64(elements.count)) + elements.flatMap(\.bytes)
            case .raw(_, let bytes): bytes
            }
        }
    }

    private struct Tensor {
        let name: String
        let type: UInt32
        /// Innermost first.
        let dimensions: [UInt64]
        let bytes: [UInt8]
    }

    package var version: UInt32 = 3
    /// What the tensors are aligned to; it isn't written as a key.
    package var alignment = 32
    package var entries: [(key: String, value: Value)] = []
    private var tensors: [Tensor] = []

    package init() {}

    /// Adds a tensor.
    ///
    /// - Parameter shape: Outermost first, as everywhere but in the file.
    package mutating func add(_ name: String, _ type: GGUFTensorType, shape: [Int], _ bytes: [UInt8]) {
        tensors.append(
            Tensor(name: name, type: type.rawValue, dimensions: shape.reversed().map(UInt64.init), bytes: bytes))
    }

    /// Takes a tensor out, and returns its bytes; nil when there is none of this name.
    @discardableResult
    package mutating func remove(_ name: String) -> [UInt8]? {
        tensors.firstIndex { $0.name == name }.map { tensors.remove(at: $0).bytes }
    }

    /// Replaces tensors.
    ///
    /// - Parameter replacement: Given a tensor's name and shape, its new type and bytes; nil: it stays.
    package mutating func replace(_ replacement: (String, [Int]) throws -> (GGUFTensorType, [UInt8])?) rethrows {
        tensors = try tensors.map { tensor in
            let shape = tensor.dimensions.reversed().map { Int($0) }
            guard let (type, bytes) = try replacement(tensor.name, shape) else { return tensor }
            return Tensor(name: tensor.name, type: type.rawValue, dimensions: tensor.dimensions, bytes: bytes)
        }
    }

    /// Adds a tensor of 32-bit floats.
    package mutating func add(_ name: String, shape: [Int], _ numbers: [Float]) {
        add(name, .float32, shape: shape, numbers.flatMap { littleEndian($0.bitPattern) })
    }

    /// The file's contents.
    package var bytes: [UInt8] {
        var header = Array("GGUF".utf8) + littleEndian(version)
        header += littleEndian(UInt64(tensors.count)) + littleEndian(UInt64(entries.count))
        for (key, value) in entries { header += Self.string(key) + littleEndian(value.type) + value.bytes }
        var data: [UInt8] = []
        for tensor in tensors {
            header += Self.string(tensor.name) + littleEndian(UInt32(tensor.dimensions.count))
            header += tensor.dimensions.flatMap { littleEndian($0) } + littleEndian(tensor.type)
            header += littleEndian(UInt64(data.count))
            data += tensor.bytes + padding(after: tensor.bytes.count)
        }
        return tensors.isEmpty ? header : header + padding(after: header.count) + data
    }

    private func padding(after count: Int) -> [UInt8] {
        [UInt8](repeating: 0, count: (alignment - count % alignment) % alignment)
    }

    /// A string as the file has it.
    package static func string(_ text: String) -> [UInt8] { littleEndian(UInt64(text.utf8.count)) + Array(text.utf8) }
}

/// The bytes of a number, the least first.
private func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}
