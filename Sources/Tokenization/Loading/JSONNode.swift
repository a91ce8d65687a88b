internal import FileReading
internal import StrictJSON

/// A JSON value with its place in a file, so that an error can name the file and the key.
struct JSONNode {
    let value: JSONValue
    /// The keys that lead here from the top: `model.vocab`, `added_tokens[3].content`. Empty at the top.
    let key: String
    let file: String

    /// Reads the text of a file.
    ///
    /// - Throws: `invalidUTF8`, `invalidJSON` or `duplicateKey`.
    init(parsing bytes: [UInt8], file: String) throws(TokenizerError) {
        do throws(JSONError) {
            self.init(value: try JSONValue(parsing: bytes), key: "", file: file)
        } catch {
            switch error.fault {
            case .notUTF8: throw .invalidUTF8(file: file)
            case .malformed(let reason):
                throw .invalidJSON(file: file, line: error.line, column: error.column, reason: reason)
            case .duplicateKey(let path): throw .duplicateKey(file: file, key: path)
            }
        }
    }

    private init(value: JSONValue, key: String, file: String) {
        self.value = value
        self.key = key
        self.file = file
    }

    /// The member `name` of an object; nil when it is absent or null.
    func optional(_ name: String) throws(TokenizerError) -> JSONNode? {
        guard let value = try object().value(of: name), !value.isNull else { return nil }
        return JSONNode(value: value, key: path(of: name), file: file)
    }

    func required(_ name: String) throws(TokenizerError) -> JSONNode {
        guard let node = try optional(name) else { throw .missingKey(file: file, key: path(of: name)) }
        return node
    }

    func object() throws(TokenizerError) -> [JSONMember] {
        guard case .object(let members) = value else { throw invalid("an object") }
        return members
    }

    /// The members of an object, in their order.
    func members() throws(TokenizerError) -> [(key: String, value: JSONNode)] {
        try object().map { member in
            let name = String(decoding: member.key, as: UTF8.self)
            return (name, JSONNode(value: member.value, key: path(of: name), file: file))
        }
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
        guard case .number(.integer(let integer)) = value else { throw invalid("an integer") }
        return integer
    }

    func bool() throws(TokenizerError) -> Bool {
        guard case .bool(let bool) = value else { throw invalid("true or false") }
        return bool
    }

    /// The error that this value isn't what was expected.
    func invalid(_ expected: String) -> TokenizerError {
        .invalidValue(file: file, key: key.isEmpty ? "the top level" : key, expected: expected)
    }

    private func path(of name: String) -> String {
        key.isEmpty ? name : "\(key).\(name)"
    }
}

/// Reads a whole file, with this module's error.
func readFile(_ path: String) throws(TokenizerError) -> [UInt8] {
    do throws(FileError) {
        return try readWholeFile(path)
    } catch { throw .unreadableFile(file: error.path, reason: error.reason) }
}
