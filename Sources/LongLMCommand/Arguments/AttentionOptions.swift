import ArgumentParser
import LongLM

/// Options for a session's capacity, and for positions past the trained context.
struct AttentionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The most tokens of prompt and continuation together; by default, as many as they can come to, and in chat as "
                + "many as longlm chat --help says.", valueName: "n"))
    var length: Int?

    @Option(
        help: ArgumentHelp(
            "The same as --attention auto: what longlm plan recommends for --length. That is plain attention within the "
                + "trained context, and beyond it Self-Extend, or Dual Chunk Attention if the model's files ask for it.",
            valueName: "auto"))
    var selfExtend: Recommendation?

    enum Recommendation: String, CaseIterable, ExpressibleByArgument { case auto }

    @Option(
        help: ArgumentHelp(
            "L for auto and for methods without settings: the longest texts of the model's training, in tokens; by "
                + "default, what the model's files say.", valueName: "n"))
    var trainedContext: Int?

    @Option(
        help: ArgumentHelp(
            "How texts beyond the trained context are read: auto, or a method, one of "
                + AttentionChoice.methodNames.joined(separator: ", ")
                + "; by default plain, or self-extend with --group-size. A method's name alone takes the settings that "
                + "--length needs, or without --length those for its default. Settings follow with colons, as in 4:1024 "
                + "(G:W of self-extend), string:2730:128, dca:6144:1024 or yarn:4. The article WhichMethodWhen of the "
                + "documentation explains them. self-extend and leaky-rerope also take --group-size and "
                + "--neighbor-window, and rerope takes --neighbor-window.",
            valueName: "method"),
        transform: AttentionOptions.choice)
    var attention: AttentionChoice?

    @Option(
        help: ArgumentHelp(
            "Self-Extend's G: beyond the neighbor window, this many tokens share a position. With leaky-rerope, its k: "
                + "distances grow this many times more slowly. Needs --neighbor-window.", valueName: "g"))
    var groupSize: Int?

    @Option(
        help: ArgumentHelp(
            "W of Self-Extend, rerope and leaky-rerope: how many of the last tokens keep their true positions. Needs "
                + "--group-size, except with rerope.", valueName: "w"))
    var neighborWindow: Int?

    @Option(
        help: "How Self-Extend shifts the grouped query: floor (as in the paper, the default) or fractional.")
    var shift: SelfExtend.Shift?

    @Option(
        help: ArgumentHelp(
            "The base b of the query scale max(1, ln(i + 1)/ln b) at position i, for Self-Extend, rerope and leaky-rerope; "
                + "by default, there is no scale.", valueName: "b"))
    var queryScaleBase: Float?

    @Flag(
        name: .customLong("beyond-context"),
        help: "Accept more tokens than the model's positions reach. What it produces there is mostly nonsense.")
    var goesBeyondContext = false

    /// Reads --attention.
    static func choice(_ text: String) throws -> AttentionChoice {
        do {
            return try AttentionChoice(text: text)
        } catch { throw ValidationError("\(error)") }
    }

    func validate() throws {
        if let length, !(1...(1 << 24)).contains(length) {
            throw ValidationError("--length is \(length); it must be between 1 and \(1 << 24)")
        }
        if selfExtend != nil {
            guard attention == nil, groupSize == nil, neighborWindow == nil, shift == nil, queryScaleBase == nil,
                !goesBeyondContext
            else {
                throw ValidationError(
                    "--self-extend auto goes with none of --attention, --group-size, --neighbor-window, --shift, "
                        + "--query-scale-base and --beyond-context")
            }
        }
        if let trainedContext {
            if choice.isFixed {
                throw ValidationError("--trained-context needs --self-extend auto, or --attention without settings")
            }
            try checkTrainedContext(trainedContext)
        }
        try validateSettings()
    }

    /// The method whose settings are options of their own.
    private enum Method: String {
        case selfExtend = "self-extend"
        case reRoPE = "rerope"
        case leakyReRoPE = "leaky-rerope"
    }

    /// nil: --attention names another method, or settings.
    private var method: Method? {
        switch attention {
        case nil: .selfExtend
        case .recommended(let name)?: Method(rawValue: name)
        case .fixed?, .automatic?: nil
        }
    }

    private func validateSettings() throws {
        guard groupSize != nil || neighborWindow != nil || shift != nil || queryScaleBase != nil else { return }
        guard let method else {
            throw ValidationError(
                "--attention \(attention?.text ?? "") goes with none of --group-size, --neighbor-window, --shift and "
                    + "--query-scale-base")
        }
        if method == .reRoPE {
            if groupSize != nil || shift != nil || neighborWindow == nil {
                throw ValidationError(
                    "--attention rerope takes --neighbor-window, and neither --group-size nor --shift")
            }
        } else if (groupSize == nil) != (neighborWindow == nil) {
            throw ValidationError("--group-size and --neighbor-window go together")
        }
        if method == .leakyReRoPE, groupSize == nil || shift != nil {
            throw ValidationError(
                "--attention leaky-rerope takes --group-size and --neighbor-window, and no --shift")
        }
        if neighborWindow == nil, shift != nil || queryScaleBase != nil {
            throw ValidationError("--shift and --query-scale-base need --group-size and --neighbor-window")
        }
        if let groupSize, groupSize < 1 { throw ValidationError("--group-size is \(groupSize); it must be at least 1") }
        if let neighborWindow, neighborWindow < 1 {
            throw ValidationError("--neighbor-window is \(neighborWindow); it must be at least 1")
        }
    }

    /// What the options name: the plain mode if they name nothing.
    var choice: AttentionChoice {
        if selfExtend != nil { return .automatic }
        guard let neighborWindow, let method else { return attention ?? .fixed(.plain) }
        return switch method {
        case .selfExtend:
            .fixed(
                .selfExtend(
                    SelfExtend(
                        groupSize: groupSize ?? 1, neighborWindow: neighborWindow, shift: shift ?? .floor,
                        queryScaleBase: queryScaleBase)))
        case .reRoPE: .fixed(.reRoPE(ReRoPE(neighborWindow: neighborWindow, queryScaleBase: queryScaleBase)))
        case .leakyReRoPE:
            .fixed(
                .leakyReRoPE(
                    LeakyReRoPE(
                        slowdown: Double(groupSize ?? 1), neighborWindow: neighborWindow,
                        queryScaleBase: queryScaleBase)))
        }
    }

    /// Refuses options that are wrong with any prompt, before anything but config.json is read.
    ///
    /// - Throws: `AttentionError` when the settings don't suit the model, ``CommandError`` when --length goes beyond what
    ///   the positions reach to.
    func check(_ configuration: ModelConfiguration) throws {
        guard case .fixed(let mode) = choice else {
            if let length { _ = try mode(length: length, configuration) }
            return
        }
        try mode.validate(for: configuration)
        if let length { try check("--length is \(length)", length, mode, configuration.contextLength) }
    }

    /// The attention mode and the capacity of a session for a prompt of `promptLength` tokens and up to `additional` more.
    /// A mode that was chosen by the length is printed on standard error.
    ///
    /// - Throws: `AttentionError` when the settings don't suit the model, ``CommandError`` when the prompt goes
    ///   beyond --length or what the positions reach to.
    func sessionExtent(
        promptLength: Int, additional: Int, configuration: ModelConfiguration
    ) throws -> (attention: AttentionMode, length: Int) {
        try check(configuration)
        if let length, promptLength > length {
            throw CommandError.invalidInput("the prompt has \(promptLength) tokens, but --length is \(length)")
        }
        let context = configuration.contextLength
        let wanted = max(1, length ?? promptLength + additional)
        guard case .fixed(let mode) = choice else {
            let mode = try mode(length: wanted, configuration)
            Terminal.writeError("\(mode.words) for \(wanted.grouped) tokens")
            return (mode, wanted)
        }
        try check("the prompt has \(promptLength) tokens", promptLength, mode, context)
        return (mode, goesBeyondContext ? wanted : min(wanted, mode.capacity(contextLength: context)))
    }

    /// The mode for a length, where it depends on that.
    private func mode(length: Int, _ configuration: ModelConfiguration) throws -> AttentionMode {
        let mode = try choice.mode(length: length, for: configuration, trainedContext: trainedContext)
        try mode.validate(for: configuration)
        // --trained-context may say more than the positions are good for.
        if case .recommended = choice {
            try check("\(length.grouped) tokens are asked for", length, mode, configuration.contextLength)
        }
        return mode
    }

    /// Refuses a length that the positions don't reach to, unless --beyond-context is given.
    private func check(_ statement: String, _ length: Int, _ mode: AttentionMode, _ context: Int) throws(CommandError) {
        let capacity = mode.capacity(contextLength: context)
        guard length > capacity, !goesBeyondContext else { return }
        let remedy =
            switch mode {
            case .plain: "extend it with --self-extend auto, or with --group-size and --neighbor-window"
            case .selfExtend: "take --self-extend auto, or a larger --group-size or a smaller --neighbor-window"
            case .leakyReRoPE: "take a larger --group-size or a smaller --neighbor-window"
            default: "take other settings, or --attention with the method's name alone"
            }
        throw .invalidInput(
            "\(statement), the model's positions reach to \(capacity): \(remedy), or go on regardless with "
                + "--beyond-context")
    }
}

extension SelfExtend.Shift: ExpressibleByArgument {}

extension AttentionMode {
    /// The mode in words, such as `Self-Extend with G = 4, W = 1,024`.
    var words: String {
        switch self {
        case .plain: "plain attention"
        case .selfExtend(let mode):
            "Self-Extend with G = \(mode.groupSize.grouped), W = \(mode.neighborWindow.grouped)"
        case .reRoPE(let mode): "ReRoPE with W = \(mode.neighborWindow.grouped)"
        case .leakyReRoPE(let mode):
            "Leaky ReRoPE with slowdown \(mode.slowdown), W = \(mode.neighborWindow.grouped)"
        default: "\(title) (\(text))"
        }
    }
}

/// Refuses a trained context that no model can have.
func checkTrainedContext(_ count: Int) throws {
    guard (2...(1 << 24)).contains(count) else {
        throw ValidationError("--trained-context is \(count); it must be between 2 and \(1 << 24)")
    }
}
