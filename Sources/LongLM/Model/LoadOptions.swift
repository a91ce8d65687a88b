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
    /// How matrices are stored, for measuring one checkpoint in several formats; nil: as in the checkpoint.
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

    /// How all matrices are stored; nil: each as in the checkpoint.
    var packedFormat: WeightFormat? {
        switch precision {
        case .float32, .int8: storedFormat
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

    /// The limit of memory, if it is one.
    func checkedMemoryLimit() throws(ModelError) -> Int? {
        if let memoryLimit, memoryLimit < 0 {
            throw .invalidOption(InvalidOption("memory limit in bytes", memoryLimit, allowed: "at least 0"))
        }
        return memoryLimit
    }
}
