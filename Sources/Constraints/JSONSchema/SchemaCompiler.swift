import StrictJSON

/// Turns a JSON schema into rules. What can't be expressed is refused with the keyword's place.
struct SchemaCompiler {
    /// The most schemas that are looked at, those that merging makes included.
    private static let maximumSchemaCount = 20_000
    /// The most schemas within one another, those that merging makes included.
    private static let maximumDepth = 128

    let root: JSONValue
    var json: JSONRules
    /// The rule of each `$ref` that has been met.
    private var references: [String: Int] = [:]
    private var schemaCount = 0
    private var depth = 0

    /// - Parameter json: The rules that are there; the schema's are added.
    init(root: JSONValue, json: JSONRules) {
        self.root = root
        self.json = json
    }

    /// The JSON that a schema describes.
    mutating func expression(of schema: JSONValue, at pointer: String) throws(ConstraintError) -> Expression {
        switch schema {
        case .bool(true): return json.anyValue()
        case .bool(false): return .nothing
        case .object(let members): return try expression(of: SchemaObject(members, at: pointer))
        default: throw .malformed(at: pointer, reason: "a schema must be an object, true or false")
        }
    }

    mutating func expression(of schema: SchemaObject) throws(ConstraintError) -> Expression {
        schemaCount += 1
        guard schemaCount <= Self.maximumSchemaCount else { throw .tooLarge(limit: Self.maximumSchemaCount) }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw .tooLarge(limit: Self.maximumDepth) }
        if schema.isEmpty { return json.anyValue() }
        if schema["$ref"] != nil {
            if schema.keywords.count == 1 { return try reference(in: schema) }
            return try expression(of: resolved(schema))
        }
        if let parts = try schema.schemas("allOf") {
            return try expression(of: merged(schema.without("allOf"), parts, "allOf"))
        }
        if schema["anyOf"] != nil || schema["oneOf"] != nil { return try alternatives(of: schema) }
        if try schema.bool("nullable") == true {
            let value = try expression(of: schema.without("nullable"))
            return .choice([value, .literal("null")])
        }
        if let values = try schema.allowedValues() { return try known(values, in: schema) }
        return try typed(schema.without("nullable"))
    }

    // MARK: Parts of a schema

    /// `anyOf` and `oneOf`: each part with what stands beside them.
    private mutating func alternatives(of schema: SchemaObject) throws(ConstraintError) -> Expression {
        let keyword = schema["anyOf"] != nil ? "anyOf" : "oneOf"
        guard let parts = try schema.schemas(keyword) else { return .nothing }
        if keyword == "anyOf", schema["oneOf"] != nil { throw schema.unsupported("oneOf beside anyOf", "oneOf") }
        if keyword == "oneOf" { try checkDisjoint(parts, in: schema) }
        let rest = schema.without(keyword, "nullable")
        var choices: [Expression] = []
        for (index, part) in parts.enumerated() {
            let pointer = "\(schema.place(keyword))/\(index)"
            if rest.isEmpty {
                choices.append(try expression(of: part, at: pointer))
            } else if let both = try merged(rest, part, at: pointer) {
                choices.append(try expression(of: both))
            }
        }
        if try schema.bool("nullable") == true { choices.append(.literal("null")) }
        if choices.isEmpty { throw .unsatisfiable(at: schema.pointer) }
        return .choice(choices)
    }

    /// `enum` and `const`.
    private func known(_ values: [JSONValue], in schema: SchemaObject) throws(ConstraintError) -> Expression {
        let keyword = schema["enum"] != nil ? "enum" : "const"
        for other in schema.keywords where !["enum", "const", "type", "nullable"].contains(other) {
            throw schema.unsupported("\(other) beside \(keyword)", other)
        }
        let types = try schema.declaredTypes()
        let allowed = values.filter { value in
            guard let types else { return true }
            return types.contains(value.type) || value.type == .integer && types.contains(.number)
        }
        guard !allowed.isEmpty else { throw .unsatisfiable(at: schema.pointer) }
        return .texts(allowed.map { json.text(of: $0) })
    }

    private mutating func typed(_ schema: SchemaObject) throws(ConstraintError) -> Expression {
        guard let types = try schema.types() else { return json.anyValue() }
        var choices: [Expression] = []
        for type in types {
            // Whole numbers are numbers.
            if type == .integer, types.contains(.number) { continue }
            switch type {
            case .object: choices.append(try object(schema))
            case .array: choices.append(try array(schema))
            case .string: choices.append(try string(schema))
            case .number: choices.append(try number(schema, isWhole: false))
            case .integer: choices.append(try number(schema, isWhole: true))
            case .boolean: choices.append(.texts([Array("true".utf8), Array("false".utf8)]))
            case .null: choices.append(.literal("null"))
            }
        }
        if choices.isEmpty { throw schema.malformed("type", "at least one type") }
        return .choice(choices)
    }

    // MARK: References

    private mutating func reference(in schema: SchemaObject) throws(ConstraintError) -> Expression {
        let (target, pointer) = try target(of: schema)
        if let rule = references[pointer] { return .rule(rule) }
        let rule = json.rules.reserve()
        json.rules.names[rule] = pointer
        references[pointer] = rule
        json.rules.set(rule, to: try expression(of: target, at: pointer))
        return .rule(rule)
    }

    /// What `$ref` points to, and its pointer.
    func target(of schema: SchemaObject) throws(ConstraintError) -> (JSONValue, String) {
        let reference = try schema.string("$ref") ?? ""
        guard reference == "#" || reference.hasPrefix("#/") else {
            throw schema.unsupported("a $ref to another document or an anchor, \"\(reference)\",", "$ref")
        }
        let missing = ConstraintError.malformed(at: schema.place("$ref"), reason: "there is nothing at \(reference)")
        guard let path = Self.percentDecoded(reference) else { throw missing }
        var value = root
        for step in path.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let key = String(step).replacing("~1", with: "/").replacing("~0", with: "~")
            if let member = value[key] {
                value = member
            } else if let elements = value.elements, let index = Int(key), elements.indices.contains(index) {
                value = elements[index]
            } else {
                throw missing
            }
        }
        return (value, path)
    }

    private static func percentDecoded(_ text: String) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
