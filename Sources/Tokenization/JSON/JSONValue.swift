/// A JSON value whose strings are UTF-8 bytes.
///
/// Foundation's decoders build dictionaries keyed by `String`, for which canonically equivalent keys are one key.
/// A vocabulary may hold both "é" and "e\u{301}", so objects here are lists of members in file order. Strings are slices
/// of the file wherever it spells them without escapes: a large vocabulary has more than a million.
enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(ArraySlice<UInt8>)
    case array([JSONValue])
    case object([JSONMember])
}

/// A key and its value in a JSON object.
struct JSONMember: Sendable {
    let key: ArraySlice<UInt8>
    let value: JSONValue
}

/// A value with its place in a file, so that an accessor can say which key of which file is wrong.
struct JSONNode {
    let value: JSONValue
    let key: String
    let file: String

    var isNull: Bool {
        if case .null = value { true } else { false }
    }

    /// The member `name` of an object; nil when it is absent or null.
    func optional(_ name: String) throws(TokenizerError) -> JSONNode? {
        var found: JSONNode?
        for member in try object() where member.key.elementsEqual(name.utf8) {
            guard found == nil else { throw .duplicateKey(file: file, key: path(of: name)) }
            found = JSONNode(value: member.value, key: path(of: name), file: file)
        }
        return found.flatMap { $0.isNull ? nil : $0 }
    }

    func required(_ name: String) throws(TokenizerError) -> JSONNode {
        guard let node = try optional(name) else { throw .missingKey(file: file, key: path(of: name)) }
        return node
    }

    func object() throws(TokenizerError) -> [JSONMember] {
        guard case .object(let members) = value else { throw invalid("an object") }
        return members
    }

    func array() throws(TokenizerError) -> [JSONNode] {
        guard case .array(let values) = value else { throw invalid("an array") }
        return values.enumerated().map { JSONNode(value: $1, key: "\(key)[\($0)]", file: file) }
    }

    func bytes() throws(TokenizerError) -> ArraySlice<UInt8> {
        guard case .string(let bytes) = value else { throw invalid("a string") }
        return bytes
    }

    func string() throws(TokenizerError) -> String {
        String(decoding: try bytes(), as: UTF8.self)
    }

    func integer() throws(TokenizerError) -> Int {
        guard case .integer(let integer) = value else { throw invalid("an integer") }
        return integer
    }

    func bool() throws(TokenizerError) -> Bool {
        guard case .bool(let bool) = value else { throw invalid("true or false") }
        return bool
    }

    func invalid(_ expected: String) -> TokenizerError {
        .invalidValue(file: file, key: key.isEmpty ? "the top level" : key, expected: expected)
    }

    private func path(of name: String) -> String {
        key.isEmpty ? name : "\(key).\(name)"
    }
}
