import Tokenization

/// Why a chat could not be made of a model's files.
public enum ChatError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A model that can't be loaded.
    case model(ModelError)
    /// A tokenizer or a chat template that can't be used.
    case tokenizer(TokenizerError)
    /// A session that can't be made: options that don't suit the model, or too little memory.
    case session(SessionError)

    /// Whether the reason is that the task was cancelled.
    public var isCancellation: Bool {
        switch self {
        case .model(.cancelled), .session(.cancelled): true
        default: false
        }
    }

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .model(let error): "\(error)"
        case .tokenizer(let error): "\(error)"
        case .session(let error): "\(error)"
        }
    }

    init(_ error: LoadingError) {
        switch error {
        case .model(let error): self = .model(error)
        case .tokenizer(let error): self = .tokenizer(error)
        }
    }
}
