internal import FileReading

/// The types that a value of the metadata can have.
public enum GGUFValueType: UInt32, Sendable, CaseIterable {
    /// An unsigned integer of 8 bits.
    case uint8 = 0
    /// A signed integer of 8 bits.
    case int8 = 1
    /// An unsigned integer of 16 bits.
    case uint16 = 2
    /// A signed integer of 16 bits.
    case int16 = 3
    /// An unsigned integer of 32 bits.
    case uint32 = 4
    /// A signed integer of 32 bits.
    case int32 = 5
    /// A 32-bit float.
    case float32 = 6
    /// A truth value in one byte, 0 or 1.
    case bool = 7
    /// A text in UTF-8.
    case string = 8
    /// A list of values of one type.
    case array = 9
    /// An unsigned integer of 64 bits.
    case uint64 = 10
    /// A signed integer of 64 bits.
    case int64 = 11
    /// A 64-bit float.
    case float64 = 12

    /// The name of the type in the format's description, such as `u32`.
    public var name: String {
        switch self {
        case .uint8: "u8"
        case .int8: "i8"
        case .uint16: "u16"
        case .int16: "i16"
        case .uint32: "u32"
        case .int32: "i32"
        case .float32: "f32"
        case .bool: "bool"
        case .string: "string"
        case .array: "array"
        case .uint64: "u64"
        case .int64: "i64"
        case .float64: "f64"
        }
    }

    /// The bytes that a value takes; nil for strings and arrays, whose sizes differ.
    var byteCount: Int? {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        case .string, .array: nil
        }
    }

    /// The fewest bytes that a value takes.
    var leastByteCount: Int {
        switch self {
        case .string: 8  // its length
        case .array: 12  // the type and the number of its elements
        default: byteCount ?? 0
        }
    }
}

/// A value of the metadata.
public enum GGUFValue: Sendable {
    /// An unsigned integer of 8 bits.
    case uint8(UInt8)
    /// A signed integer of 8 bits.
    case int8(Int8)
    /// An unsigned integer of 16 bits.
    case uint16(UInt16)
    /// A signed integer of 16 bits.
    case int16(Int16)
    /// An unsigned integer of 32 bits.
    case uint32(UInt32)
    /// A signed integer of 32 bits.
    case int32(Int32)
    /// A 32-bit float.
    case float32(Float)
    /// A truth value.
    case bool(Bool)
    /// A text.
    case string(String)
    /// A list of values of one type.
    case array(GGUFArray)
    /// An unsigned integer of 64 bits.
    case uint64(UInt64)
    /// A signed integer of 64 bits.
    case int64(Int64)
    /// A 64-bit float.
    case float64(Double)

    /// The type.
    public var type: GGUFValueType {
        switch self {
        case .uint8: .uint8
        case .int8: .int8
        case .uint16: .uint16
        case .int16: .int16
        case .uint32: .uint32
        case .int32: .int32
        case .float32: .float32
        case .bool: .bool
        case .string: .string
        case .array: .array
        case .uint64: .uint64
        case .int64: .int64
        case .float64: .float64
        }
    }

    /// The type, of an array with that of its elements: `array of string`.
    public var typeName: String {
        if case .array(let array) = self { return "array of \(array.elementType.name)" }
        return type.name
    }

    /// An integer of any type; nil for other types, and for a number that `Int` can't hold.
    public var integer: Int? {
        switch self {
        case .uint8(let value): Int(value)
        case .int8(let value): Int(value)
        case .uint16(let value): Int(value)
        case .int16(let value): Int(value)
        case .uint32(let value): Int(value)
        case .int32(let value): Int(value)
        case .uint64(let value): Int(exactly: value)
        case .int64(let value): Int(value)
        case .float32, .bool, .string, .array, .float64: nil
        }
    }

    /// A float or an integer of any type; nil for other types.
    public var number: Double? {
        switch self {
        case .float32(let value): Double(value)
        case .float64(let value): value
        default: integer.map(Double.init)
        }
    }

    /// A truth value; nil for other types.
    public var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    /// A text; nil for other types.
    public var string: String? {
        if case .string(let value) = self { return value }
        return nil
    }

    /// A list; nil for other types.
    public var array: GGUFArray? {
        if case .array(let value) = self { return value }
        return nil
    }
}

/// A list of values of one type. Its elements stay in the bytes of the header until they are asked for.
public struct GGUFArray: Sendable {
    /// The type of the elements.
    public let elementType: GGUFValueType
    /// How many elements there are.
    public let count: Int
    private let mapping: MappedFile
    /// Where the elements lie in the header. They have been checked.
    private let range: Range<Int>

    init(elementType: GGUFValueType, count: Int, mapping: MappedFile, range: Range<Int>) {
        self.elementType = elementType
        self.count = count
        self.mapping = mapping
        self.range = range
    }

    /// All elements.
    public var elements: [GGUFValue] { prefix(count) }

    /// The first elements, at most `maximumCount` of them.
    public func prefix(_ maximumCount: Int) -> [GGUFValue] { read(maximumCount) { $0 } ?? [] }

    /// All elements as texts; nil for another type.
    public var strings: [String]? {
        guard elementType == .string else { return nil }
        var cursor = GGUFCursor(mapping.bytes, range)
        return (0..<count).map { _ in cursor.checkedString() }
    }

    /// All elements as integers; nil for types that aren't integers, and if `Int` can't hold one of them.
    public var integers: [Int]? { read(count, \.integer) }

    /// All elements, which may be floats or integers, as floats; nil for other types.
    public var numbers: [Double]? { read(count, \.number) }

    /// All elements as truth values; nil for another type.
    public var bools: [Bool]? { read(count, \.bool) }

    /// Calls `body` with the elements as the file has them.
    func withUnsafeBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        body(UnsafeRawBufferPointer(rebasing: mapping.bytes[range]))
    }

    /// The first elements, each converted; nil if one can't be. An empty array can be of any type.
    private func read<Element>(_ maximumCount: Int, _ convert: (GGUFValue) -> Element?) -> [Element]? {
        var cursor = GGUFCursor(mapping.bytes, range)
        var converted: [Element] = []
        // The elements are in the file, so there are no more of them than it has bytes.
        converted.reserveCapacity(Swift.max(Swift.min(maximumCount, count), 0))
        for _ in 0..<Swift.max(Swift.min(maximumCount, count), 0) {
            guard let element = convert(cursor.checkedValue(elementType, mapping)) else { return nil }
            converted.append(element)
        }
        return converted
    }
}
