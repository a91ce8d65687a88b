import Foundation
import SIMDKernels
import Synchronization
import Testing

@Suite("Team")
struct TeamTests {
    @Test("Every worker runs exactly once", arguments: [1, 2, 3, 8])
    func everyWorkerOnce(_ threadCount: Int) {
        let runs = Mutex<[Int: Int]>([:])
        for _ in 0..<50 {
            Team.run(threadCount: threadCount, instructionSet: .baseline) { worker in
                #expect(worker.count == threadCount)
                #expect(worker.instructionSet == .baseline)
                runs.withLock { $0[worker.index, default: 0] += 1 }
            }
        }
        #expect(runs.withLock { $0 } == Dictionary(uniqueKeysWithValues: (0..<threadCount).map { ($0, 50) }))
    }

    @Test("Workers run at the same time, on threads of their own")
    func concurrency() {
        // Each waits in a barrier for all others, so one thread alone could never get past it.
        let threads = Mutex<Set<UInt>>([])
        Team.run(threadCount: 3, instructionSet: .baseline) { worker in
            worker.barrier()
            threads.withLock { _ = $0.insert(UInt(pthread_self())) }
        }
        #expect(threads.withLock { $0.count } == 3)
    }

    @Test("Shares are contiguous, complete and equal up to one", arguments: [1, 2, 3, 5, 8])
    func shares(_ threadCount: Int) {
        let workers = workers(threadCount)
        #expect(workers.map(\.index) == Array(0..<threadCount))
        for total in 0...100 {
            let shares = workers.map { $0.share(of: total) }
            #expect(shares.flatMap { Array($0) } == Array(0..<total))
            let sizes = shares.map(\.count)
            #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        }
    }

    /// A worker that reads before another's write would see the number of an earlier round.
    @Test("What is written before a barrier is read after it", arguments: [2, 3, 5])
    func barriers(_ threadCount: Int) {
        let slots = UnsafeMutableBufferPointer<Int>.allocate(capacity: threadCount)
        slots.initialize(repeating: 0)
        defer { slots.deallocate() }
        let failures = Atomic(0)
        Team.run(threadCount: threadCount, instructionSet: .baseline) { worker in
            for round in 1...100 {
                slots[worker.index] = round
                worker.barrier()
                if !slots.allSatisfy({ $0 == round }) { failures.add(1, ordering: .relaxed) }
                worker.barrier()
            }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
    }

    @Test("run returns when all workers have finished")
    func join() {
        for _ in 0..<100 {
            let finished = Atomic(0)
            Team.run(threadCount: 3, instructionSet: .baseline) { worker in
                if worker.index > 0 { usleep(200) }
                finished.add(1, ordering: .relaxed)
            }
            #expect(finished.load(ordering: .relaxed) == 3)
        }
    }

    /// OpenMP may give a nested team fewer threads; each of its workers still gets its own part, and all parts.
    @Test("A team inside a worker of a team does its work")
    func nested() {
        let done = Mutex<[Int]>([])
        Team.run(threadCount: 2, instructionSet: .baseline) { outer in
            Team.run(threadCount: 2, instructionSet: .baseline) { inner in
                inner.barrier()
                let parts = inner.share(of: 10).map { outer.index * 10 + $0 }
                done.withLock { $0 += parts }
            }
            outer.barrier()
        }
        #expect(done.withLock { $0.sorted() } == Array(0..<20))
    }

    /// A server runs sessions on many threads of its own; each call gets a team.
    @Test("Teams of several host threads don't mix")
    func concurrentTeams() async {
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<4 {
                group.addTask {
                    (0..<50).allSatisfy { round in
                        let sum = Atomic(0)
                        Team.run(threadCount: 3, instructionSet: .baseline) { worker in
                            for value in worker.share(of: 100) { sum.add(value + task, ordering: .relaxed) }
                        }
                        return sum.load(ordering: .relaxed) == 4950 + 100 * task
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    /// By way of a nonisolated function, as `Team.run` asks for: the workers' closure then belongs to no actor.
    @Test("A team can be run on behalf of the main actor") @MainActor
    func mainActor() {
        #expect(indicesOfThree() == [0, 1, 2])
    }

    // MARK: In processes of their own

    @Test("OMP_NUM_THREADS sets the default; a number asked for overrides it")
    func environmentThreads() async {
        await #expect(processExitsWith: .success) {
            setenv("OMP_NUM_THREADS", "5", 1)
            guard try Team.defaultThreadCount() == 5 else { exit(2) }
            guard workers(try Team.defaultThreadCount()).count == 5 else { exit(3) }
            guard workers(2).count == 2 else { exit(4) }
        }
    }

    @Test("Numbers of threads that OpenMP understands", arguments: ["1", "5", " 3 ", "4,2", "4, 2"])
    func wellFormedThreads(value: String) throws {
        try Team.check(threadCounts: value)
    }

    /// libomp aborts, hangs or makes a number up when it meets one of these.
    @Test("Others are refused", arguments: ["", " ", "abc", "-1", "0", "2x", "1 2", "4,", ",4", "99999999999", "1.5"])
    func malformedThreads(value: String) throws {
        #expect(throws: ThreadCountError(value: value)) { try Team.check(threadCounts: value) }
    }

    @Test("A malformed OMP_NUM_THREADS is an error before OpenMP reads it")
    func malformedEnvironment() async {
        await #expect(processExitsWith: .success) {
            setenv("OMP_NUM_THREADS", "abc", 1)
            do {
                _ = try Team.defaultThreadCount()
                exit(2)
            } catch {
                guard "\(error)".contains("OMP_NUM_THREADS is \"abc\"") else { exit(3) }
            }
        }
    }

    @Test("Without OMP_NUM_THREADS the default is the processors that the process may use")
    func processorThreads() async {
        await #expect(processExitsWith: .success) {
            unsetenv("OMP_NUM_THREADS")
            guard try Team.defaultThreadCount() == ProcessInfo.processInfo.activeProcessorCount else { exit(2) }
        }
    }

    /// A thread that spins for work would take a whole processor from the program around it. OpenMP lets one spin for a
    /// while (200 ms unless KMP_BLOCKTIME says otherwise), so the measurement begins after that. It isn't a test of
    /// speed: it compares a process's processor time with the clock, by a factor of more than ten between an idle
    /// process and one with a spinning thread, and a loaded machine can only make a process use less.
    @Test("Idle workers sleep")
    func idleWorkers() async {
        await #expect(processExitsWith: .success) {
            for _ in 0..<10 {
                Team.run(threadCount: 3, instructionSet: .baseline) { $0.barrier() }
            }
            usleep(500_000)
            let before = processorSeconds()
            usleep(300_000)
            guard processorSeconds() - before < 0.25 * 0.3 else { exit(2) }
        }
    }

    /// One of three comes late to each barrier, long after the others have gone to sleep: they must all be woken. As above,
    /// a loaded machine can only make the waiting ones use less.
    @Test("Workers that wait long sleep, and wake up")
    func longWaits() async {
        await #expect(processExitsWith: .success) {
            let before = processorSeconds()
            Team.run(threadCount: 3, instructionSet: .baseline) { worker in
                for round in 0..<10 {
                    if worker.index == round % 3 { usleep(20_000) }
                    worker.barrier()
                }
            }
            // Two that spin would take 0.4 s.
            guard processorSeconds() - before < 0.1 else { exit(2) }
        }
    }

    #if os(Linux)
        /// OpenMP's own runtime would end the process.
        @Test(
            "Where the system refuses threads, a team has those that there are",
            .enabled(if: ProcessInfo.processInfo.environment["LONGLM_SANITIZER"] == nil, "sanitizers reserve much"))
        func refusedThreads() async {
            await #expect(processExitsWith: .success) {
                // Threads of 4 MB each, in an address space that has room for a few of them.
                setenv("OMP_STACKSIZE", "4M", 1)
                let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
                let line = status.split(separator: "\n").first { $0.hasPrefix("VmSize:") }
                guard let size = line?.split(separator: " ").compactMap({ UInt($0) }).first else { exit(2) }
                var limit = rlimit(rlim_cur: rlim_t(size * 1024 + 40 << 20), rlim_max: rlim_t(size * 1024 + 40 << 20))
                guard setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { exit(3) }
                for _ in 0..<3 {
                    let count = workers(64).count
                    guard count >= 2, count < 20 else { exit(4) }
                }
                guard workers(2).count == 2 else { exit(5) }
            }
        }
    #endif

    /// Kernels keep small arrays on the stack.
    @Test("Stacks that are too small for kernels grow", arguments: ["16k", "64k"])
    func smallStacks(size: String) async {
        await #expect(processExitsWith: .success) { [size] in
            setenv("OMP_STACKSIZE", size, 1)
            let sum = Mutex(0)
            Team.run(threadCount: 3, instructionSet: .baseline) { worker in
                withUnsafeTemporaryAllocation(of: Int.self, capacity: 50_000) { numbers in
                    for index in numbers.indices { numbers.initializeElement(at: index, to: worker.index) }
                    let last = numbers[numbers.count - 1]
                    sum.withLock { $0 += last }
                }
            }
            guard sum.withLock({ $0 }) == 3 else { exit(2) }
        }
    }
}

private func indicesOfThree() -> Set<Int> {
    let indices = Mutex<Set<Int>>([])
    Team.run(threadCount: 3, instructionSet: .baseline) { worker in
        worker.barrier()
        indices.withLock { _ = $0.insert(worker.index) }
    }
    return indices.withLock { $0 }
}

/// The processor time of this process and all of its threads.
private func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
