/// Why a constraint can't be made, or can't be used with a tokenizer.
public enum ConstraintError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The source isn't what it should be: a regular expression, JSON, a JSON schema or a grammar. `place` says where, such
    /// as `character 3`, `line 2, column 5`, or a JSON pointer.
    case malformed(at: String, reason: String)
    /// The source is valid but uses something that constraints can't express: a keyword of a JSON schema or a part of a
    /// regular expression's syntax. `place` is a JSON pointer, a position, or a grammar's rule.
    case unsupported(_ feature: String, at: String)
    /// No text satisfies the constraint, or a part of it that has to be there. `place` is a JSON pointer, and empty for the
    /// whole.
    case unsatisfiable(at: String)
    /// Every text that satisfies the constraint has a byte that the tokenizer has no token for.
    case unspellable(byte: UInt8)
    /// The constraint is larger than the limit: in instructions, texts or characters.
    case tooLarge(limit: Int)
    /// The text can be read in so many ways that finding the tokens that may come next takes more steps than
    /// ``Constraint/stepLimit``.
    case tooAmbiguous(limit: Int)

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .malformed(let place, let reason): "\(place.isEmpty ? "" : place + ": ")\(reason)"
        case .unsupported(let feature, let place):
            place.isEmpty ? "\(feature) is not supported" : "\(feature) is not supported (at \(place))"
        case .unsatisfiable(let place):
            place.isEmpty ? "no text satisfies the constraint" : "nothing satisfies the schema at \(place)"
        case .unspellable(let byte):
            "every text that satisfies the constraint needs the byte 0x\(String(byte, radix: 16, uppercase: true)), "
                + "which the tokenizer has no token for"
        case .tooAmbiguous(let limit):
            "the constraint can be read in too many ways: the next tokens take more than \(limit) steps to find"
        case .tooLarge(let limit): "the constraint is larger than the limit of \(limit)"
        }
    }
}
