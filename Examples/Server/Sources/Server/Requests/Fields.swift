import Foundation

/// A JSON object of a request, out of which one field after another is taken. What is left in the end is what this server
/// doesn't have, and is refused: an answer that ignores a field is not the one that was asked for.
struct Fields {
    private var values: [String: JSONValue]
    /// Where the object stands in the body, such as `messages[0].`.
    private let path: String

    /// The object that is a whole body.
    init(body: Data) throws(APIError) {
        do {
            values = try JSONDecoder().decode([String: JSONValue].self, from: body)
        } catch {
            throw .invalid("The body is not a JSON object.", code: "invalid_json")
        }
        path = ""
    }

    /// An object within the body.
    init(_ value: JSONValue, path: String) throws(APIError) {
        guard case .object(let values) = value else { throw .invalid("\(path) is not an object.", field: path) }
        self.values = values
        self.path = path + "."
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
        switch value(field) {
        case nil: return nil
        case .integer(let integer) where range.contains(integer): return integer
        default:
            throw .invalid(
                "\(name(field)) is not an integer from \(range.lowerBound) to \(range.upperBound).", field: name(field))
        }
    }

    mutating func number(_ field: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
        let number: Double
        switch value(field) {
        case nil: return nil
        case .integer(let value): number = Double(value)
        case .number(let value): number = value
        default: throw .invalid("\(name(field)) is not a number.", field: name(field))
        }
        guard range.contains(number) else {
            throw .invalid(
                "\(name(field)) is not from \(range.lowerBound) to \(range.upperBound).", field: name(field))
        }
        return number
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

    /// Refuses what is left.
    ///
    /// - Parameter neutral: Fields that this server doesn't have, with the values that ask for nothing.
    func end(neutral: [String: JSONValue] = [:]) throws(APIError) {
        for (field, value) in values.sorted(by: { $0.key < $1.key }) where value != .null && value != neutral[field] {
            throw .invalid("This server has no \(name(field)).", field: name(field), code: "unsupported_field")
        }
    }
}
