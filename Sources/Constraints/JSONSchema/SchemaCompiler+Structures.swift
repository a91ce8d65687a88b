import StrictJSON

// Objects and arrays.

extension SchemaCompiler {
    mutating func object(_ schema: SchemaObject) throws(ConstraintError) -> Expression {
        let properties = try schema.object("properties") ?? []
        let required = try schema.required()
        // What others than the listed properties may be; nil: there are none.
        let extra: JSONValue?
        switch schema["additionalProperties"] {
        case .some(.bool(false)): extra = nil
        case .some(let value): extra = value
        case nil: extra = properties.isEmpty ? .bool(true) : nil
        }
        var members: [(expression: Expression, isRequired: Bool)] = []
        for property in properties {
            let isRequired = required.contains { $0.utf8.elementsEqual(property.key) }
            let pointer = "\(schema.place("properties"))/\(property.keyText.pointerStep)"
            let value = try expression(of: property.value, at: pointer)
            members.append((member(property.key, value), isRequired))
        }
        for name in required where properties.value(of: name) == nil {
            // A property that has to be there and isn't listed is an additional one.
            let value = schema["additionalProperties"] ?? .bool(true)
            if case .bool(false) = value { throw .unsatisfiable(at: schema.place("required")) }
            members.append(
                (member(name.utf8, try expression(of: value, at: schema.place("additionalProperties"))), true))
        }
        let bounds = try extraBounds(schema, members.count, required.count, hasExtra: extra != nil)
        guard let extra, bounds.maximum != 0 else {
            return json.object(members, extra: nil, minimumExtra: 0, maximumExtra: nil)
        }
        let names = properties.map { String(decoding: $0.key, as: UTF8.self) } + required
        guard names.allSatisfy({ $0.utf8.count <= 256 }) else {
            throw schema.unsupported(
                "additionalProperties beside a property with so long a name", "additionalProperties")
        }
        let key = json.inQuotes(Self.key(otherThan: names.map { Array($0.unicodeScalars)[...] }))
        let value = try expression(of: extra, at: schema.place("additionalProperties"))
        return json.object(
            members, extra: .sequence([key, json.colon(), value]), minimumExtra: bounds.minimum,
            maximumExtra: bounds.maximum)
    }

    private mutating func member(_ key: some Sequence<UInt8>, _ value: Expression) -> Expression {
        .sequence([.literal(JSONSyntax.quoted(key)), json.colon(), json.rules.shared(value)])
    }

    /// How many additional members there must and may be, from `minProperties` and `maxProperties`.
    ///
    /// Listed properties can be left out, and the rules don't count how many are.
    private func extraBounds(
        _ schema: SchemaObject, _ memberCount: Int, _ requiredCount: Int, hasExtra: Bool
    ) throws(ConstraintError) -> (minimum: Int, maximum: Int?) {
        let minimum = try schema.count("minProperties") ?? 0
        let maximum = try schema.count("maxProperties")
        if let maximum, maximum < max(minimum, requiredCount) {
            throw .unsatisfiable(at: schema.place("maxProperties"))
        }
        var bounds: (minimum: Int, maximum: Int?) = (0, nil)
        if minimum > requiredCount {
            guard hasExtra, memberCount == requiredCount else {
                throw schema.unsupported("minProperties beyond the required properties", "minProperties")
            }
            bounds.minimum = minimum - requiredCount
        }
        if let maximum {
            if memberCount == requiredCount || maximum >= memberCount {
                bounds.maximum = maximum - memberCount
            } else {
                throw schema.unsupported("maxProperties below the number of properties", "maxProperties")
            }
        }
        return bounds
    }

    /// The characters of a key that is none of some names.
    private static func key(otherThan names: [ArraySlice<Unicode.Scalar>]) -> Expression {
        let any = Expression.repeated(.quotedScalars(.all), minimum: 0, maximum: nil)
        guard !names.isEmpty else { return any }
        let isName = names.contains { $0.isEmpty }
        let firsts = ScalarSet(names.compactMap(\.first))
        var choices: [Expression] = [.sequence([.quotedScalars(firsts.complement), any])]
        for range in firsts.ranges {
            for value in range {
                let rest = names.filter { $0.first?.value == value }.map { $0.dropFirst() }
                choices.append(.sequence([.quotedScalars(ScalarSet([value...value])), key(otherThan: rest)]))
            }
        }
        if !isName { choices.append(.empty) }
        return .choice(choices)
    }

    mutating func array(_ schema: SchemaObject) throws(ConstraintError) -> Expression {
        if try schema.bool("uniqueItems") == true { throw schema.unsupported("uniqueItems", "uniqueItems") }
        let minimum = try schema.count("minItems") ?? 0
        let maximum = try schema.count("maxItems")
        if let maximum, maximum < minimum { throw .unsatisfiable(at: schema.place("maxItems")) }
        var first: [Expression] = []
        for (index, item) in (try schema.schemas("prefixItems") ?? []).enumerated() {
            first.append(try expression(of: item, at: "\(schema.place("prefixItems"))/\(index)"))
        }
        if let items = schema["items"], items.elements != nil {
            throw schema.unsupported("an array as items, which prefixItems has replaced,", "items")
        }
        var rest: Expression?
        if let items = schema["items"] {
            if case .bool(false) = items {} else { rest = try expression(of: items, at: schema.place("items")) }
        } else if first.isEmpty || minimum > first.count {
            rest = json.anyValue()
        }
        return json.array(first: first, rest: rest, minimum: minimum, maximum: maximum)
    }
}
