import StrictJSON

extension Constraint {
    /// The white space of JSON.
    public enum Whitespace: Sendable, CaseIterable {
        /// None: `{"a":[1,2]}`.
        case compact
        /// One space after each colon and comma, as Python's json.dumps writes it: `{"a": [1, 2]}`.
        case spaced
        /// After a bracket, a comma and a colon, and before a closing bracket, the model may choose: nothing, one space, or
        /// (not after a colon) a new line and an indentation of up to 32 spaces or 8 tabs.
        case flexible
    }

    /// JSON that a JSON schema (https://json-schema.org) describes. `true` is the schema of any JSON.
    ///
    /// Every text that satisfies the constraint is valid. Not every valid text satisfies it, because a model needs a form to
    /// follow:
    ///
    /// - Properties come in the schema's order. Others are written only where `additionalProperties` is there and isn't
    ///   false, or there are no `properties`. No key occurs twice in an object.
    /// - Where there is no `type`, it follows from the keywords that are there.
    /// - Numbers have up to 15 digits before the point, 15 after it, and 2 in the exponent, whole ones up to 18. With a
    ///   `minimum` or `maximum`, there is no exponent and there are about 15 digits in all.
    /// - Strings that have a `pattern` or `format` use escapes only where they must.
    ///
    /// The keywords are `type`, `enum`, `const`; `properties`, `required`, `additionalProperties`; `items`, `prefixItems`,
    /// `minItems`, `maxItems`; `minLength`, `maxLength`, `pattern`, `format` (`date`, `time`, `date-time`, `uuid`, `ipv4`);
    /// `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf` (whole numbers up to
    /// 1,000); `anyOf`, `allOf` where its parts can be merged, `oneOf` where no value can fit two of its parts;
    /// `$ref` within the schema, also to itself; `nullable`, as in OpenAPI 3.0; `minProperties` and `maxProperties`, where
    /// they follow from other keywords or there are no `properties`. Annotations, and keywords that begin with `x-`, are
    /// ignored. Lengths and patterns count Unicode scalars.
    ///
    /// - Parameters:
    ///   - schema: The schema's text.
    ///   - whitespace: The white space of the JSON.
    ///   - sizeLimit: The most instructions that it may have.
    /// - Throws: ``ConstraintError/malformed(at:reason:)`` for text that isn't JSON and for keywords with wrong values;
    ///   ``ConstraintError/unsupported(_:at:)`` with the keyword and a JSON pointer for any other keyword, and where
    ///   keywords can't be combined; ``ConstraintError/unsatisfiable(at:)``; ``ConstraintError/tooLarge(limit:)``.
    public static func jsonSchema(
        _ schema: String, whitespace: Whitespace = .compact, sizeLimit: Int = maximumSize
    ) throws(ConstraintError) -> Constraint {
        try jsonSchema(Array(schema.utf8), whitespace: whitespace, sizeLimit: sizeLimit)
    }

    /// JSON that a JSON schema describes; see ``jsonSchema(_:whitespace:sizeLimit:)-(String,_,_)``.
    ///
    /// - Parameters:
    ///   - schema: The schema's text, in UTF-8.
    ///   - whitespace: The white space of the JSON.
    ///   - sizeLimit: The most instructions that it may have.
    public static func jsonSchema(
        _ schema: [UInt8], whitespace: Whitespace = .compact, sizeLimit: Int = maximumSize
    ) throws(ConstraintError) -> Constraint {
        let root: JSONValue
        do throws(JSONError) {
            root = try JSONValue(parsing: schema)
        } catch {
            throw .malformed(at: "line \(error.line), column \(error.column)", reason: error.reason)
        }
        var compiler = SchemaCompiler(root: root, json: JSONRules(whitespace))
        let expression = try compiler.expression(of: root, at: "#")
        var rules = compiler.json.rules
        rules.set(RuleSet.root, to: expression)
        return try Constraint(rules, sizeLimit: sizeLimit, hasFreeKeys: compiler.json.hasFreeKeys)
    }
}
