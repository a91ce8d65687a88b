import StrictJSON

// `allOf`, and what stands beside `anyOf`, `oneOf` and `$ref`: several schemas as one.

extension SchemaCompiler {
    /// A schema without `$ref`: what it points to is merged with what stands beside it.
    func resolved(_ schema: SchemaObject) throws(ConstraintError) -> SchemaObject {
        var schema = schema
        // A chain of references that is longer than that goes in circles.
        for _ in 0..<64 {
            guard schema["$ref"] != nil else { return schema }
            let (value, pointer) = try target(of: schema)
            let rest = schema.without("$ref")
            switch value {
            case .bool(true): schema = rest
            case .object(let members):
                guard let both = try merged(SchemaObject(members, at: pointer), rest) else {
                    throw .unsatisfiable(at: schema.pointer)
                }
                schema = both
            case .bool(false): throw .unsatisfiable(at: pointer)
            default: throw .malformed(at: pointer, reason: "a schema must be an object, true or false")
            }
        }
        throw schema.unsupported("a $ref that leads back to itself", "$ref")
    }

    /// A schema and several others at once.
    func merged(
        _ schema: SchemaObject, _ parts: [JSONValue], _ keyword: String
    ) throws(ConstraintError) -> SchemaObject {
        var result = schema
        for (index, part) in parts.enumerated() {
            let pointer = "\(schema.place(keyword))/\(index)"
            guard let both = try merged(result, part, at: pointer) else { throw .unsatisfiable(at: pointer) }
            result = both
        }
        return result
    }

    /// Two schemas at once; nil if nothing satisfies both.
    func merged(
        _ left: SchemaObject, _ right: JSONValue, at pointer: String
    ) throws(ConstraintError) -> SchemaObject? {
        switch right {
        case .bool(true): return left
        case .bool(false): return nil
        case .object(let members):
            let right = try SchemaObject(members, at: pointer)
            if left.isEmpty { return right }
            if right.isEmpty { return left }
            return try merged(resolved(left), resolved(right))
        default: throw .malformed(at: pointer, reason: "a schema must be an object, true or false")
        }
    }

    private func merged(_ left: SchemaObject, _ right: SchemaObject) throws(ConstraintError) -> SchemaObject? {
        if left.isEmpty { return right }
        if right.isEmpty { return left }
        var result = left
        try mergeProperties(&result, left, right)
        for keyword in right.keywords where !["properties", "additionalProperties"].contains(keyword) {
            guard let new = right[keyword] else { continue }
            guard let old = left[keyword] else {
                result.set(keyword, to: new)
                continue
            }
            guard let both = try merged(old, new, keyword, right) else { return nil }
            result.set(keyword, to: both)
        }
        // Null must be allowed by both.
        let (leftIsNullable, rightIsNullable) = (try left.bool("nullable"), try right.bool("nullable"))
        if leftIsNullable != true || rightIsNullable != true { result = result.without("nullable") }
        // `items` is about what `prefixItems` of the same schema leaves.
        for (one, other) in [(left, right), (right, left)] {
            if one["prefixItems"] != nil, other["items"] != nil, other["prefixItems"] == nil {
                throw right.unsupported("prefixItems and items in different parts", "items")
            }
        }
        return result
    }

    /// The values of one keyword in both schemas; nil if nothing satisfies both.
    private func merged(
        _ old: JSONValue, _ new: JSONValue, _ keyword: String, _ schema: SchemaObject
    ) throws(ConstraintError) -> JSONValue? {
        if old.isSame(as: new) { return old }
        switch keyword {
        case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
            return try chosen(old, new, keyword, schema) { $0 > $1 }
        case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
            return try chosen(old, new, keyword, schema) { $0 < $1 }
        case "required":
            guard let left = old.elements, let right = new.elements else {
                throw schema.malformed(keyword, "an array of strings")
            }
            return .array(left + right)
        case "enum":
            guard let left = old.elements, let right = new.elements else { throw schema.malformed(keyword, "an array") }
            let both = left.filter { value in right.contains { $0.isSame(as: value) } }
            return both.isEmpty ? nil : .array(both)
        case "const": return nil
        case "type": return try mergedTypes(old, new, schema)
        case "nullable": return old
        case "allOf":
            guard let left = old.elements, let right = new.elements else { throw schema.malformed(keyword, "an array") }
            return .array(left + right)
        default: throw schema.unsupported("\(keyword) in two parts", keyword)
        }
    }

    private func chosen(
        _ old: JSONValue, _ new: JSONValue, _ keyword: String, _ schema: SchemaObject,
        _ isTighter: (Double, Double) -> Bool
    ) throws(ConstraintError) -> JSONValue {
        guard let left = old.number, let right = new.number else { throw schema.malformed(keyword, "a number") }
        return isTighter(left.double, right.double) ? old : new
    }

