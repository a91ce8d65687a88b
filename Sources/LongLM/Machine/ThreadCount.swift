import SIMDKernels

/// Why a number of threads can't be had.
struct InvalidThreadCount: Error {
    let reason: String
}

extension Team {
    /// A number of threads that somebody asked for, or the default.
    ///
    /// The default is looked at in any case: OpenMP runtimes abort or hang on a malformed `OMP_NUM_THREADS`.
    static func checkedThreadCount(_ count: Int?) throws(InvalidThreadCount) -> Int {
        let threadCount: Int
        do {
            let defaultThreadCount = try defaultThreadCount()
            threadCount = count ?? defaultThreadCount
        } catch { throw InvalidThreadCount(reason: "\(error)") }
        guard (1...1024).contains(threadCount) else {
            throw InvalidThreadCount(reason: "\(threadCount) threads; there must be between 1 and 1024")
        }
        return threadCount
    }
}
