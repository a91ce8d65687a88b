import StrictJSON
import Tokenization

extension Constraint {
    /// One of several texts, each followed by a JSON object of a schema of its own, such as a function's name and its
    /// arguments.
    ///
    /// - Parameters:
    ///   - parts: At least one. The schema is one of an object, whether it says so or not; nil is any object.
    ///   - sizeLimit: The most instructions that it may have.
    /// - Throws: As ``jsonSchema(_:whitespace:sizeLimit:)-(String,_)``.
    package static func objects(
        after parts: [(text: String, schema: TemplateValue?)], sizeLimit: Int = maximumSize
    ) throws(ConstraintError) -> Constraint {
        var json = JSONRules(.spaced)
        var choices: [Expression] = []
        for part in parts {
            var members = part.schema.map(JSONValue.init)?.members ?? []
            if members.value(of: "type") == nil {
                members.append(JSONMember(key: Array("type".utf8)[...], value: .string(Array("object".utf8)[...])))
            }
            let root = JSONValue.object(members)
            var compiler = SchemaCompiler(root: root, json: json)
            choices.append(.sequence([.literal(part.text), try compiler.expression(of: root, at: "#")]))
            json = compiler.json
        }
        var rules = json.rules
        rules.set(RuleSet.root, to: .choice(choices))
        return try Constraint(rules, sizeLimit: sizeLimit, hasFreeKeys: json.hasFreeKeys)
    }
}

extension JSONValue {
    fileprivate init(_ value: TemplateValue) {
        switch value {
        case .null: self = .null
        case .bool(let bool): self = .bool(bool)
        case .integer(let integer): self = .number(.integer(integer))
        case .double(let number): self = .number(.real(number))
        case .string(let text): self = .string(Array(text.utf8)[...])
        case .array(let elements): self = .array(elements.map(JSONValue.init))
        case .object(let members):
            // Of two equal names, the later one counts.
            var all: [JSONMember] = []
            for member in members {
                let key = Array(member.key.utf8)[...]
                all.removeAll { $0.key == key }
                all.append(JSONMember(key: key, value: JSONValue(member.value)))
            }
            self = .object(all)
        }
    }
}
