import ArgumentParser
import Foundation
import LongLM

/// The option that names a model.
struct ModelArguments: ParsableArguments {
    @Option(name: .customLong("model"), help: ArgumentHelp("The model's directory, or a GGUF file.", valueName: "path"))
    var directory: String

    /// What lies there.
    var location: ModelLocation { get throws { try ModelLocation(ofModel: directory) } }

    /// The directory's name, without the path to it.
    var name: String { URL(fileURLWithPath: directory).lastPathComponent }
}

/// The option for the number of threads.
struct ThreadArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Threads; by default, OMP_NUM_THREADS or one per processor. Any number gives the same results, bit for bit.",
            valueName: "n"))
    var threads: Int?

    func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads); it must be between 1 and 1024")
        }
    }
}

/// Options for the arithmetic, for the format of the key-value cache, and for what is merged into the weights.
struct PrecisionArguments: ParsableArguments {
    @Option(
        help: """
            The arithmetic of products: float32 (exact, the default), int8, which also rounds the inputs of quantised \
            weights to 8 bits and is the fastest for these (a checkpoint that isn't quantised needs --weights int8 or \
            int4 for that), or bfloat16, which has about three significant digits and needs a \
            processor with AVX-512 BF16.
            """)
    var precision: Precision = .float32

    @Option(
        help: """
            How weights are stored: float32, bfloat16, int8 or int4 (in blocks of 32 with a scale, as GGUF's Q8_0 and \
            Q4_0; with int4, the embedding and the projection onto the vocabulary take 8 bits); by default, as in the \
            checkpoint.
            """)
    var weights: WeightStorageArgument?

    @Option(
        help: """
            How keys and values are stored: float32, bfloat16 for half the memory, or int8 for a little over a quarter; \
            by default, bfloat16 with --precision bfloat16 and float32 otherwise.
            """)
    var cache: CacheFormat?

    @Option(
        name: .customLong("adapter"), parsing: .singleValue,
        help: ArgumentHelp(
            "The directory of a LoRA adapter in PEFT's safetensors form, which is merged into the weights. There may be "
                + "several. The sums are rounded to the checkpoint's format; --weights float32 keeps all of their digits.",
            valueName: "path"))
    var adapters: [String] = []
}

/// The names by which weights can be stored in another format.
enum WeightStorageArgument: String, CaseIterable, ExpressibleByArgument {
    case float32, bfloat16, int8, int4

    var format: WeightFormat {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .int8: .q80
        case .int4: .q40
        }
    }
}

extension PrecisionArguments {
    /// Whether anything but the default is asked for.
    var isStated: Bool { precision != .float32 || weights != nil || cache != nil || !adapters.isEmpty }

    /// How keys and values are stored, whether it is stated or not.
    var cacheFormat: CacheFormat { cache ?? precision.defaultCacheFormat }

    /// How a model is loaded for it.
    func loadOptions(_ threads: ThreadArguments? = nil) -> LoadOptions {
        var options = LoadOptions(precision: precision, threadCount: threads?.threads, weightFormat: weights?.format)
        options.adapters = adapters
        return options
    }

    /// How a session runs with it.
    func sessionOptions(_ attention: AttentionMode, capacity: Int, _ threads: ThreadArguments) -> SessionOptions {
        SessionOptions(attention: attention, threadCount: threads.threads, capacity: capacity, cacheFormat: cache)
    }

    func validate() throws {
        if precision == .bfloat16, let weights, weights != .bfloat16 {
            throw ValidationError("--precision bfloat16 stores weights in bfloat16, not in \(weights.rawValue)")
        }
    }
}

extension Precision: ExpressibleByArgument {}
extension CacheFormat: ExpressibleByArgument {}

