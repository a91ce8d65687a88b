import ArgumentParser
import Foundation
import LongLM

/// Which model.
struct ModelArguments: ParsableArguments {
    @Option(name: .customLong("model"), help: ArgumentHelp("The model's directory.", valueName: "dir"))
    var directory: String

    /// The directory's own name.
    var name: String { URL(fileURLWithPath: directory).lastPathComponent }
}

/// On how many threads.
struct ThreadArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Threads; by default OMP_NUM_THREADS or one per processor. The number changes no bit of any result.",
            valueName: "n"))
    var threads: Int?

    func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads); it must be between 1 and 1024")
        }
    }
}

/// In what a model computes and keeps its keys and values.
struct PrecisionArguments: ParsableArguments {
    @Option(
        help: """
            What products are computed in: float32 (exact, the default), or bfloat16: about twice as fast in long \
            prompts, with about three significant digits, on processors with AVX-512 BF16.
            """)
    var precision: Precision = .float32

    @Option(
        help: """
            How keys and values are kept: float32, or bfloat16 for half the memory; by default as --precision.
            """)
    var cache: CacheType?

    /// What a cache can hold.
    enum CacheType: String, CaseIterable, ExpressibleByArgument {
        case float32, bfloat16

        var format: CacheFormat { self == .float32 ? .float32 : .bfloat16 }
    }
}

extension Precision: ExpressibleByArgument {}

/// How long a session is, and how positions past the trained context are treated.
struct AttentionArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The session's length in tokens, prompt and continuation; by default as long as they can become.",
            valueName: "n"))
    var length: Int?

    @Option(
        help: ArgumentHelp(
            "Take the G and W that longlm plan recommends for --length, or the plain model where it reaches as far by "
                + "itself.", valueName: "auto"))
    var selfExtend: Recommendation?

    enum Recommendation: String, CaseIterable, ExpressibleByArgument { case auto }

    @Option(
        help: """
            What positions far keys are scored between: self-extend (the default, once --group-size is given), rerope \
            (all of them W away) or leaky-rerope (distances past W grow --group-size times more slowly).
            """)
    var attention: Mode?

    enum Mode: String, CaseIterable, ExpressibleByArgument {
        case selfExtend = "self-extend"
        case reRoPE = "rerope"
        case leakyReRoPE = "leaky-rerope"
    }

    @Option(
        help: ArgumentHelp(
            "Self-Extend's G: how many positions share one, beyond the neighbor window. Needs --neighbor-window.",
            valueName: "g"))
    var groupSize: Int?

    @Option(
        help: ArgumentHelp(
            "Self-Extend's W: how many of the last tokens keep their true positions. Needs --group-size.",
            valueName: "w"))
    var neighborWindow: Int?

    @Option(
        help: "How Self-Extend moves the grouped query: floor (the paper, and the default) or fractional.")
    var shift: SelfExtend.Shift?

    @Option(
        help: ArgumentHelp(
            "The base of a logarithmic query scale; by default there is none.", valueName: "b"))
    var queryScaleBase: Float?

    @Flag(
        name: .customLong("beyond-context"),
        help: "Accept more tokens than the model's positions were trained for; it will mostly produce nonsense there.")
    var goesBeyondContext = false

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
        if attention == .reRoPE {
            if groupSize != nil || shift != nil || neighborWindow == nil {
                throw ValidationError(
                    "--attention rerope takes --neighbor-window, and neither --group-size nor --shift")
            }
        } else if (groupSize == nil) != (neighborWindow == nil) {
            throw ValidationError("--group-size and --neighbor-window go together")
        }
        if attention == .leakyReRoPE, groupSize == nil || shift != nil {
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

    /// The mode that the options spell out, the plain one where they name none; nil: the length decides.
    private var statedMode: AttentionMode? {
        if selfExtend != nil { return nil }
        guard let neighborWindow else { return .plain }
        switch attention ?? .selfExtend {
        case .selfExtend:
            return .selfExtend(
                SelfExtend(
                    groupSize: groupSize ?? 1, neighborWindow: neighborWindow, shift: shift ?? .floor,
                    queryScaleBase: queryScaleBase))
        case .reRoPE: return .reRoPE(ReRoPE(neighborWindow: neighborWindow, queryScaleBase: queryScaleBase))
        case .leakyReRoPE:
            return .leakyReRoPE(
                LeakyReRoPE(
                    slowdown: Double(groupSize ?? 1), neighborWindow: neighborWindow, queryScaleBase: queryScaleBase))
        }
    }

    /// Refuses what no prompt could make possible, so that it is found before anything but config.json has been read.
    ///
    /// - Throws: `SessionError` when the settings don't suit the model, ``CommandError`` when --length goes beyond what
    ///   the positions allow.
    func check(_ configuration: ModelConfiguration) throws {
        let context = configuration.contextLength
        guard let mode = statedMode else {
            if let length { _ = try SelfExtendPlan(length: length, trainedContext: context) }
            return
        }
        try mode.validate(contextLength: context)
        if let length { try check("--length is \(length)", length, mode, context) }
    }

    /// The attention mode and the length of a session for a prompt of `promptLength` tokens and up to `additional` more.
    /// A mode that the length decided on is named on standard error.
    ///
    /// - Throws: `SessionError` when the settings don't suit the model, ``CommandError`` when the prompt goes
    ///   beyond --length or what the positions allow.
    func sessionExtent(
        promptLength: Int, additional: Int, configuration: ModelConfiguration
    ) throws -> (attention: AttentionMode, length: Int) {
        try check(configuration)
        if let length, promptLength > length {
            throw CommandError.invalidInput("the prompt has \(promptLength) tokens, but --length is \(length)")
        }
        let context = configuration.contextLength
        let wanted = max(1, length ?? promptLength + additional)
        guard let mode = statedMode else {
            let plan = try SelfExtendPlan(length: wanted, trainedContext: context)
            Terminal.writeError("\(plan.choice) for \(wanted.grouped) tokens")
            return (plan.attention, wanted)
        }
        try check("the prompt has \(promptLength) tokens", promptLength, mode, context)
        return (mode, goesBeyondContext ? wanted : min(wanted, mode.capacity(contextLength: context)))
    }

    /// Refuses a length beyond what the positions allow, unless that is asked for.
    private func check(_ statement: String, _ length: Int, _ mode: AttentionMode, _ context: Int) throws(CommandError) {
        let capacity = mode.capacity(contextLength: context)
        guard length > capacity, !goesBeyondContext else { return }
        let remedy =
            switch mode {
            case .plain: "extend it with --self-extend auto, or with --group-size and --neighbor-window"
            case .selfExtend: "take --self-extend auto, or a larger --group-size or a smaller --neighbor-window"
            case .reRoPE, .leakyReRoPE: "take a larger --group-size or a smaller --neighbor-window"
            }
        throw .invalidInput(
            "\(statement), the model's positions reach to \(capacity): \(remedy), or go on regardless with "
                + "--beyond-context")
    }
}

extension SelfExtend.Shift: ExpressibleByArgument {}

extension SelfExtendPlan {
    /// What was chosen, such as `Self-Extend with G = 4, W = 1,024`.
    var choice: String {
        attention == .plain
            ? "plain attention"
            : "Self-Extend with G = \(selfExtend.groupSize.grouped), W = \(selfExtend.neighborWindow.grouped)"
    }
}
