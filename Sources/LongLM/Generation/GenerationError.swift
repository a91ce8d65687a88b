import Constraints
import Tokenization

/// Why a text can't be continued.
public enum GenerationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The session can't do what the text needs.
    case session(SessionError)
    /// A token that the tokenizer doesn't know, or messages that a chat format has no place for.
    case tokenizer(TokenizerError)
    /// The session has processed or forgotten other tokens in the meantime.
    case sessionChanged
    /// The tokenizer's tokens can't spell what the constraint asks for, or they take more steps to find than it allows.
    case constraint(ConstraintError)
    /// An option outside of its range.
    case invalidOption(InvalidOption)

    /// Whether the reason is that the task was cancelled.
    public var isCancellation: Bool { if case .session(.cancelled) = self { true } else { false } }

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .session(let error): "\(error)"
        case .tokenizer(let error): "\(error)"
        case .sessionChanged: "the session has been used for something else since; this text can't go on"
        case .constraint(let error): "\(error)"
        case .invalidOption(let option): "\(option)"
        }
    }
}

/// Runs a session's work for a generation, and converts its errors.
func generating<Result>(_ body: () throws(SessionError) -> Result) throws(GenerationError) -> Result {
    do throws(SessionError) {
        return try body()
    } catch { throw .session(error) }
}
