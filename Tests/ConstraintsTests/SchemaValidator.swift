import StrictJSON

/// Says whether a value is valid, straight from the definitions of JSON Schema. It shares nothing with the constraints.
struct SchemaValidator {
    let root: JSONValue

    func isValid(_ value: JSONValue, _ schema: JSONValue) -> Bool {
        if let bool = schema.bool { return bool }
        guard let keywords = schema.members else { return false }
        return keywords.allSatisfy { keyword in
            isValid(value, String(decoding: keyword.key, as: UTF8.self), keyword.value, schema)
        }
    }

    private func isValid(_ value: JSONValue, _ keyword: String, _ argument: JSONValue, _ schema: JSONValue) -> Bool {
        switch keyword {
        case "type": return (argument.elements ?? [argument]).contains { has(value, $0.string ?? "") }
        case "enum": return (argument.elements ?? []).contains { same($0, value) }
        case "const": return same(argument, value)
        case "anyOf": return (argument.elements ?? []).contains { isValid(value, $0) }
        case "oneOf": return (argument.elements ?? []).count { isValid(value, $0) } == 1
        case "allOf": return (argument.elements ?? []).allSatisfy { isValid(value, $0) }
        case "$ref": return isValid(value, target(argument.string ?? ""))
        default: break
        }
        switch value {
        case .string(let bytes): return isValid(String(decoding: bytes, as: UTF8.self), keyword, argument)
        case .number(let number): return isValid(number, keyword, argument)
        case .array(let elements): return isValid(elements, keyword, argument, schema)
        case .object(let members): return isValid(members, keyword, argument, schema)
        default: return true
        }
    }

    private func target(_ reference: String) -> JSONValue {
        reference.split(separator: "/").dropFirst().reduce(root) { value, step in value[String(step)] ?? .bool(false) }
    }

    private func has(_ value: JSONValue, _ type: String) -> Bool {
        switch value {
        case .null: type == "null"
        case .bool: type == "boolean"
        case .string: type == "string"
        case .array: type == "array"
        case .object: type == "object"
        case .number(let number):
            type == "number" || type == "integer" && number.double == number.double.rounded()
        }
    }

    private func same(_ left: JSONValue, _ right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left.double == right.double
        case (.string(let left), .string(let right)): Array(left) == Array(right)
        case (.array(let left), .array(let right)):
            left.count == right.count && zip(left, right).allSatisfy { same($0, $1) }
        case (.object(let left), .object(let right)):
            left.count == right.count
                && left.allSatisfy { one in right.contains { one.key == $0.key && same(one.value, $0.value) } }
        default: false
        }
    }

    private func isValid(_ text: String, _ keyword: String, _ argument: JSONValue) -> Bool {
        let count = Double(text.unicodeScalars.count)
        switch keyword {
        case "minLength": return count >= (argument.number?.double ?? 0)
        case "maxLength": return count <= (argument.number?.double ?? 0)
        case "pattern":
            guard let regex = try? Regex(argument.string ?? "").matchingSemantics(.unicodeScalar) else { return false }
            return text.contains(regex)
        default: return true
        }
    }

    private func isValid(_ number: JSONNumber, _ keyword: String, _ argument: JSONValue) -> Bool {
        let (value, bound) = (number.double, argument.number?.double ?? .nan)
        switch keyword {
        case "minimum": return value >= bound
        case "maximum": return value <= bound
        case "exclusiveMinimum": return value > bound
        case "exclusiveMaximum": return value < bound
        case "multipleOf":
            guard let whole = number.wholeNumber, let divisor = argument.number?.wholeNumber else { return false }
            return whole % divisor == 0
        default: return true
        }
    }

    private func isValid(
        _ elements: [JSONValue], _ keyword: String, _ argument: JSONValue, _ schema: JSONValue
    ) -> Bool {
        switch keyword {
        case "minItems": return elements.count >= (argument.number?.wholeNumber ?? 0)
        case "maxItems": return elements.count <= (argument.number?.wholeNumber ?? 0)
        case "prefixItems": return zip(elements, argument.elements ?? []).allSatisfy { isValid($0, $1) }
        case "items":
            return elements.dropFirst(schema["prefixItems"]?.elements?.count ?? 0).allSatisfy { isValid($0, argument) }
        default: return true
        }
    }

    private func isValid(
        _ members: [JSONMember], _ keyword: String, _ argument: JSONValue, _ schema: JSONValue
    ) -> Bool {
        switch keyword {
        case "minProperties": return members.count >= (argument.number?.wholeNumber ?? 0)
        case "maxProperties": return members.count <= (argument.number?.wholeNumber ?? 0)
        case "required":
            return (argument.elements ?? []).allSatisfy { name in members.value(of: name.string ?? "") != nil }
        case "properties":
            return (argument.members ?? []).allSatisfy { property in
                members.filter { $0.key == property.key }.allSatisfy { isValid($0.value, property.value) }
            }
        case "additionalProperties":
            let known = schema["properties"]?.members ?? []
            return members.allSatisfy { member in
                known.contains { $0.key == member.key } || isValid(member.value, argument)
            }
        default: return true
        }
    }
}
