internal import StrictJSON

/// A value that a chat template can use: what JSON can say, with the members of objects in their order.
public enum TemplateValue: Sendable, Equatable {
    /// Python's None.
    case null
    /// A truth value.
    case bool(Bool)
    /// A whole number, written without a fraction.
    case integer(Int)
    /// Any other number.
    case double(Double)
    /// A text.
    case string(String)
    /// A list.
    case array([TemplateValue])
    /// Names and values, in the order in which templates go through them. Of two equal names, the later one counts.
    case object([Member])

    /// A name with its value.
    public struct Member: Sendable, Equatable {
        /// The name.
        public var key: String
        /// The value.
        public var value: TemplateValue

        /// A name with its value.
        public init(_ key: String, _ value: TemplateValue) {
            self.key = key
            self.value = value
        }
    }

    /// Reads JSON.
    ///
    /// - Parameters:
    ///   - bytes: the JSON text in UTF-8.
    ///   - name: what errors call the file.
    /// - Throws: the errors of reading JSON, and `invalidValue` for an integer that doesn't fit 64 bits.
    public init(json bytes: [UInt8], name: String) throws(TokenizerError) {
        try self.init(json: bytes, name: name, roundsLargeIntegers: false)
    }

    /// Reads JSON, with a choice of what becomes of an integer that doesn't fit.
    ///
    /// - Parameters:
    ///   - bytes: the JSON text in UTF-8.
    ///   - name: what errors call the file.
    ///   - roundsLargeIntegers: whether an integer from 2⁶³ up to 2⁶⁴ becomes the nearest `double`. Larger ones always do.
    /// - Throws: the errors of reading JSON, and `invalidValue` for such an integer otherwise.
    public init(json bytes: [UInt8], name: String, roundsLargeIntegers: Bool) throws(TokenizerError) {
        self = try TemplateValue(JSONNode(parsing: bytes, file: name), roundsLargeIntegers)
    }

    /// Reads a file of JSON; see ``init(json:name:)``.
    ///
    /// - Throws: `unreadableFile`, and what ``init(json:name:)`` throws.
    public init(contentsOfFile path: String) throws(TokenizerError) {
        try self.init(json: readFile(path), name: path)
    }

    private init(_ node: JSONNode, _ roundsLargeIntegers: Bool) throws(TokenizerError) {
        switch node.value {
        case .null: self = .null
        case .bool(let bool): self = .bool(bool)
        case .number(.integer(let integer)): self = .integer(integer)
        case .number(.real(let number)): self = .double(number)
        case .number(.unsigned(let integer)):
            guard roundsLargeIntegers else { throw node.invalid("an integer of 64 bits") }
            self = .double(Double(integer))
        case .string: self = .string(try node.string())
        case .array:
            var elements: [TemplateValue] = []
            for element in try node.array() { elements.append(try TemplateValue(element, roundsLargeIntegers)) }
            self = .array(elements)
        case .object:
            var members: [Member] = []
            for (key, member) in try node.members() {
                members.append(Member(key, try TemplateValue(member, roundsLargeIntegers)))
            }
            self = .object(members)
        }
    }

    /// The value of a member of an object; nil for one that isn't there, and for anything but an object.
    public subscript(key: String) -> TemplateValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == key }?.value
    }

    /// The text; nil for anything but a string.
    public var string: String? { if case .string(let string) = self { string } else { nil } }
}

extension TemplateValue: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral
{
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A list.
    public init(arrayLiteral elements: TemplateValue...) { self = .array(elements) }
    /// An object with its members in this order.
    public init(dictionaryLiteral elements: (String, TemplateValue)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A whole number.
    public init(integerLiteral value: Int) { self = .integer(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
}
