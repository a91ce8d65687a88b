/// The keys and values of a file that is being written, in their order.
public struct GGUFEntries: Sendable {
    /// The keys, in the order in which they were added.
    public private(set) var keys: [String] = []
    /// The keys and values as the file has them.
    private(set) var bytes: [UInt8] = []

    /// No keys.
    public init() {}

    /// Adds a value. A list of another file is copied as it is.
    public mutating func add(_ key: String, _ value: GGUFValue) {
        begin(key, value.type)
        switch value {
        case .uint8(let value): append(value)
        case .int8(let value): append(value)
        case .uint16(let value): append(value)
        case .int16(let value): append(value)
        case .uint32(let value): append(value)
        case .int32(let value): append(value)
        case .float32(let value): append(value.bitPattern)
        case .bool(let value): append(value ? 1 : 0 as UInt8)
        case .string(let value): bytes.append(text: value)
        case .uint64(let value): append(value)
        case .int64(let value): append(value)
        case .float64(let value): append(value.bitPattern)
        case .array(let array):
            begin(array.elementType, count: array.count)
            array.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
    }

    /// Adds a list of texts.
    public mutating func add(_ key: String, strings: [String]) {
        begin(key, .array)
        begin(.string, count: strings.count)
        for text in strings { bytes.append(text: text) }
    }

    /// Adds a list of integers of 32 bits.
    public mutating func add(_ key: String, int32s: [Int32]) {
        begin(key, .array)
        begin(.int32, count: int32s.count)
        for value in int32s { append(value) }
    }

    /// Adds a list of 32-bit floats.
    public mutating func add(_ key: String, float32s: [Float]) {
        begin(key, .array)
        begin(.float32, count: float32s.count)
        for value in float32s { append(value.bitPattern) }
    }

    /// Adds a list of truth values.
    public mutating func add(_ key: String, bools: [Bool]) {
        begin(key, .array)
        begin(.bool, count: bools.count)
        for value in bools { append(value ? 1 : 0 as UInt8) }
    }

    private mutating func begin(_ key: String, _ type: GGUFValueType) {
        keys.append(key)
        bytes.append(text: key)
        append(type.rawValue)
    }

    private mutating func begin(_ elementType: GGUFValueType, count: Int) {
        append(elementType.rawValue)
        append(UInt64(count))
    }

    private mutating func append(_ number: some FixedWidthInteger) { bytes.append(littleEndian: number) }
}

extension [UInt8] {
    /// Appends the bytes of a number, the least first.
    mutating func append(littleEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }

    /// Appends a text with its length before it.
    mutating func append(text: String) {
        append(littleEndian: UInt64(text.utf8.count))
        append(contentsOf: text.utf8)
    }
}
