import LongLM

/// The attention that an evaluation is asked for. With ``automatic`` the mode depends on the text's length.
public enum AttentionSetting: Sendable, Equatable {
    /// The model as it was trained.
    case plain
    /// What `AttentionMode.recommended(length:trainedContext:)` chooses for each length: the plain mode within the trained
    /// context, and Self-Extend beyond it.
    case automatic
    /// Self-Extend with these settings for all lengths.
    case selfExtend(groupSize: Int, neighborWindow: Int)

    /// Reads `plain`, `auto` or `G:W`; nil: the text is none of them.
    public init?(_ text: String) {
        switch text {
        case "plain": self = .plain
        case "auto": self = .automatic
        default:
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let groupSize = Int(parts[0]), let neighborWindow = Int(parts[1]) else {
                return nil
            }
            self = .selfExtend(groupSize: groupSize, neighborWindow: neighborWindow)
        }
    }

    /// `plain`, `auto` or `G:W`.
    public var name: String {
        switch self {
        case .plain: "plain"
        case .automatic: "auto"
        case .selfExtend(let groupSize, let neighborWindow): "\(groupSize):\(neighborWindow)"
        }
    }

    /// The attention mode for a text of `length` tokens.
    ///
    /// The plain mode takes any length: an evaluation is there to show what a model does past its context.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when the settings don't suit the model or don't reach to `length`.
    public func mode(length: Int, of configuration: ModelConfiguration) throws(EvaluationError) -> AttentionMode {
        let contextLength = configuration.contextLength
        switch self {
        case .plain: return .plain
        case .automatic:
            do {
                return try AttentionMode.recommended(length: length, trainedContext: configuration.trainedContext)
            } catch { throw .session(.attention(error)) }
        case .selfExtend(let groupSize, let neighborWindow):
            let mode = AttentionMode.selfExtend(SelfExtend(groupSize: groupSize, neighborWindow: neighborWindow))
            do {
                try mode.validate(contextLength: contextLength)
            } catch { throw .session(.attention(error)) }
            let capacity = mode.capacity(contextLength: contextLength)
            guard length <= capacity else {
                throw .invalidSetting(
                    "\(name) reaches to \(capacity) tokens of a model trained for \(contextLength), not to \(length)")
            }
            return mode
        }
    }
}

extension AttentionMode {
    /// `plain` or `selfExtend`, as evaluations report it.
    var reportedName: String { self == .plain ? "plain" : "selfExtend" }

    /// The settings of Self-Extend.
    var selfExtend: SelfExtend? {
        if case .selfExtend(let settings) = self { return settings }
        return nil
    }
}
