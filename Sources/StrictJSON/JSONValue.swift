/// A JSON value whose strings are UTF-8 bytes.
///
/// Strings are bytes because Swift compares strings by canonical equivalence, and a vocabulary may hold both "é" and
/// "e\u{301}". They are slices of the text wherever it spells them without escapes: a large vocabulary has more than a
/// million strings. Objects are lists of members in the order of the text, for the same two reasons.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(ArraySlice<UInt8>)
    case array([JSONValue])
    case object([JSONMember])
}

/// A key of an object, and its value. No two members of one object have the same key.
package struct JSONMember: Sendable {
    package let key: ArraySlice<UInt8>
    package let value: JSONValue

    package init(key: ArraySlice<UInt8>, value: JSONValue) {
        self.key = key
        self.value = value
    }
}

/// A number. An integer that fits 64 bits is exact; any other number is the nearest `Double`.
package enum JSONNumber: Equatable, Sendable {
    /// Written without a fraction and an exponent.
    case integer(Int)
    /// The same, above `Int.max`.
    case unsigned(UInt)
    /// Any other finite number.
    case real(Double)

    /// The number, rounded to the nearest `Double` where it is a larger integer.
    package var double: Double {
        switch self {
        case .integer(let integer): Double(integer)
        case .unsigned(let integer): Double(integer)
        case .real(let number): number
        }
    }

    /// The number when it is whole and fits, however it is written: `2`, `2.0` and `20e-1` are 2. Up to 2⁵³ only where it
    /// has a fraction or an exponent, since a larger `Double` may have been rounded.
    package var wholeNumber: Int? {
        switch self {
        case .integer(let integer): integer
        case .unsigned: nil
        case .real(let number): abs(number) <= 0x1p53 ? Int(exactly: number) : nil
        }
    }
}

// MARK: - What a value is

extension JSONValue {
    /// Whether this is null.
    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The truth value; nil for anything else.
    package var bool: Bool? {
        if case .bool(let bool) = self { bool } else { nil }
    }

    /// The number; nil for anything else.
    package var number: JSONNumber? {
        if case .number(let number) = self { number } else { nil }
    }

    /// The string; nil for anything else.
    package var string: String? {
        if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
    }

    /// The elements of an array; nil for anything else.
    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members of an object; nil for anything else.
    package var members: [JSONMember]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The member of an object with this key, be it null; nil when there is none, and for anything but an object.
    ///
    /// It looks at one member after another.
    package subscript(key: String) -> JSONValue? { members?.value(of: key) }
}

extension [JSONMember] {
    /// The value of the member with this key, which is compared by its bytes; nil when there is none.
    package func value(of key: String) -> JSONValue? {
        first { $0.key.elementsEqual(key.utf8) }?.value
    }
}
