import CLongLM

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A team of OpenMP threads that run one function together.
///
/// A forward pass starts its team once and meets at barriers inside, so that threads are woken once per pass
/// and not once per kernel.
public enum Team {
    /// How many threads a team has by default: `OMP_NUM_THREADS`, or the number of processors.
    ///
    /// - Throws: ``ThreadCountError`` if `OMP_NUM_THREADS` is malformed. Call this before the first team runs, since
    ///   OpenMP runtimes abort or hang on such a value.
    public static func defaultThreadCount() throws(ThreadCountError) -> Int {
        if let value = getenv("OMP_NUM_THREADS") { try check(threadCounts: String(cString: value)) }
        return Int(longlm_team_default_threads())
    }

    /// Checks a value of `OMP_NUM_THREADS`: a positive number, or several for nested teams, separated by commas.
    package static func check(threadCounts value: String) throws(ThreadCountError) {
        for part in value.split(separator: ",", omittingEmptySubsequences: false) {
            guard let count = Int32(part.drop { $0 == " " }.prefix { $0 != " " }), count >= 1,
                part.drop(while: { $0 == " " }).drop(while: { $0 != " " }).allSatisfy({ $0 == " " })
            else { throw ThreadCountError(value: value) }
        }
    }

    /// Runs `body` once on each of at most `threadCount` threads, including the calling one, and returns when all have
    /// finished.
    ///
    /// `body` runs concurrently with itself. It isn't `@Sendable`, because kernels work on raw pointers. The caller
    /// must make sure that, between two barriers, threads write to disjoint memory.
    ///
    /// Call it in a nonisolated function. A closure in an actor's method belongs to the actor, and Swift stops the
    /// program when part of such a closure runs on another thread.
    ///
    /// - Parameters:
    ///   - threadCount: The threads to ask for, at least 1. The OpenMP runtime may grant fewer.
    ///   - instructionSet: The instruction set of the workers' kernels; the processor must have it.
    ///   - body: What each worker does.
    public static func run(
        threadCount: Int, instructionSet: InstructionSet, _ body: (Worker) -> Void
    ) {
        precondition(threadCount >= 1, "a team has at least one thread")
        if threadCount == 1 { return body(Worker(index: 0, count: 1, instructionSet: instructionSet)) }
        withoutActuallyEscaping(body) { body in
            var context = TeamContext(instructionSet: instructionSet, body: body)
            withUnsafeMutablePointer(to: &context) { context in
                longlm_team_run(Int32(clamping: threadCount), runMember, context)
            }
        }
    }
}

extension Team {
    /// Runs a job like ``run(threadCount:instructionSet:_:)`` runs a closure, but without allocating memory.
    package static func run(_ job: any TeamJob, threadCount: Int, instructionSet: InstructionSet) {
        precondition(threadCount >= 1, "a team has at least one thread")
        if threadCount == 1 { return job.run(on: Worker(index: 0, count: 1, instructionSet: instructionSet)) }
        var context = JobContext(instructionSet: instructionSet, job: job)
        withUnsafeMutablePointer(to: &context) { context in
            longlm_team_run(Int32(clamping: threadCount), runJob, context)
        }
    }
}

/// Work that a team runs repeatedly. For a closure, each run would allocate a box; an object needs none.
package protocol TeamJob: AnyObject {
    /// One worker's part. It runs concurrently with itself. The job must make sure that, between two barriers, workers
    /// write to disjoint memory.
    func run(on worker: Worker)
}

private struct JobContext {
    let instructionSet: InstructionSet
    let job: any TeamJob
}

private func runJob(_ context: UnsafeMutableRawPointer?) {
    guard let context = context?.assumingMemoryBound(to: JobContext.self) else { return }
    context.pointee.job.run(
        on: Worker(
            index: Int(longlm_team_index()), count: Int(longlm_team_size()),
            instructionSet: context.pointee.instructionSet))
}

/// A value of `OMP_NUM_THREADS` that isn't a number of threads.
public struct ThreadCountError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The value.
    public let value: String

    package init(value: String) { self.value = value }

    /// One line for a person to read.
    public var description: String { "OMP_NUM_THREADS is \(value.debugDescription); it must be a positive number" }
}

private struct TeamContext {
    let instructionSet: InstructionSet
    let body: (Worker) -> Void
}

/// A named function, because a closure literal in an actor's method would inherit the actor and trap when an
/// OpenMP thread calls it.
private func runMember(_ context: UnsafeMutableRawPointer?) {
    guard let context = context?.assumingMemoryBound(to: TeamContext.self) else { return }
    context.pointee.body(
        Worker(
            index: Int(longlm_team_index()), count: Int(longlm_team_size()),
            instructionSet: context.pointee.instructionSet))
}

/// One thread of a ``Team``.
public struct Worker: Sendable {
    /// This worker's number, from 0.
    public let index: Int
    /// How many workers the team has.
    public let count: Int
    /// The instruction set of this team's kernels.
    public let instructionSet: InstructionSet

    /// This worker as the only one of a team. It is for steps so short that every worker does better to do them
    /// completely than to wait for the others.
    public var alone: Worker { Worker(index: 0, count: 1, instructionSet: instructionSet) }

    /// This worker with its number increased by `count`. If each of several short steps numbers the workers
    /// differently, other workers get the remainder each time.
    package func renumbered(by count: Int) -> Worker {
        Worker(index: (index + count) % self.count, count: self.count, instructionSet: instructionSet)
    }

    /// Waits until all workers of the team have arrived. What they wrote before is visible afterwards.
    public func barrier() {
        if count > 1 { longlm_team_barrier() }
    }

    /// This worker's share of `0 ..< total`. Shares are contiguous, and their sizes differ by at most one.
    public func share(of total: Int) -> Range<Int> {
        (total * index / count)..<(total * (index + 1) / count)
    }
}
