import Synchronization

/// What Ctrl-C does in a chat at a terminal: it ends an answer; where somebody types, it ends the line. A second one without
/// anything in between ends the program.
final class ChatInterruption: Sendable {
    private struct State {
        /// Cancels the answer that is being given.
        var cancel: (@Sendable () -> Void)?
        /// How often Ctrl-C has come since the last line and the last answer.
        var count = 0
    }

    private let state = Mutex(State())

    /// Ctrl-C: returns whether the program goes on.
    func handle() -> Bool {
        state.withLock { state in
            state.count += 1
            guard state.count == 1 else {
                Terminal.drawError("\n")
                return false
            }
            if let cancel = state.cancel {
                cancel()
            } else {
                // The terminal itself has dropped the line.
                Terminal.drawError("\n(Ctrl-C again, Ctrl-D or /exit leaves)\n> ")
            }
            return true
        }
    }

    /// Runs a task as an answer.
    func answering<Result: Sendable>(_ task: Task<Result, any Error>) async throws -> Result {
        state.withLock { $0 = State(cancel: { task.cancel() }) }
        defer { state.withLock { $0 = State() } }
        return try await task.value
    }

    /// Notes that a line has come.
    ///
    /// - Returns: Whether Ctrl-C came before it.
    func takeLine() -> Bool {
        state.withLock { state in
            defer { state.count = 0 }
            return state.count > 0
        }
    }
}
