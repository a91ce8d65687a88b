import Foundation
import SIMDKernels

extension Team {
    /// How many threads a session has by default: `OMP_NUM_THREADS`, or the processors that the process may use, which are
    /// those of its affinity mask and no more than its container grants.
    ///
    /// - Throws: `ThreadCountError` if `OMP_NUM_THREADS` is malformed.
    package static func preferredThreadCount() throws(ThreadCountError) -> Int {
        let count = try defaultThreadCount()
        if getenv("OMP_NUM_THREADS") != nil { return count }
        return min(count, MachineProcessors().quota() ?? count)
    }

    /// The number of threads that was asked for, or the default.
    ///
    /// The default is checked either way: OpenMP runtimes abort or hang on a malformed `OMP_NUM_THREADS`.
    static func checkedThreadCount(_ count: Int?) throws(InvalidOption) -> Int {
        let threadCount: Int
        do {
            let preferredThreadCount = try preferredThreadCount()
            threadCount = count ?? preferredThreadCount
        } catch {
            throw InvalidOption(
                "environment variable OMP_NUM_THREADS", error.value.debugDescription, allowed: "a positive number")
        }
        guard (1...1024).contains(threadCount) else {
            throw InvalidOption("number of threads", threadCount, between: 1, and: 1024)
        }
        return threadCount
    }
}
