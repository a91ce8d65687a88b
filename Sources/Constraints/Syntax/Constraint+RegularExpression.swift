extension Constraint {
    /// A text that matches a regular expression as a whole.
    ///
    /// The syntax is the part of ECMA-262's that JSON schemas recommend: characters, `.`, sets such as `[^a-z]`, `\d \D \w \W
    /// \s \S`, escapes such as `\n`, `\x0a`, `\u00e9` and `\u{1F600}`, groups, `|`, and the quantifiers `* + ? {m} {m,}
    /// {m,n}`. Lazy quantifiers allow the same texts as others. `^` and `$` may stand at the ends, where they change nothing.
    /// A character is a Unicode scalar, and `\d` and `\w` are ASCII only.
    ///
    /// - Parameters:
    ///   - pattern: Up to 65,536 characters.
    ///   - sizeLimit: The most instructions that it may have.
    /// - Throws: ``ConstraintError/unsupported(_:at:)`` for look-around, back references, word boundaries, Unicode
    ///   properties, flags, and anchors elsewhere; ``ConstraintError/malformed(at:reason:)``;
    ///   ``ConstraintError/unsatisfiable(at:)``; ``ConstraintError/tooLarge(limit:)``.
    public static func regularExpression(
        _ pattern: String, sizeLimit: Int = maximumSize
    ) throws(ConstraintError) -> Constraint {
        var rules = RuleSet()
        rules.set(RuleSet.root, to: try RegularExpressionParser.whole(pattern))
        return try Constraint(rules, sizeLimit: sizeLimit)
    }
}
