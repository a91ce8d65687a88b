import Synchronization

/// What the engine has done and what it holds, for whoever watches it. It can be read from anywhere.
final class EngineCounters: Sendable {
    /// The numbers at one moment.
    struct Values: Sendable {
        /// Conversations that are kept for requests that begin as they do.
        var keptCount = 0
        /// The keys and values of kept conversations, in bytes. What they share is counted for each of them.
        var keptByteCount = 0
        /// The most memory that the weights and all present conversations can take, in bytes.
        var reservedByteCount = 0
        /// The most bytes that may be reserved; nil: what the machine has.
        var limitByteCount: Int?

        // The others only ever grow.

        /// Tokens of prompts that passes have read.
        var readTokenCount = 0
        /// Tokens of prompts that didn't have to be read, because a conversation had them.
        var reusedTokenCount = 0
        /// Tokens of answers.
        var generatedTokenCount = 0
        /// Rounds with a pass, and parts of prompts that were scored or embedded between them.
        var passCount = 0
        /// Rows of all passes.
        var passRowCount = 0
        /// The time of all passes.
        var passDuration = Duration.zero
    }

    private let state: Mutex<Values>

    /// - Parameter limitByteCount: ``Values/limitByteCount``.
    init(limitByteCount: Int?) {
        var values = Values()
        values.limitByteCount = limitByteCount
        state = Mutex(values)
    }

    /// The numbers now.
    var values: Values { state.withLock { $0 } }

    /// Changes the numbers.
    func update(_ change: (inout Values) -> Void) { state.withLock { change(&$0) } }
}
