import ArgumentParser
import Foundation
import LongLM

/// Which model is served, and how it computes.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The model's directory, or a GGUF file; of several shards, the first.", valueName: "path"))
    var model: String

    @Option(
        name: .customLong("alias"), parsing: .singleValue,
        help: ArgumentHelp(
            """
            What clients call the model; by default the last part of its path, without .gguf. May be given several times; \
            answers have the first.
            """, valueName: "name"))
    var aliases: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            How texts beyond the trained context are read: auto takes Self-Extend with the G and W that --length needs, or \
            Dual Chunk Attention if the model's files ask for it, and the plain model where it reaches as far by itself; \
            G:W sets G and W; off is the plain model. Other methods are named as longlm's --attention does, such as yarn or \
            string:2730:128.
            """, valueName: "auto|G:W|off|method"))
    var selfExtend: SelfExtendChoice = .auto

    @Option(
        help: ArgumentHelp(
            "The most tokens of a conversation, answer included; by default the model's context, or what the settings of "
                + "--self-extend extend that to. rerope and dca with settings need it.", valueName: "n"))
    var length: Int?

    @Option(
        help: """
            The arithmetic of products: float32 (exact, the default), int8, which also rounds the inputs of quantised \
            weights to 8 bits and is the fastest for these, or bfloat16, which has about three significant digits and \
            needs a processor with AVX-512 BF16.
            """)
    var precision: Precision = .float32

    @Option(
        help: """
            How weights are stored: float32, bfloat16, int8 or int4 (in blocks of 32 with a scale); by default, as in the \
            checkpoint.
            """)
    var weights: WeightStorage?

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
                + "several.", valueName: "path"))
    var adapters: [String] = []

    @Option(help: ArgumentHelp("Threads to compute with; by default one per processor.", valueName: "n"))
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            """
            The most bytes of memory for the weights and all conversations, each counted with its prompt and its \
            max_tokens; by default what the machine has. Requests wait until there is enough, and those for which there \
            never is get status 503.
            """, valueName: "bytes"))
    var memoryLimit: Int?

    func validate() throws {
        if precision == .bfloat16, let weights, weights != .bfloat16 {
            throw ValidationError("--precision bfloat16 stores weights in bfloat16, not in \(weights.rawValue)")
        }
        if aliases.contains("") { throw ValidationError("--alias is empty") }
        try check("length", length ?? 1, 1...1 << 24)
        try check("threads", threads ?? 1, 1...1024)
        try check("memory-limit", memoryLimit ?? 0, 0...Int.max)
    }

    /// What clients may call the model; the first is the one in answers.
    var names: [String] {
        if !aliases.isEmpty { return aliases }
        let url = URL(fileURLWithPath: model)
        return [
            url.pathExtension.lowercased() == "gguf"
                ? url.deletingPathExtension().lastPathComponent : url.lastPathComponent
        ]
    }

    /// How the model is loaded.
    var loadOptions: LoadOptions {
        LoadOptions(
            precision: precision, threadCount: threads, memoryLimit: memoryLimit, weightFormat: weights?.format,
            adapters: adapters)
    }

    /// How conversations run.
    func sessionOptions(_ configuration: ModelConfiguration) throws -> SessionOptions {
        let context = configuration.contextLength
        let attention = try selfExtend.choice.mode(length: length ?? context, for: configuration)
        // What a method recommends for a length is meant for no more than that.
        let isRecommended = length == nil && !selfExtend.choice.isFixed
        let capacity = isRecommended ? context : attention.capacity(contextLength: context)
        let reach = min(capacity, 1 << 24)
        if length == nil, capacity == .max {
            throw ValidationError("\(attention.title) reaches to any length; give --length")
        }
        if let length, length > reach {
            throw ValidationError("--length is \(length), but the model's positions reach to \(reach)")
        }
        return SessionOptions(
            attention: attention, threadCount: threads, capacity: length ?? reach, cacheFormat: cache)
    }
}

/// The names by which weights can be stored in another format.
enum WeightStorage: String, CaseIterable, ExpressibleByArgument {
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

extension Precision: @retroactive ExpressibleByArgument {}
extension CacheFormat: @retroactive ExpressibleByArgument {}

/// What `--self-extend` says.
struct SelfExtendChoice: ExpressibleByArgument, Sendable, CustomStringConvertible {
    let choice: AttentionChoice

    static let auto = SelfExtendChoice(choice: .automatic)

    private init(choice: AttentionChoice) { self.choice = choice }

    init?(argument: String) {
        guard let choice = try? AttentionChoice(text: argument == "off" ? "plain" : argument) else { return nil }
        self.choice = choice
    }

    var description: String { choice == .fixed(.plain) ? "off" : choice.text }
}

/// Refuses a number that is out of range.
func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
        throw ValidationError("--\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
    }
}
