import LongLM
import SIMDKernels

/// The threads and the instruction set that kernels run with.
public struct KernelSetting: Sendable, Equatable {
    /// The number of threads in a team.
    public let threadCount: Int
    /// The instruction set that the kernels are compiled for.
    public let instructionSet: InstructionSet

    /// A setting of both.
    public init(threadCount: Int, instructionSet: InstructionSet) {
        self.threadCount = threadCount
        self.instructionSet = instructionSet
    }

    /// The best instruction set of the processor, or what `LONGLM_ISA` names.
    ///
    /// - Parameter threadCount: Threads; nil: as many as a session has by default.
    /// - Throws: `InstructionSetError` or `ThreadCountError` when the environment asks for an impossible setting.
    public init(threadCount: Int?) throws {
        let preferredThreadCount = try Team.preferredThreadCount()
        self.init(
            threadCount: threadCount ?? preferredThreadCount, instructionSet: try InstructionSet.preferred())
    }

    func runTeam(_ body: (Worker) -> Void) {
        Team.run(threadCount: threadCount, instructionSet: instructionSet, body)
    }
}
