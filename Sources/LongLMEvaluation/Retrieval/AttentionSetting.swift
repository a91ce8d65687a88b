import LongLM

/// The attention that an evaluation is asked for, in one of the forms of `AttentionChoice`. With ``automatic``, and with a
/// method's name alone, the mode depends on the text's length.
public struct AttentionSetting: Sendable, Equatable {
    private let choice: AttentionChoice

    /// The model as it was trained.
    public static let plain = AttentionSetting(choice: .fixed(.plain))
    /// What `AttentionMode.recommended(length:for:trainedContext:)` chooses for each length: the plain mode within the trained
    /// context, and beyond it Self-Extend, or Dual Chunk Attention if the model's files ask for it.
    public static let automatic = AttentionSetting(choice: .automatic)

    /// Self-Extend with these settings for all lengths.
    public static func selfExtend(groupSize: Int, neighborWindow: Int) -> AttentionSetting {
        AttentionSetting(
            choice: .fixed(.selfExtend(SelfExtend(groupSize: groupSize, neighborWindow: neighborWindow))))
    }

    private init(choice: AttentionChoice) { self.choice = choice }

    /// Reads `plain`, `auto`, `G:W` or another form of `AttentionChoice`, such as `string:2730:128` or `yarn`; nil: the text
    /// is none of them.
    public init?(_ text: String) {
        guard let choice = try? AttentionChoice(text: text) else { return nil }
        self.choice = choice
    }

    /// What ``init(_:)`` reads: `plain`, `auto`, `G:W`, or a method's name with or without its settings.
    public var name: String { choice.text }

    /// The mode that is the same for all lengths; nil: it depends on them.
    var fixedMode: AttentionMode? {
        if case .fixed(let mode) = choice { return mode }
        return nil
    }

    /// The attention mode for a text of `length` tokens.
    ///
    /// The plain mode takes any length: an evaluation is there to show what a model does past its context.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when the settings don't reach to `length`,
    ///   ``EvaluationError/session(_:)`` when they don't suit the model.
    public func mode(length: Int, of configuration: ModelConfiguration) throws(EvaluationError) -> AttentionMode {
        let mode: AttentionMode
        do {
            mode = try choice.mode(length: length, for: configuration)
            try mode.validate(for: configuration)
        } catch { throw .session(.attention(error)) }
        let contextLength = configuration.contextLength
        let capacity = mode.capacity(contextLength: contextLength)
        guard mode == .plain || length <= capacity else {
            throw .invalidSetting(
                "\(name) reaches to \(capacity) tokens of a model trained for \(contextLength), not to \(length)")
        }
        return mode
    }
}

extension AttentionMode {
    /// `plain` or `selfExtend`, whose settings stand beside it, or the text of another mode: how evaluations report it.
    var reportedName: String {
        switch self {
        case .plain: "plain"
        case .selfExtend: "selfExtend"
        default: text
        }
    }

    /// The settings of Self-Extend.
    var selfExtend: SelfExtend? {
        if case .selfExtend(let settings) = self { return settings }
        return nil
    }

    /// The mode in the words of titles and legends, from what a row says of it.
    static func words(mode: String, groupSize: Int?, neighborWindow: Int?, grouped: (Int) -> String) -> String {
        if let groupSize, let neighborWindow {
            return "Self-Extend, G = \(grouped(groupSize)), W = \(grouped(neighborWindow))"
        }
        if mode == "plain" { return "as it was trained" }
        guard let other = try? AttentionMode(text: mode) else { return mode }
        return other.title == mode ? mode : "\(other.title) (\(mode))"
    }
}
