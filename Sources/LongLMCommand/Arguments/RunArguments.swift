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

        var elementType: ElementType { self == .float32 ? .float32 : .bfloat16 }
    }
}

extension Precision: ExpressibleByArgument {}

/// How positions past the trained context are treated.
struct AttentionArguments: ParsableArguments {
    @Option(
        help: """
            What positions far keys are scored between: self-extend (the default, once --group-size is given), rerope \
            (all of them W away) or leaky-rerope (distances past W grow --group-size times more slowly).
            """)
    var attention: Mode = .selfExtend

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

    /// The mode; the plain one where no option asks for another.
    var mode: AttentionMode {
        guard let neighborWindow else { return .plain }
        switch attention {
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

    /// The length of a session for a prompt of `promptLength` tokens and up to `additional` more.
    ///
    /// - Throws: ``SessionError`` when the settings don't suit the model, ``CommandError`` when the prompt goes
    ///   beyond what the positions allow.
    func sessionLength(promptLength: Int, additional: Int, configuration: ModelConfiguration) throws -> Int {
        let context = configuration.contextLength
        try mode.validate(contextLength: context)
        let capacity = mode.capacity(contextLength: context)
        let wanted = promptLength + additional
        if goesBeyondContext { return max(wanted, 1) }
        guard promptLength <= capacity else {
            let remedy =
                mode == .plain
                ? "extend it with --group-size and --neighbor-window"
                : "take a larger --group-size or a smaller --neighbor-window"
            throw CommandError.invalidInput(
                "the prompt has \(promptLength) tokens, the model's positions reach to \(capacity): \(remedy), or go "
                    + "on regardless with --beyond-context")
        }
        return max(1, min(wanted, capacity))
    }
}

extension SelfExtend.Shift: ExpressibleByArgument {}
