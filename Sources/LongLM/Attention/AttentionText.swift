/// An attention mode as users name it: with settings, or by a name alone, which takes those that a length needs.
///
/// | text | mode |
/// |---|---|
/// | `plain` | the model as it was trained |
/// | `auto` | what ``AttentionMode/recommended(length:for:trainedContext:)`` chooses |
/// | `G:W`, `self-extend:G:W` | Self-Extend |
/// | `rerope:W` | ReRoPE |
/// | `leaky-rerope:k:W` | Leaky ReRoPE |
/// | `string:S:W` | STRING |
/// | `dpe:G1,…,GB:W` | DPE |
/// | `dpe:llama-3-8b`, `dpe:mistral-7b-v0.2`, `dpe:llama-3.1-8b`, `dpe:qwen2.5-7b` | DPE with its authors' settings |
/// | `dca:C:W` | Dual Chunk Attention |
/// | `lampe:N:U:H` | LaMPE |
/// | `linear:F`, `ntk:F`, `dynamic-ntk:N`, `yarn:F`, `llama3:F:low:high` | other frequencies |
///
/// A method's name alone, such as `yarn`, takes the settings that the method recommends for a length. `self-extend:G:W`,
/// `rerope:W` and `leaky-rerope:k:W` may end with `:scale=b`, the base of a query scale. `self-extend` may have `:fractional`
/// before that. `string` and `lampe` may end with a factor for cosines and sines, as in `string:2730:128:1`.
public enum AttentionChoice: Sendable, Equatable {
    /// The same mode for all lengths.
    case fixed(AttentionMode)
    /// What ``AttentionMode/recommended(length:for:trainedContext:)`` chooses for a length.
    case automatic
    /// A method's recommended settings for a length. This is the method's name, one of ``methodNames``.
    case recommended(String)

    /// The names that methods have in texts.
    public static var methodNames: [String] { AttentionMode.methods.map { $0.name } }

    /// Whether the mode is the same for all lengths.
    public var isFixed: Bool {
        if case .fixed = self { return true }
        return false
    }

    /// Reads a text.
    ///
    /// - Throws: ``AttentionError/invalidOption(_:)``, which says what is allowed.
    public init(text: String) throws(AttentionError) {
        if text == Self.automaticName {
            self = .automatic
            return
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        // G:W alone is Self-Extend.
        let isNumber = parts.count == 2 && parts.allSatisfy { Int($0) != nil }
        let name = isNumber ? SelfExtend.name : parts.first.map(String.init) ?? ""
        guard let method = AttentionMode.methods.first(where: { $0.name == name }) else {
            throw .invalidOption(
                InvalidOption(
                    "attention", text.debugDescription,
                    allowed: "\(Self.automaticName), G:W such as 4:1024, or one of "
                        + Self.methodNames.joined(separator: ", ") + ", with or without settings"))
        }
        if !isNumber, parts.count == 1, method != PlainAttention.self {
            self = .recommended(name)
            return
        }
        var settings = SettingsReader(isNumber ? parts[...] : parts.dropFirst())
        guard let method = method.init(&settings), settings.isAtEnd else {
            throw .invalidOption(InvalidOption("attention", text.debugDescription, allowed: method.form))
        }
        self = .fixed(method.mode)
    }

    /// The text that ``init(text:)`` reads as this; Self-Extend with the paper's shift and no query scale is `G:W`.
    public var text: String {
        switch self {
        case .automatic: Self.automaticName
        case .recommended(let name): name
        case .fixed(.selfExtend(let method)) where method.isWrittenAlone: method.settings
        case .fixed(let mode): mode.text
        }
    }

    /// The mode for a text of `length` tokens.
    ///
    /// - Parameters:
    ///   - length: Between 1 and 2²⁴.
    ///   - model: The model's configuration.
    ///   - trainedContext: The longest texts of its training; nil: what the configuration says.
    /// - Throws: ``AttentionError`` if the settings depend on the length, and none suit it.
    public func mode(
        length: Int, for model: ModelConfiguration, trainedContext: Int? = nil
    ) throws(AttentionError) -> AttentionMode {
        let context = trainedContext ?? model.trainedContext
        switch self {
        case .fixed(let mode): return mode
        case .automatic:
            return try AttentionMode.recommended(length: length, for: model, trainedContext: context)
        case .recommended(let name):
            guard let method = AttentionMode.methods.first(where: { $0.name == name }) else {
                throw .invalidOption(
                    InvalidOption(
                        "attention", name.debugDescription,
                        allowed: "one of " + Self.methodNames.joined(separator: ", ")))
            }
            try checkLengths(length, trainedContext: context)
            if let published = method.published(for: model, trainedContext: context) { return published.mode }
            return try method.recommended(length: length, trainedContext: context).mode
        }
    }

    private static let automaticName = "auto"
}

extension SelfExtend {
    /// Whether `G:W` says everything.
    fileprivate var isWrittenAlone: Bool { shift == .floor && queryScaleBase == nil }
}

extension AttentionMode {
    /// The method's name and its settings, such as `string:2730:128`; ``init(text:)`` reads it.
    public var text: String { method.text }

    /// Whether sliding windows stay, because keys are met between their true positions.
    public var keepsSlidingWindow: Bool { !method.movesPositions }

    /// What the method is called in prose, such as `Self-Extend` or `plain attention`.
    public var title: String { type(of: method).title }

    /// Reads a method with its settings, such as `string:2730:128`; see ``AttentionChoice``.
    ///
    /// - Throws: ``AttentionError/invalidOption(_:)``, which says what is allowed.
    public init(text: String) throws(AttentionError) {
        guard case .fixed(let mode) = try AttentionChoice(text: text) else {
            throw .invalidOption(
                InvalidOption("attention", text.debugDescription, allowed: "a method with its settings"))
        }
        self = mode
    }
}
