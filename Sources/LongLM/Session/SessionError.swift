/// Why a session could not do what it was asked to. Nothing was computed, except before ``cancelled(position:)``.
public enum SessionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The tokens would not fit: how many positions they need in all, and how many the session has.
    case capacityExceeded(needed: Int, capacity: Int)
    /// A token id that the model's vocabulary doesn't have.
    case tokenOutOfRange(id: Int, vocabularySize: Int)
    /// A prefill without tokens, or a generation that has no text to continue.
    case noTokens
    /// Work asked for from within the progress of a prefill.
    case busy
    /// A length that the session can't be shortened to, because the neighbor keys from before it are gone, and the least
    /// length above 0 that it can be shortened to.
    case cannotTruncate(to: Int, earliest: Int)
    /// A session that doesn't belong where it was given.
    case mismatch(SessionMismatch)
    /// An attention mode that has no meaning for this model.
    case attention(AttentionError)
    /// An option outside of its range.
    case invalidOption(InvalidOption)
    /// A full session, or a batch, needs more memory than there is. None of it was taken.
    case memory(MemoryShortage)
    /// The task was cancelled; the session holds this many positions and can go on.
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
    /// A batch, or a prompt cache, has sessions of one model.
    case otherModel
    /// A prompt cache keeps sessions of its own options.
    case otherOptions
    /// A session stands in a batch twice.
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
