import SIMDKernels

/// How a model is loaded.
public struct LoadOptions: Sendable, Equatable {
    /// The arithmetic of products. `Precision.bfloat16` stores all matrices in bfloat16 and needs a processor with AVX-512
    /// BF16.
    public var precision: Precision
    /// The instructions to compute with; nil: those that `LONGLM_ISA` names, or else the best that the processor has.
    public var instructionSet: InstructionSet?
    /// Threads that load; nil: `OMP_NUM_THREADS`, or else the number of processors.
    public var threadCount: Int?
    /// The most memory, in bytes, that the weights, all sessions of the model and its batches may take together,
    /// each session counted at its full length; nil: as much as the machine has.
    ///
    /// This limit is checked before the weights are packed and before a session is made, from sizes alone. So is the memory
    /// that the machine, or the container of the process, has available. The checkpoint's files don't count: they are
    /// mapped, and their pages are given back as they are packed.
    public var memoryLimit: Int?
    /// How matrices are stored; nil: as in the checkpoint. With another format, their numbers are rounded to it: to nearest
    /// for float32 and bfloat16, and in blocks of 32 with a scale for `WeightFormat.q80` (8 bits) and `WeightFormat.q40` (4
    /// bits; the embedding and the projection onto the vocabulary take 8, or stay as they are if they are quantised). A
    /// matrix whose rows aren't whole blocks stays as it is. `Precision.bfloat16` always stores bfloat16.
    public var weightFormat: WeightFormat?
    /// The directories of LoRA adapters in PEFT's safetensors form, which are merged into the weights while they are
    /// loaded, in this order: W + (α/r) · B · A, or α/√r with rank-stabilised LoRA.
    ///
    /// The sum is computed in 32-bit floats. As with PEFT's `merge_and_unload`, it is then rounded to the format that the
    /// matrix has in the checkpoint. (PEFT also rounds B · A to that format before it adds it, which is less exact.) With
    /// a ``weightFormat``, the sum is rounded to that instead: `WeightFormat.float32` keeps all of it, in twice the memory
    /// of a checkpoint of 16 bits. A merged model takes no more memory than the model without adapters.
    ///
    /// Adapters of quantised weights or of embeddings, trained biases, DoRA and other variants are refused with
    /// ``CheckpointError/unsupportedAdapter(file:feature:)``.
    public var adapters: [String]

    /// Options; the defaults compute in 32-bit floats with all that the machine has.
    public init(
        precision: Precision = .float32, instructionSet: InstructionSet? = nil, threadCount: Int? = nil,
        memoryLimit: Int? = nil, weightFormat: WeightFormat? = nil, adapters: [String] = []
    ) {
        self.precision = precision
        self.instructionSet = instructionSet
        self.threadCount = threadCount
        self.memoryLimit = memoryLimit
        self.weightFormat = weightFormat
        self.adapters = adapters
    }

    private var packedFormat: WeightFormat? {
        switch precision {
        case .float32, .int8: weightFormat
        case .bfloat16: .bfloat16
        }
    }
}

extension LoadOptions {
    /// The instruction set, if this processor has it and can compute with it in the precision.
    func checkedInstructionSet() throws(ModelError) -> InstructionSet {
        let chosen: InstructionSet
        if let instructionSet {
            guard InstructionSet.available.contains(instructionSet) else {
                throw .instructionSet(.unavailable(instructionSet))
            }
            chosen = instructionSet
        } else {
            do {
                chosen = try InstructionSet.preferred()
            } catch { throw .instructionSet(error) }
        }
        guard chosen.supports(precision) else {
            throw .unsupportedPrecision(precision, on: chosen)
        }
        return chosen
    }

    /// The number of threads, if a team can have so many.
    func checkedThreadCount() throws(ModelError) -> Int {
        do {
            return try Team.checkedThreadCount(threadCount)
        } catch { throw .invalidOption(error) }
    }

    /// How all matrices are stored, if numbers can be rounded to it; nil: each as in the checkpoint.
    func checkedPackedFormat() throws(ModelError) -> WeightFormat? {
        guard let packedFormat else { return nil }
        guard packedFormat.roundsFloats else {
            let allowed = WeightFormat.allCases.filter(\.roundsFloats).map(\.rawValue).joined(separator: ", ")
            throw .invalidOption(InvalidOption("weight format", packedFormat.rawValue, allowed: "one of \(allowed)"))
        }
        return packedFormat
    }

    /// The limit of memory, if it is one.
    func checkedMemoryLimit() throws(ModelError) -> Int? {
        if let memoryLimit, memoryLimit < 0 {
            throw .invalidOption(InvalidOption("memory limit in bytes", memoryLimit, allowed: "at least 0"))
        }
        return memoryLimit
    }
}
