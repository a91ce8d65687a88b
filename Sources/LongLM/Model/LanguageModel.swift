import SIMDKernels
import Synchronization

/// A model's weights, packed and ready to run. It is constant and can serve any number of sessions at once.
public final class LanguageModel: Sendable {
    /// What config.json or the metadata of a GGUF file says.
    public let configuration: ModelConfiguration
    /// The tokens that end a text: generation_config.json's, or else config.json's; in GGUF, the ends of a text, of a turn and
    /// of a message.
    public let endTokens: [Int]
    /// The instructions that this model's sessions use.
    public let instructionSet: InstructionSet
    /// What products are computed in.
    public let precision: Precision
    /// The memory that the packed weights take, in bytes.
    public let weightByteCount: Int
    /// The weights themselves.
    let weights: DecoderWeights
    /// The memory that the weights and the sessions may take. A session reserves its part here before it is made.
    package let memory: MemoryBudget
    /// The weights' part of it.
    package let weightReservation: MemoryReservation
    private let configurationHash: UInt64
    private let cachedFingerprint = Mutex<String?>(nil)

    /// 16 hexadecimal digits that tell this model from others: a hash of config.json, of the precision and of all packed
    /// weights. It is computed when it is first asked for, which takes as long as reading the weights from memory.
    public var fingerprint: String {
        cachedFingerprint.withLock { cached in
            if let cached { return cached }
            var hash = WordHash()
            hash.add("\(configurationHash) \(precision.rawValue)")
            weights.add(to: &hash)
            let digits = String(hash.value, radix: 16)
            let fingerprint = String(repeating: "0", count: 16 - digits.count) + digits
            cached = fingerprint
            return fingerprint
        }
    }

    /// The bytes of weights that a decode step reads: all but an embedding that is only looked up.
    package var decodeByteCount: Int { weightByteCount - weights.lookupByteCount }

    /// The most memory that the weights and all present sessions and batches can take, in bytes: what counts against
    /// ``LoadOptions/memoryLimit``.
    public var reservedByteCount: Int { memory.reservedByteCount }

    /// Loads a model: a directory in Hugging Face's form, which is config.json beside model.safetensors or its shards, or a
    /// GGUF file, of which a directory may hold one.
    ///
    /// Every weight is packed once into the order in which the kernels read it, and its pages of the file are given
    /// back. So loading takes little more memory than the weights themselves. Before that, their size is computed from
    /// the checkpoint's headers, and a model that doesn't fit is refused with ``ModelError/memory(_:)``.
    ///
    /// - Parameters:
    ///   - path: The directory or the file. Of several shards in GGUF, the first.
    ///   - options: How to load and compute.
    ///   - progress: Called with the fraction that has been loaded, which rises to 1.
    /// - Throws: ``ModelError``.
    public convenience init(
        path: String, options: LoadOptions = LoadOptions(), progress: ((Double) -> Void)? = nil
    ) throws(ModelError) {
        try self.init(ModelCheckpoint(path: path), options: options, progress: progress)
    }

    /// Loads a model as ``init(path:options:progress:)`` does.
    ///
    /// - Parameters:
    ///   - directory: The path.
    ///   - options: How to load and compute.
    ///   - progress: Called with the fraction that has been loaded, which rises to 1.
    /// - Throws: ``ModelError``.
    public convenience init(
        directory: String, options: LoadOptions = LoadOptions(), progress: ((Double) -> Void)? = nil
    ) throws(ModelError) {
        try self.init(directory: directory, options: options, ledger: .shared, progress: progress)
    }

    /// Loads a model into the memory that a ledger says there is.
    package convenience init(
        directory: String, options: LoadOptions = LoadOptions(), ledger: MemoryLedger,
        progress: ((Double) -> Void)? = nil
    ) throws(ModelError) {
        try self.init(ModelCheckpoint(path: directory), options: options, ledger: ledger, progress: progress)
    }

    /// Loads a model from whatever holds its weights.
    package init(
        _ checkpoint: ModelCheckpoint, options: LoadOptions = LoadOptions(), ledger: MemoryLedger = .shared,
        progress: ((Double) -> Void)? = nil
    ) throws(ModelError) {
        configuration = checkpoint.configuration
        configurationHash = checkpoint.configurationHash
        endTokens = checkpoint.endTokens
        precision = options.precision
        instructionSet = try options.checkedInstructionSet()
        let threadCount = try options.checkedThreadCount()
        memory = MemoryBudget(limit: try options.checkedMemoryLimit(), ledger: ledger)

        let checkpoint = try checkpoint.adapted(options)
        let plan = try checkpoint.decoderPlan(options)
        do {
            weightReservation = try memory.reserve(plan.weights.byteCount, for: .weights)
        } catch { throw .memory(error) }
        let packer = WeightPacker(
            plan.weights, from: checkpoint.source, threadCount: threadCount, instructionSet: instructionSet,
            reservation: weightReservation, progress: progress)
        do {
            weights = try plan.pack(with: packer)
        } catch { throw error == .cancelled ? .cancelled : .checkpoint(error) }
        weightByteCount = packer.packedByteCount
        returnFreedMemory()
    }
}
