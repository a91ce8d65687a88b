extension Constraint {
    /// A text that a grammar describes, in GBNF, the notation of llama.cpp.
    ///
    /// A grammar is a list of rules such as `root ::= "yes" | "no, " reason`. The text is what the rule `root` describes.
    /// There are texts with the escapes `\n \r \t \\ \" \[ \] \x.. \u.... \U........`, sets of characters such as `[^a-z]`,
    /// `.` for any character, groups, `|`, the repetitions `* + ? {m} {m,} {,n} {m,n}`, and comments after `#`. A rule ends
    /// with its line, except within a group and before or after a `|`. Rules may refer to themselves, but not as the first
    /// thing that they read.
    ///
    /// Of a grammar that can read the same beginning in more than 512 ways, only 512 of them are followed.
    ///
    /// - Parameters:
    ///   - grammar: Up to 1,048,576 characters.
    ///   - sizeLimit: The most instructions that it may have.
    /// - Throws: ``ConstraintError/unsupported(_:at:)`` for left recursion and for tokens in the grammar;
    ///   ``ConstraintError/malformed(at:reason:)``; ``ConstraintError/unsatisfiable(at:)``;
    ///   ``ConstraintError/tooLarge(limit:)``.
    public static func grammar(
        _ grammar: String, sizeLimit: Int = maximumSize
    ) throws(ConstraintError) -> Constraint {
        try Constraint(try GrammarParser.rules(grammar), sizeLimit: sizeLimit)
    }
}
