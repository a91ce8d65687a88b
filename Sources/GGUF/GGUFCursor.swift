internal import FileReading

/// A place in a file's bytes that moves forward. Nothing is read beyond `end`.
struct GGUFCursor {
    private let bytes: UnsafeRawBufferPointer
    /// Where the next value lies.
    private(set) var offset: Int
    private let end: Int

    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.bytes = bytes
        offset = range.lowerBound
        end = range.upperBound
    }

    /// How many bytes are left.
    var remaining: Int { end - offset }

    /// The next number; nil when too few bytes are left.
    mutating func integer<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number? {
        let size = MemoryLayout<Number>.size
        guard size <= remaining else { return nil }
        defer { offset += size }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    /// The next bytes; nil when too few are left.
    mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count >= 0, count <= remaining else { return nil }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)])
    }
}

extension GGUFCursor {
    // Values that have been checked before: they lie in the file and are what their type says.

    /// The next number.
    private mutating func checked<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number {
        guard let number = integer(Number.self) else { preconditionFailure("the value was checked") }
        return number
    }

    /// The next text.
    mutating func checkedString() -> String {
        guard let text = take(Int(checked(UInt64.self))) else { preconditionFailure("the value was checked") }
        return String(decoding: text, as: UTF8.self)
    }

    /// The next value.
    mutating func checkedValue(_ type: GGUFValueType, _ mapping: MappedFile) -> GGUFValue {
        switch type {
        case .uint8: return .uint8(checked())
        case .int8: return .int8(checked())
        case .uint16: return .uint16(checked())
        case .int16: return .int16(checked())
        case .uint32: return .uint32(checked())
        case .int32: return .int32(checked())
        case .float32: return .float32(Float(bitPattern: checked()))
        case .bool: return .bool(checked(UInt8.self) != 0)
        case .string: return .string(checkedString())
        case .uint64: return .uint64(checked())
        case .int64: return .int64(checked())
        case .float64: return .float64(Double(bitPattern: checked()))
        case .array:
            guard let elementType = GGUFValueType(rawValue: checked()) else {
                preconditionFailure("the value was checked")
            }
            let count = Int(checked(UInt64.self))
            let start = offset
            skipChecked(elementType, count: count)
            return .array(
                GGUFArray(elementType: elementType, count: count, mapping: mapping, range: start..<offset))
        }
    }

    /// Passes over the elements of an array.
    private mutating func skipChecked(_ type: GGUFValueType, count: Int) {
        if let size = type.byteCount {
            offset += count * size
            return
        }
        for _ in 0..<count {
            if type == .string {
                offset += Int(checked(UInt64.self))
            } else if let elementType = GGUFValueType(rawValue: checked()) {
                skipChecked(elementType, count: Int(checked(UInt64.self)))
            }
        }
    }
}
