import Tokenization

/// Why a session could not do what it was asked to. Nothing was computed, except before ``cancelled(position:)`` and before
/// a generation's ``tokenizer(_:)``.
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
    /// A token that the tokenizer doesn't know, or messages that a chat format has no place for.
    case tokenizer(TokenizerError)
    /// A generation whose session has processed, or forgotten, other tokens since: it can't go on.
    case sessionChanged
    /// Settings of an attention mode that have no meaning for this model.
    case invalidAttentionMode(String)
    /// An option outside of its range.
    case invalidOption(String)
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
        case .tokenizer(let error): "\(error)"
        case .sessionChanged: "the session has been used for something else since; this text can't go on"
        case .invalidAttentionMode(let reason): reason
        case .invalidOption(let reason): reason
        case .memory(let shortage): shortage.description
        case .cancelled(let position): "cancelled after \(position) tokens"
        }
    }
}
