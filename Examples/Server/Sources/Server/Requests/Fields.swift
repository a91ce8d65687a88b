import Foundation

/// A JSON object of a request, out of which one field after another is taken. What is left in the end is what this server
/// doesn't have. It is refused, unless it asks for nothing: an answer that ignores a field is not the one that was asked
/// for.
struct Fields {
    private var values: [String: JSONValue]
    /// Where the object stands in the body, such as `messages[0].`.
    private let path: String

    /// The object that is a whole body.
    init(body: Data) throws(APIError) {
        guard case .object(let members) = try JSONValue(body: body) else {
            throw .invalid("The body is not a JSON object.", code: "invalid_json")
        }
        self.init(members, path: "")
    }

    /// An object within the body.
    init(_ value: JSONValue, path: String) throws(APIError) {
        guard case .object(let members) = value else { throw .invalid("\(path) is not an object.", field: path) }
        self.init(members, path: path + ".")
    }

    private init(_ members: [JSONValue.Member], path: String) {
        // Keys can differ in their bytes and still be the same text to Swift.
        values = Dictionary(members.map { ($0.key, $0.value) }) { $1 }
        self.path = path
    }

    /// The fields that are left.
    var names: [String] { Array(values.keys) }

    /// What errors call a field.
    func name(_ field: String) -> String { path + field }

    /// Any value; null is as good as none.
    mutating func value(_ field: String) -> JSONValue? {
        let value = values.removeValue(forKey: field)
        return value == .null ? nil : value
    }

    mutating func string(_ field: String) throws(APIError) -> String? {
        switch value(field) {
        case nil: return nil
        case .string(let string): return string
        default: throw .invalid("\(name(field)) is not a string.", field: name(field))
        }
    }

    mutating func bool(_ field: String) throws(APIError) -> Bool? {
        switch value(field) {
        case nil: return nil
        case .bool(let bool): return bool
        default: throw .invalid("\(name(field)) is not true or false.", field: name(field))
        }
    }

    mutating func integer(_ field: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = value(field) else { return nil }
        guard let integer = value.wholeNumber, range.contains(integer) else {
            let bounds =
                range.upperBound == .max
                ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
            throw .invalid("\(name(field)) is not an integer \(bounds).", field: name(field))
        }
        return integer
    }

    mutating func number(_ field: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
        let number: Double
        switch value(field) {
        case nil: return nil
        case .integer(let value): number = Double(value)
        case .double(let value): number = value
        default: throw .invalid("\(name(field)) is not a number.", field: name(field))
        }
        guard range.contains(number) else {
            throw .invalid(
                "\(name(field)) is not from \(range.lowerBound) to \(range.upperBound).", field: name(field))
        }
        return number
    }

    /// The start of random numbers: any integer of 64 bits, with or without a sign.
    mutating func seed(_ field: String) throws(APIError) -> UInt64? {
        switch value(field) {
        case nil: return nil
        case .integer(let integer): return UInt64(bitPattern: Int64(integer))
        // Integers from 2^63 on come as floats.
        case .double(let number) where number == number.rounded() && -0x1p63...0x1p64 ~= number:
            return UInt64(exactly: number) ?? (number < 0 ? UInt64(bitPattern: Int64(number)) : .max)
        default: throw .invalid("\(name(field)) is not an integer of 64 bits.", field: name(field))
        }
    }

    /// A list, with the name of each element.
    mutating func list(_ field: String) throws(APIError) -> [(name: String, value: JSONValue)]? {
        switch value(field) {
        case nil: return nil
        case .array(let values): return values.enumerated().map { ("\(name(field))[\($0)]", $1) }
        default: throw .invalid("\(name(field)) is not a list.", field: name(field))
        }
    }

    /// A string, or a list of strings, as a list.
    mutating func strings(_ field: String) throws(APIError) -> [String]? {
        guard let value = value(field) else { return nil }
        if case .string(let string) = value { return [string] }
        guard case .array(let values) = value else {
            throw .invalid("\(name(field)) is neither a string nor a list.", field: name(field))
        }
        var strings: [String] = []
        for value in values {
            guard case .string(let string) = value else {
                throw .invalid("\(name(field)) has an element that is no string.", field: name(field))
            }
            strings.append(string)
        }
        return strings
    }

    /// Passes over fields that change nothing, whatever they say.
    mutating func ignore(_ fields: [String]) {
        for field in fields { values[field] = nil }
    }

    /// Refuses what is left, unless it is null or false.
    ///
    /// - Parameter neutral: Fields that this server doesn't have, with the values that ask for nothing.
    func end(neutral: [String: [JSONValue]] = [:]) throws(APIError) {
        for (field, value) in values.sorted(by: { $0.key < $1.key }) where value != .null && value != false {
            if neutral[field]?.contains(where: value.isSame) == true { continue }
            let allowed = neutral[field].map { " but \($0.map { $0.text() }.joined(separator: " or "))" } ?? ""
            throw .invalid(
                "This server has no \(name(field))\(allowed).", field: name(field), code: "unsupported_field")
        }
    }
}
