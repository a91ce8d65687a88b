import SIMDKernels
import Testing

/// The instruction sets of this machine that share their bits.
let fusedInstructionSets = InstructionSet.availableForFloats.filter(\.isFused)
/// The same for code products, which VNNI computes in ways of its own.
let codeInstructionSets = InstructionSet.available.filter(\.isFused)

/// Runs `body` on a team, and records an issue unless the team really has `threadCount` workers: a test over thread
/// counts would prove nothing otherwise.
func runTeam(
    _ threadCount: Int, _ instructionSet: InstructionSet, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (Worker) -> Void
) {
    let counts = UnsafeMutableBufferPointer<Int>.allocate(capacity: threadCount)
    counts.initialize(repeating: 0)
    defer { counts.deallocate() }
    Team.run(threadCount: threadCount, instructionSet: instructionSet) { worker in
        counts[worker.index] = worker.count
        body(worker)
    }
    #expect(counts.allSatisfy { $0 == threadCount }, sourceLocation: sourceLocation)
}

/// The workers of a team.
func workers(_ threadCount: Int, _ instructionSet: InstructionSet = .baseline) -> [Worker] {
    let workers = UnsafeMutableBufferPointer<Worker?>.allocate(capacity: threadCount)
    workers.initialize(repeating: nil)
    defer { workers.deallocate() }
    Team.run(threadCount: threadCount, instructionSet: instructionSet) { workers[$0.index] = $0 }
    return workers.compactMap { $0 }
}
