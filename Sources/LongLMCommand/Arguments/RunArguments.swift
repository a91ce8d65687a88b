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
