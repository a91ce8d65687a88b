import Dispatch
import Foundation

/// Turns Ctrl-C into the cancellation of a task.
enum Interruption {
    /// Runs `work`. The first Ctrl-C cancels it, so that it can finish properly. The second one ends the process.
    static func cancelling<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        let task = Task { try work() }
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler {
            task.cancel()
            signal(SIGINT, SIG_DFL)
        }
        source.resume()
        defer { source.cancel() }
        return try await task.value
    }
}
