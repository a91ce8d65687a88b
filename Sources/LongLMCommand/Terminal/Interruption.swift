import Foundation
import Synchronization

/// Says what Ctrl-C does: it ends the process, cancels the command's task, or calls a handler.
enum Interruption {
    private enum Action: Sendable {
        case end, cancel
        case call(@Sendable () -> Bool)
    }

    private static let action = Mutex(Action.end)

    /// Runs `work`, which the first Ctrl-C cancels, so that it can finish properly. The second one ends the process, as
    /// every one does while no work runs.
    static func cancelling<Result>(_ work: () throws -> Result) rethrows -> Result {
        set(.cancel)
        defer { set(.end) }
        return try work()
    }

    /// Runs `work`, which the first Ctrl-C cancels, and the second one ends with the process.
    static func cancelling<Result>(_ work: () async throws -> Result) async rethrows -> Result {
        set(.cancel)
        defer { set(.end) }
        return try await work()
    }

    /// Runs `work`, during which Ctrl-C calls a handler.
    ///
    /// - Parameter handler: Called on another thread. It returns whether the process goes on.
    static func calling<Result>(
        _ handler: @escaping @Sendable () -> Bool, during work: () async throws -> Result
    ) async rethrows -> Result {
        set(.call(handler))
        defer { set(.end) }
        return try await work()
    }

    private static func set(_ next: Action) { action.withLock { $0 = next } }

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
            guard !goesOn(cancelling: task) else { continue }
            Foundation.signal(SIGINT, SIG_DFL)
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            raise(SIGINT)
        }
    }

    /// Does what Ctrl-C does now, and says whether the process goes on.
    private static func goesOn(cancelling task: Task<Void, Never>) -> Bool {
        action.withLock { action in
            switch action {
            case .end: return false
            case .cancel:
                action = .end
                task.cancel()
                return true
            case .call(let handler): return handler()
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
