import Dispatch
import Foundation

/// Turns Ctrl-C and a request to terminate into the cancellation of a task.
enum Interruption {
    /// Runs `work`; the first signal cancels it, so that it ends in order, the second one ends the process.
    static func cancelling<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        let task = Task { try work() }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                task.cancel()
                signal(number, SIG_DFL)
            }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        return try await task.value
    }
}
