import StrictJSON

/// The seven types of JSON Schema.
enum JSONType: String, CaseIterable {
    case object, array, string, number, integer, boolean, null
}

/// The keywords of one schema that is an object, with the JSON pointer that leads there.
struct SchemaObject {
    private(set) var members: [JSONMember]
    let pointer: String

    /// Keywords that say nothing about which values are valid.
    private static let annotations: Set<String> = [
        "$schema", "$id", "id", "$comment", "$anchor", "$defs", "$vocabulary", "definitions", "title", "description",
        "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding",
        "contentSchema", "discriminator", "externalDocs", "xml",
    ]
    /// Keywords that apply to one type.
    private static let typed: [JSONType: Set<String>] = [
        .object: ["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
        .array: ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"],
        .string: ["minLength", "maxLength", "pattern", "format"],
        .number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
    ]
    private static let others: Set<String> = [
        "type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "nullable",
    ]
    private static let known = typed.values.reduce(others) { $0.union($1) }

    /// - Throws: ``ConstraintError/unsupported(_:at:)`` for a keyword that isn't known.
    init(_ members: [JSONMember], at pointer: String) throws(ConstraintError) {
        self.pointer = pointer
        self.members = []
        for member in members {
            let key = member.keyText
            if Self.annotations.contains(key) || key.hasPrefix("x-") { continue }
            guard Self.known.contains(key) else { throw .unsupported(key, at: "\(pointer)/\(key.pointerStep)") }
            self.members.append(member)
        }
    }

    subscript(keyword: String) -> JSONValue? { members.value(of: keyword) }

    /// The keywords that are left without some.
    func without(_ keywords: String...) -> SchemaObject {
        var rest = self
        rest.members.removeAll { keywords.contains($0.keyText) }
        return rest
    }

    mutating func set(_ keyword: String, to value: JSONValue) {
        members.removeAll { $0.keyText == keyword }
        members.append(JSONMember(key: ArraySlice(keyword.utf8), value: value))
    }

    var isEmpty: Bool { members.isEmpty }
    var keywords: [String] { members.map(\.keyText) }

    func malformed(_ keyword: String, _ expected: String) -> ConstraintError {
        .malformed(at: place(keyword), reason: "\(keyword) must be \(expected)")
    }

    func unsupported(_ feature: String, _ keyword: String) -> ConstraintError {
        .unsupported(feature, at: place(keyword))
    }

    func place(_ keyword: String) -> String { "\(pointer)/\(keyword.pointerStep)" }

    // MARK: Values of keywords

    /// A count; nil if there is none.
    func count(_ keyword: String) throws(ConstraintError) -> Int? {
        guard let value = self[keyword] else { return nil }
        guard let count = value.number?.wholeNumber, count >= 0 else {
            throw malformed(keyword, "a whole number that isn't negative")
        }
        return count
    }

    func number(_ keyword: String) throws(ConstraintError) -> JSONNumber? {
        guard let value = self[keyword] else { return nil }
        guard let number = value.number else { throw malformed(keyword, "a number") }
        return number
    }

    func bool(_ keyword: String) throws(ConstraintError) -> Bool? {
        guard let value = self[keyword] else { return nil }
        guard let bool = value.bool else { throw malformed(keyword, "true or false") }
        return bool
    }

    func string(_ keyword: String) throws(ConstraintError) -> String? {
        guard let value = self[keyword] else { return nil }
        guard let string = value.string else { throw malformed(keyword, "a string") }
        return string
    }

    func object(_ keyword: String) throws(ConstraintError) -> [JSONMember]? {
        guard let value = self[keyword] else { return nil }
        guard let members = value.members else { throw malformed(keyword, "an object") }
        return members
    }

    /// A list of schemas, not empty.
    func schemas(_ keyword: String) throws(ConstraintError) -> [JSONValue]? {
        guard let value = self[keyword] else { return nil }
        guard let elements = value.elements, !elements.isEmpty else {
            throw malformed(keyword, "an array that isn't empty")
        }
        return elements
    }

    func required() throws(ConstraintError) -> [String] {
        guard let value = self["required"] else { return [] }
        guard let elements = value.elements else { throw malformed("required", "an array of strings") }
        var names: [String] = []
        for element in elements {
            guard let name = element.string else { throw malformed("required", "an array of strings") }
            if !names.contains(where: { $0.utf8.elementsEqual(name.utf8) }) { names.append(name) }
        }
        return names
    }

    /// What `enum` and `const` allow; nil without them.
    func allowedValues() throws(ConstraintError) -> [JSONValue]? {
        var values: [JSONValue]?
        if let value = self["enum"] {
            guard let elements = value.elements else { throw malformed("enum", "an array") }
            values = elements
        }
        if let constant = self["const"] {
            values = (values ?? [constant]).filter { $0.isSame(as: constant) }
        }
        return values
    }

    /// The types that `type` names; nil without it.
    func declaredTypes() throws(ConstraintError) -> [JSONType]? {
        guard let value = self["type"] else { return nil }
        let names = value.elements ?? [value]
        var types: [JSONType] = []
        for name in names {
            guard let type = name.string.flatMap({ JSONType(rawValue: $0) }) else {
                throw malformed(
                    "type", "one or several of \(JSONType.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            if !types.contains(type) { types.append(type) }
        }
        return types
    }

    /// The types that values may have: the declared ones, or those that the other keywords are about. nil: any.
    func types() throws(ConstraintError) -> [JSONType]? {
        if let declared = try declaredTypes() { return declared }
        let types = [JSONType.object, .array, .string, .number].filter { type in
            members.contains { Self.typed[type]?.contains($0.keyText) == true }
        }
        return types.isEmpty ? nil : types
    }
}

extension JSONMember {
    var keyText: String { String(decoding: key, as: UTF8.self) }
}

extension String {
    /// The text as a step of a JSON pointer (RFC 6901).
    var pointerStep: String {
        replacing("~", with: "~0").replacing("/", with: "~1")
    }
}

extension JSONValue {
    /// The type; whole numbers are integers.
    var type: JSONType {
        switch self {
        case .null: .null
        case .bool: .boolean
        case .number(.real(let real)): real == real.rounded() ? .integer : .number
        case .number: .integer
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// Whether two values are the same as JSON Schema has it: the order of an object's members doesn't count, nor how a
    /// number is written.
    func isSame(as other: JSONValue) -> Bool {
        switch (self, other) {
        case (.null, .null): return true
        case (.bool(let left), .bool(let right)): return left == right
        case (.number(let left), .number(let right)): return left == right || left.double == right.double
        case (.string(let left), .string(let right)): return left.elementsEqual(right)
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { $0.isSame(as: $1) }
        case (.object(let left), .object(let right)):
            return left.count == right.count
                && left.allSatisfy { member in
                    right.value(of: member.keyText).map { member.value.isSame(as: $0) } ?? false
                }
        default: return false
        }
    }
}
