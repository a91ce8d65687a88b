import Foundation

/// A thread of its own for an actor, or a task, that computes.
///
/// A forward pass keeps the thread that it runs on, and OpenMP keeps a team of threads for each thread that ever ran one.
/// On the threads that Swift's tasks share, that would hold up other tasks, and idle teams would take time from the one at
/// work. An actor with `nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }` does all
/// of its work here instead; `Task(executorPreference: thread)` does the same for a task.
public final class InferenceThread: SerialExecutor, TaskExecutor {
    private let queue = JobQueue()

    /// Starts a thread, which ends with the last reference to this object.
    ///
    /// - Parameter name: Its name in a debugger.
    public init(name: String = "inference") {
        let queue = queue
        let thread = Thread {
            // Not from outside: on Linux that would name nobody, or the thread that asks.
            Thread.current.name = name
            while let job = queue.next() { job() }
        }
        // As the first thread of a program has; others get less by default.
        thread.stackSize = 8 << 20
        thread.start()
    }

    deinit { queue.close() }

    /// Runs a job on the thread, after those that were given before.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // The reference keeps the thread alive until the job is done.
        queue.add {
            job.runSynchronously(
                isolatedTo: self.asUnownedSerialExecutor(), taskExecutor: self.asUnownedTaskExecutor())
        }
    }
}

/// Jobs in the order in which they came.
private final class JobQueue: @unchecked Sendable {
    // `@unchecked`: all of it is read and written with the condition locked.
    private let condition = NSCondition()
    private var jobs: [@Sendable () -> Void] = []
    private var isClosed = false

    func add(_ job: @escaping @Sendable () -> Void) {
        condition.lock()
        jobs.append(job)
        condition.signal()
        condition.unlock()
    }

    func close() {
        condition.lock()
        isClosed = true
        condition.signal()
        condition.unlock()
    }

    /// Waits for the next job; nil when there will be no more.
    func next() -> (@Sendable () -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        while jobs.isEmpty, !isClosed { condition.wait() }
        return jobs.isEmpty ? nil : jobs.removeFirst()
    }
}
