import Foundation
import Synchronization

/// Turns Ctrl-C into the cancellation of a task.
enum Interruption {
    private static let isCancellable = Atomic(false)

    /// Runs `work`, which the first Ctrl-C cancels, so that it can finish properly. The second one ends the process, as
    /// every one does while no work runs.
    static func cancelling<Result>(_ work: () throws -> Result) rethrows -> Result {
        isCancellable.store(true, ordering: .relaxed)
        defer { isCancellable.store(false, ordering: .relaxed) }
        return try work()
    }

    /// Keeps Ctrl-C from this thread and those that it starts from now on, for ``wait(cancelling:)``.
    static func prepare() {
        var signals = interrupts
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Waits for Ctrl-C until the process ends. A thread that waits needs no other one, unlike what Dispatch has for it.
    static func wait(cancelling task: Task<Void, Never>) -> Never {
        var signals = interrupts
        while true {
            var signal: CInt = 0
            guard sigwait(&signals, &signal) == 0 else { continue }
            if isCancellable.exchange(false, ordering: .relaxed) {
                task.cancel()
            } else {
                Foundation.signal(SIGINT, SIG_DFL)
                pthread_sigmask(SIG_UNBLOCK, &signals, nil)
                raise(SIGINT)
            }
        }
    }

    private static var interrupts: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        return signals
    }
}
