import LongLM

/// What the text of an answer has to be: OpenAI's `response_format`, and vLLM's `guided_json`, `guided_regex`,
/// `guided_choice` and `guided_grammar`.
enum ResponseFormat {
    /// What a constraint is made of.
    private enum Source {
        case schema(String)
        case pattern(String)
        case choice([String])
        case grammar(String)
    }

    /// The most instructions of a constraint. No other request is read while one is made.
    private static let sizeLimit = 1 << 17

    /// Reads the fields.
    ///
    /// - Returns: nil for any text.
    static func read(
        _ fields: inout Fields, _ model: ServedModel, _ cache: inout RecentValues<Constraint, ConstraintError>
    ) throws(APIError) -> Constraint? {
        var sources: [(field: String, source: Source)] = []
        if let value = fields.value("response_format") {
            var format = try Fields(value, path: "response_format")
            if let source = try Self.source(&format) { sources.append(source) }
            try format.end()
        }
        if let value = fields.value("guided_json") {
            // Both are common: the schema, and its text.
            sources.append(("guided_json", .schema(value.string ?? value.text())))
        }
        if let text = try fields.string("guided_regex") { sources.append(("guided_regex", .pattern(text))) }
        if let texts = try fields.strings("guided_choice") { sources.append(("guided_choice", .choice(texts))) }
        if let text = try fields.string("guided_grammar") { sources.append(("guided_grammar", .grammar(text))) }
        guard let (field, source) = sources.first else { return nil }
        if sources.count > 1 {
            throw .invalid("\(sources[1].field) and \(field) can't both be given.", field: sources[1].field)
        }
        do throws(ConstraintError) {
            return try cache.value(for: "\(source)") { () throws(ConstraintError) in
                let constraint = try constraint(source)
                try constraint.check(with: model.tokenizer)
                return constraint
            }
        } catch { throw .invalid("\(field): \(error).", field: field) }
    }

    /// What `response_format` says; nil: nothing.
    private static func source(_ format: inout Fields) throws(APIError) -> (field: String, source: Source)? {
        switch try format.string("type") {
        case "text": return nil
        case "json_object": return ("response_format", .schema(#"{"type": "object"}"#))
        case "json_schema":
            var description = try Fields(
                format.value("json_schema") ?? .null, path: "response_format.json_schema")
            guard let schema = description.value("schema") else {
                throw .invalid("response_format.json_schema.schema is missing.", field: description.name("schema"))
            }
            // An answer always fits its schema, whether that is asked for strictly or not.
            description.ignore(["name", "description", "strict"])
            try description.end()
            return (description.name("schema"), .schema(schema.text()))
        default:
            throw .invalid(
                "response_format.type is none of text, json_object and json_schema.", field: "response_format.type")
        }
    }

    private static func constraint(_ source: Source) throws(ConstraintError) -> Constraint {
        switch source {
        case .schema(let text): try .jsonSchema(text, whitespace: .spaced, sizeLimit: sizeLimit)
        case .pattern(let text): try .regularExpression(text, sizeLimit: sizeLimit)
        case .choice(let texts): try .choice(texts, sizeLimit: sizeLimit)
        case .grammar(let text): try .grammar(text, sizeLimit: sizeLimit)
        }
    }
}
