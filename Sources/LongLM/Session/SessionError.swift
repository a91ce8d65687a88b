/// Why a session could not do what it was asked to do. Nothing was computed, except in the case
/// ``cancelled(position:)``.
public enum SessionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The tokens don't fit: how many positions they need in total, and how many the session has.
    case capacityExceeded(needed: Int, capacity: Int)
    /// A token id that the model's vocabulary doesn't have.
    case tokenOutOfRange(id: Int, vocabularySize: Int)
    /// A prefill has no tokens, or a generation has no text to continue.
    case noTokens
    /// Work was asked for from a prefill's `progress`.
    case busy
    /// The session can't be shortened to this length, because the neighbor keys before it are gone. `earliest` is the
    /// least length above 0 that it can be shortened to.
    case cannotTruncate(to: Int, earliest: Int)
    /// The session doesn't belong where it was given.
    case mismatch(SessionMismatch)
    /// The attention mode makes no sense for this model.
    case attention(AttentionError)
    /// An option outside of its range.
    case invalidOption(InvalidOption)
    /// A full session, or a batch, needs more memory than there is. No memory was taken.
    case memory(MemoryShortage)
    /// The task was cancelled. The session holds this many tokens and can go on.
    case cancelled(position: Int)

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .capacityExceeded(let needed, let capacity):
            "\(needed) tokens don't fit into a session of \(capacity)"
        case .tokenOutOfRange(let id, let vocabularySize):
            "token \(id) is not in the vocabulary of \(vocabularySize)"
        case .noTokens: "there are no tokens to process"
        case .busy: "the session is at work"
        case .cannotTruncate(let length, let earliest):
            "\(length) tokens can't be kept: the neighbor keys before them are gone; truncate to \(earliest) or more, or "
                + "to 0 and prefill again"
        case .mismatch(let mismatch): "\(mismatch)"
        case .attention(let error): "\(error)"
        case .invalidOption(let option): "\(option)"
        case .memory(let shortage): "\(shortage)"
        case .cancelled(let position): "cancelled after \(position) tokens"
        }
    }
}

/// Why a session doesn't belong where it was given.
public enum SessionMismatch: Equatable, Sendable, CustomStringConvertible {
    /// A batch or a prompt cache takes only sessions of its own model.
    case otherModel
    /// A prompt cache takes only sessions with its own options.
    case otherOptions
    /// A session is in a batch twice.
    case repeated

    /// One line for a person to read.
    public var description: String {
        switch self {
        case .otherModel: "the session is one of another model"
        case .otherOptions: "the session has other options than the prompt cache that is to keep it"
        case .repeated: "a session stands in a batch twice"
        }
    }
}
