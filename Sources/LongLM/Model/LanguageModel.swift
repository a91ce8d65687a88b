import SIMDKernels
import Synchronization

/// How a model is loaded.
public struct LoadOptions: Sendable, Equatable {
    /// What its products are computed in. `Precision.bfloat16` stores all weights in bfloat16 and needs a processor
    /// with AVX-512 BF16.
    public var precision: Precision
    /// What to compute with; nil: the best that the processor has, or what `LONGLM_ISA` names.
    public var instructionSet: InstructionSet?
    /// Threads that load; nil: `OMP_NUM_THREADS` or the number of processors.
    public var threadCount: Int?
    /// The most memory, in bytes, that the weights, all sessions of the model and its ``Batch``es may take together,
    /// each session counted at its full length; nil: as much as the machine has.
    ///
    /// Both this and the memory that the machine has available, or leaves to its container, are checked before the
    /// weights are packed and before a session is made, from sizes alone. The checkpoint's files don't count: they are
    /// mapped, and their pages are given back as they are packed.
    public var memoryLimit: Int?
    /// How matrices are stored, for measuring one checkpoint in several types; nil: as in the checkpoint.
    package var storedFormat: WeightFormat?

    /// Options; the defaults compute in 32-bit floats with all that the machine has.
    public init(
        precision: Precision = .float32, instructionSet: InstructionSet? = nil, threadCount: Int? = nil,
        memoryLimit: Int? = nil
    ) {
        self.precision = precision
        self.instructionSet = instructionSet
        self.threadCount = threadCount
        self.memoryLimit = memoryLimit
    }
}

/// A model's weights, packed and ready to run. It is constant and can serve any number of sessions at once.
public final class LanguageModel: Sendable {
    /// What config.json says.
    public let configuration: ModelConfiguration
    /// The tokens that end a text: generation_config.json's, or else config.json's.
    public let endTokens: [Int]
    /// The instructions that this model's sessions use.
    public let instructionSet: InstructionSet
    /// What products are computed in.
    public let precision: Precision
    /// The memory that the packed weights take, in bytes.
    public let weightByteCount: Int
    let weights: DecoderWeights
    /// What the weights and the sessions may take. A session reserves its part here before it is made.
    package let memory: MemoryBudget
    /// The weights' part of it.
    package let weightReservation: MemoryReservation
    /// The contents of config.json.
    private let configurationHash: UInt64
    private let cachedFingerprint = Mutex<String?>(nil)

    /// 16 hexadecimal digits that tell this model from others: a hash of config.json, of the precision and of all weights as
    /// they are stored. Computed when it is first asked for, at the speed of reading the weights.
    public var fingerprint: String {
        cachedFingerprint.withLock { cached in
            if let cached { return cached }
            var hash = WordHash()
            hash.add("\(configurationHash) \(precision.rawValue)")
            weights.addWeights(to: &hash)
            let digits = String(hash.value, radix: 16)
            let fingerprint = String(repeating: "0", count: 16 - digits.count) + digits
            cached = fingerprint
            return fingerprint
        }
    }

    /// The bytes of weights that a decode step reads: all but those that are only looked up.
    package var decodeByteCount: Int { weightByteCount - weights.lookupByteCount }

    /// The memory that the weights and all sessions and batches there are can come to, in bytes: what counts against
    /// ``LoadOptions/memoryLimit``.
    public var reservedByteCount: Int { memory.reservedByteCount }

    /// Loads a model directory in Hugging Face's form: config.json beside model.safetensors or its shards.
    ///
    /// Every weight is packed once into the order in which the kernels read it, and its pages of the file are given
    /// back, so that loading takes little more memory than the weights themselves. Before that, their size is reckoned
    /// from the checkpoint's headers, and a model that doesn't fit is refused with ``ModelError/memory(_:)``.
    ///
    /// - Parameters:
    ///   - directory: The path.
    ///   - options: How to load and compute.
    ///   - progress: Called with the fraction that has been loaded, from 0 to 1.
    /// - Throws: ``ModelError``.
    public convenience init(
        directory: String, options: LoadOptions = LoadOptions(), progress: ((Double) -> Void)? = nil
    ) throws(ModelError) {
        try self.init(directory: directory, options: options, ledger: .shared, progress: progress)
    }

    /// Loads a model into the memory that a ledger says there is.
    package init(
        directory: String, options: LoadOptions = LoadOptions(), ledger: MemoryLedger,
        progress: ((Double) -> Void)? = nil
    ) throws(ModelError) {
        if let instructionSet = options.instructionSet {
            guard InstructionSet.available.contains(instructionSet) else {
                throw .instructionSet(.unavailable(instructionSet))
            }
            self.instructionSet = instructionSet
        } else {
            do {
                self.instructionSet = try InstructionSet.preferred()
            } catch { throw .instructionSet(error) }
        }
        precision = options.precision
        guard precision == .float32 || instructionSet.hasBFloat16Products else {
            throw .unsupportedPrecision(precision, on: instructionSet)
        }
        let configurationFile = directory + "/config.json"
        let json = try readConfiguration(configurationFile)
        configuration = try ModelConfiguration(json: json, file: configurationFile)
        configurationHash = json.withUnsafeBytes { WordHash.hash($0) }
        endTokens = try configuration.endTokens(directory: directory)
        let threadCount: Int
        do {
            threadCount = try Team.checkedThreadCount(options.threadCount)
        } catch { throw .invalidOption(error.reason) }
        if let limit = options.memoryLimit, limit < 0 {
            throw .invalidOption("a memory limit of \(limit) bytes; it can't be negative")
        }
        let loader = try WeightLoader(
            directory: directory, storedFormat: precision == .bfloat16 ? .bfloat16 : options.storedFormat,
            threadCount: threadCount, instructionSet: instructionSet, progress: progress)
        guard let family = Families.named(configuration.modelType) else {
            throw .unsupportedArchitecture(file: configurationFile, name: configuration.modelType)
        }
        // The same way through the checkpoint first, without its numbers: what is packed can't differ from what was
        // reckoned, in no family.
        let measuring = WeightLoader(measuring: loader)
        _ = try family.load(configuration, measuring)
        memory = MemoryBudget(limit: options.memoryLimit, ledger: ledger)
        do {
            weightReservation = try memory.reserve(measuring.packedByteCount, for: .weights)
        } catch { throw .memory(error) }
        loader.reservation = weightReservation
        weights = try family.load(configuration, loader)
        weightByteCount = loader.packedByteCount
        // A checkpoint may hold tensors that the model doesn't take, such as a copy of a tied embedding.
        progress?(1)
    }
}
