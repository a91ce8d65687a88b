extension Constraint {
    /// One of some texts, exactly.
    ///
    /// - Parameters:
    ///   - texts: Not empty. One of them may be the empty text.
    ///   - sizeLimit: The most instructions that it may have.
    /// - Throws: ``ConstraintError/unsatisfiable(at:)`` without texts; ``ConstraintError/tooLarge(limit:)``.
    public static func choice(
        _ texts: [String], sizeLimit: Int = maximumSize
    ) throws(ConstraintError) -> Constraint {
        var rules = RuleSet()
        rules.set(RuleSet.root, to: .texts(texts.map { Array($0.utf8) }))
        return try Constraint(rules, sizeLimit: sizeLimit)
    }
}
