import Foundation

/// A dedicated thread for an actor or a task that computes.
///
/// A forward pass occupies the thread that it runs on, and OpenMP keeps a team of threads for each thread that has ever
/// run one. On the threads that Swift's tasks share, this would hold up other tasks, and idle teams would take time
/// from the busy one. An actor with `nonisolated var unownedExecutor: UnownedSerialExecutor {
/// thread.asUnownedSerialExecutor() }` does all of its work here instead; `Task(executorPreference: thread)` does the
/// same for a task.
public final class InferenceThread: SerialExecutor, TaskExecutor {
    private let queue = JobQueue()

    /// Starts a thread, which ends with the last reference to this object.
    ///
    /// - Parameter name: Its name in a debugger.
    public init(name: String = "inference") {
        let queue = queue
        let thread = Thread {
            while let job = queue.next() { job() }
        }
        // As much as a program's first thread has; others get less by default.
        thread.stackSize = 8 << 20
        thread.start()
        // The thread sets its name itself once it runs. Foundation on Linux loses a name that is given earlier.
        queue.add { Thread.current.name = name }
    }

    deinit { queue.close() }

    /// Runs a job on the thread, after all earlier ones.
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
    // `@unchecked`: all state is read and written with the condition locked.
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

    /// Waits for the next job; nil if there will be no more.
    func next() -> (@Sendable () -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        while jobs.isEmpty, !isClosed { condition.wait() }
        return jobs.isEmpty ? nil : jobs.removeFirst()
    }
}