    private func mergedTypes(
        _ old: JSONValue, _ new: JSONValue, _ schema: SchemaObject
    ) throws(ConstraintError) -> JSONValue? {
        let left = Set((old.elements ?? [old]).compactMap(\.string))
        let right = Set((new.elements ?? [new]).compactMap(\.string))
        var both = left.intersection(right)
        for (one, other) in [(left, right), (right, left)] where one.contains("integer") && other.contains("number") {
            both.insert("integer")
        }
        guard !both.isEmpty else { return nil }
        return .array(
            JSONType.allCases.filter { both.contains($0.rawValue) }.map { .string(ArraySlice($0.rawValue.utf8)) })
    }

    /// Both schemas' properties. Each schema's `additionalProperties` is about the other's properties.
    private func mergeProperties(
        _ result: inout SchemaObject, _ left: SchemaObject, _ right: SchemaObject
    ) throws(ConstraintError) {
        let leftMembers = try left.object("properties") ?? []
        let rightMembers = try right.object("properties") ?? []
        var members: [JSONMember] = []
        for member in leftMembers {
            if let other = rightMembers.value(of: member.keyText) {
                members.append(JSONMember(key: member.key, value: Self.both(member.value, other)))
            } else {
                members.append(try bounded(member, by: right))
            }
        }
        for member in rightMembers where leftMembers.value(of: member.keyText) == nil {
            members.append(try bounded(member, by: left))
        }
        if !members.isEmpty { result.set("properties", to: .object(members)) }
        switch (left["additionalProperties"], right["additionalProperties"]) {
        case (nil, nil): break
        case (.some(let only), nil), (nil, .some(let only)): result.set("additionalProperties", to: only)
        case (.some(let one), .some(let other)):
            result.set("additionalProperties", to: one.isSame(as: other) ? one : Self.both(one, other))
        }
    }

    /// A property of one schema, as far as another that doesn't list it allows it.
    private func bounded(_ member: JSONMember, by other: SchemaObject) throws(ConstraintError) -> JSONMember {
        guard let bound = other["additionalProperties"] else { return member }
        return JSONMember(key: member.key, value: Self.both(member.value, bound))
    }

    private static func both(_ left: JSONValue, _ right: JSONValue) -> JSONValue {
        if case .bool(true) = right { return left }
        if case .bool(true) = left { return right }
        if case .bool(false) = right { return right }
        if case .bool(false) = left { return left }
        return .object([JSONMember(key: ArraySlice("allOf".utf8), value: .array([left, right]))])
    }

    // MARK: - oneOf

    /// Makes sure that no value can satisfy two of the parts.
    func checkDisjoint(_ parts: [JSONValue], in schema: SchemaObject) throws(ConstraintError) {
        guard parts.count <= 256 else { throw .tooLarge(limit: 256) }
        var comparisonsLeft = 100_000
        for second in parts.indices {
            for first in 0..<second
            where try !isDisjoint(parts[first], parts[second], in: schema, depth: 0, &comparisonsLeft) {
                throw schema.unsupported(
                    "oneOf with parts that one value may satisfy, \(first) and \(second),", "oneOf")
            }
        }
    }

    /// Whether it is certain that no value satisfies both. It isn't after very many comparisons.
    private func isDisjoint(
        _ left: JSONValue, _ right: JSONValue, in schema: SchemaObject, depth: Int, _ comparisonsLeft: inout Int
    ) throws(ConstraintError) -> Bool {
        comparisonsLeft -= 1
        guard depth < 8, comparisonsLeft > 0 else { return false }
        guard let left = try simple(left, schema), let right = try simple(right, schema) else { return true }
        let leftTypes = try certainTypes(left)
        let rightTypes = try certainTypes(right)
        if leftTypes.isDisjoint(with: rightTypes) { return true }
        if left["nullable"] == nil, right["nullable"] == nil, let leftValues = try left.allowedValues(),
            let rightValues = try right.allowedValues()
        {
            return !leftValues.contains { value in rightValues.contains { $0.isSame(as: value) } }
        }
        guard leftTypes == [.object], rightTypes == [.object] else { return false }
        // A property that both must have and that can't have the same value in both.
        let leftProperties = try left.object("properties") ?? []
        let rightProperties = try right.object("properties") ?? []
        let names = Set(try left.required()).intersection(try right.required())
        for name in names {
            guard let one = leftProperties.value(of: name), let other = rightProperties.value(of: name) else {
                continue
            }
            if try isDisjoint(one, other, in: schema, depth: depth + 1, &comparisonsLeft) { return true }
        }
        return false
    }

    /// A schema with its references resolved; nil if nothing satisfies it.
    private func simple(_ value: JSONValue, _ schema: SchemaObject) throws(ConstraintError) -> SchemaObject? {
        switch value {
        case .bool(false): return nil
        case .object(let members): return try resolved(SchemaObject(members, at: schema.place("oneOf")))
        default: return try SchemaObject([], at: schema.pointer)
        }
    }

    /// The types that values can have at most; a number may be whole, so both count.
    private func certainTypes(_ schema: SchemaObject) throws(ConstraintError) -> Set<JSONType> {
        var types = Set(try schema.declaredTypes() ?? JSONType.allCases)
        if types.contains(.number) { types.insert(.integer) }
        if let values = try schema.allowedValues() {
            types.formIntersection(values.map(\.type))
        }
        if try schema.bool("nullable") == true { types.insert(.null) }
        return types
    }
}