/// Options for a session's capacity, and for positions past the trained context.
struct AttentionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The most tokens of prompt and continuation together; by default, as many as they can come to, and in chat as "
                + "many as longlm chat --help says.", valueName: "n"))
    var length: Int?

    @Option(
        help: ArgumentHelp(
            "Take the G and W that longlm plan recommends for --length, or plain attention if the model reaches that far "
                + "without Self-Extend.", valueName: "auto"))
    var selfExtend: Recommendation?

    enum Recommendation: String, CaseIterable, ExpressibleByArgument { case auto }

    @Option(
        help: ArgumentHelp(
            "L for --self-extend auto: the longest texts of the model's training, in tokens; by default, what the model's "
                + "files say.", valueName: "n"))
    var trainedContext: Int?

    @Option(
        help: """
            The distances at which far keys are scored: self-extend (the default with --group-size), rerope (always W) \
            or leaky-rerope (they keep growing past W, but --group-size times more slowly).
            """)
    var attention: Mode?

    enum Mode: String, CaseIterable, ExpressibleByArgument {
        case selfExtend = "self-extend"
        case reRoPE = "rerope"
        case leakyReRoPE = "leaky-rerope"
    }

    @Option(
        help: ArgumentHelp(
            "Self-Extend's G: beyond the neighbor window, this many tokens share a position. Needs --neighbor-window.",
            valueName: "g"))
    var groupSize: Int?

    @Option(
        help: ArgumentHelp(
            "Self-Extend's W: how many of the last tokens keep their true positions. Needs --group-size.",
            valueName: "w"))
    var neighborWindow: Int?

    @Option(
        help: "How Self-Extend shifts the grouped query: floor (as in the paper, the default) or fractional.")
    var shift: SelfExtend.Shift?

    @Option(
        help: ArgumentHelp(
            "The base b of the query scale max(1, ln(i + 1)/ln b) at position i; by default, there is no scale.",
            valueName: "b"))
    var queryScaleBase: Float?

    @Flag(
        name: .customLong("beyond-context"),
        help: "Accept more tokens than the model's positions reach. What it produces there is mostly nonsense.")
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
        if let trainedContext {
            if selfExtend == nil { throw ValidationError("--trained-context needs --self-extend auto") }
            try checkTrainedContext(trainedContext)
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

    /// The mode that the options name, plain if they name none; nil: it depends on the length.
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

    /// Refuses options that are wrong with any prompt, before anything but config.json is read.
    ///
    /// - Throws: `AttentionError` when the settings don't suit the model, ``CommandError`` when --length goes beyond what
    ///   the positions reach to.
    func check(_ configuration: ModelConfiguration) throws {
        let context = configuration.contextLength
        guard let mode = statedMode else {
            if let length { _ = try SelfExtendPlan(length: length, trainedContext: trainedContext(configuration)) }
            return
        }
        try mode.validate(contextLength: context)
        if let length { try check("--length is \(length)", length, mode, context) }
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
        guard let mode = statedMode else {
            let plan = try SelfExtendPlan(length: wanted, trainedContext: trainedContext(configuration))
            Terminal.writeError("\(plan.choice) for \(wanted.grouped) tokens")
            return (plan.attention, wanted)
        }
        try check("the prompt has \(promptLength) tokens", promptLength, mode, context)
        return (mode, goesBeyondContext ? wanted : min(wanted, mode.capacity(contextLength: context)))
    }

    private func trainedContext(_ configuration: ModelConfiguration) -> Int {
        trainedContext ?? configuration.trainedContext
    }

    /// Refuses a length that the positions don't reach to, unless --beyond-context is given.
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
    /// The choice in words, such as `Self-Extend with G = 4, W = 1,024`.
    var choice: String {
        attention == .plain
            ? "plain attention"
            : "Self-Extend with G = \(selfExtend.groupSize.grouped), W = \(selfExtend.neighborWindow.grouped)"
    }
}

/// Refuses a trained context that no model can have.
func checkTrainedContext(_ count: Int) throws {
    guard (2...(1 << 24)).contains(count) else {
        throw ValidationError("--trained-context is \(count); it must be between 2 and \(1 << 24)")
    }
}
