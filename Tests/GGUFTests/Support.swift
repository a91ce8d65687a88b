import GGUF
import TestSupport
import Testing

func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

func string(_ text: String) -> [UInt8] { littleEndian(UInt64(text.utf8.count)) + Array(text.utf8) }

/// What a call throws; nil when it doesn't.
func thrown<Value>(_ body: () throws(GGUFError) -> Value) -> GGUFError? {
    do throws(GGUFError) {
        _ = try body()
        return nil
    } catch { return error }
}

/// The beginning of a file of version 3: magic, version and counts.
func beginning(tensors: UInt64 = 0, keys: UInt64 = 0, version: UInt32 = 3) -> [UInt8] {
    Array("GGUF".utf8) + littleEndian(version) + littleEndian(tensors) + littleEndian(keys)
}

/// A key with a value of one byte.
func byteKey(_ key: String, _ value: UInt8 = 1) -> [UInt8] { string(key) + littleEndian(UInt32(0)) + [value] }

/// What a header says of a tensor; dimensions innermost first, as in the file.
func tensor(_ name: String, _ dimensions: [UInt64], type: UInt32 = 0, offset: UInt64 = 0) -> [UInt8] {
    string(name) + littleEndian(UInt32(dimensions.count)) + dimensions.flatMap { littleEndian($0) }
        + littleEndian(type) + littleEndian(offset)
}

/// A header filled up to a multiple of the alignment, and data behind it.
func file(_ header: [UInt8], data: Int, alignment: Int = 32) -> [UInt8] {
    header + [UInt8](repeating: 0, count: (alignment - header.count % alignment) % alignment + data)
}

/// Expects that contents are refused with an error about the file `f`.
func expectRefusal(_ bytes: [UInt8], _ expected: GGUFError, sourceLocation: SourceLocation = #_sourceLocation) {
    let error = thrown { () throws(GGUFError) in try GGUFFile(bytes: bytes, name: "f") }
    #expect(error == expected, sourceLocation: sourceLocation)
}

/// A file's keys as text, for comparing whole values.
func text(_ value: GGUFValue) -> String {
    switch value {
    case .array(let array): "\(array.elementType.name)[\(array.elements.map(text).joined(separator: ", "))]"
    case .string(let string): "\"\(string)\""
    case .uint8(let value): "\(value)"
    case .int8(let value): "\(value)"
    case .uint16(let value): "\(value)"
    case .int16(let value): "\(value)"
    case .uint32(let value): "\(value)"
    case .int32(let value): "\(value)"
    case .float32(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .uint64(let value): "\(value)"
    case .int64(let value): "\(value)"
    case .float64(let value): "\(value)"
    }
}
