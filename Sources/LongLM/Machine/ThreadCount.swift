import SIMDKernels

extension Team {
    /// The number of threads that was asked for, or the default.
    ///
    /// The default is checked either way: OpenMP runtimes abort or hang on a malformed `OMP_NUM_THREADS`.
    static func checkedThreadCount(_ count: Int?) throws(InvalidOption) -> Int {
        let threadCount: Int
        do {
            let defaultThreadCount = try defaultThreadCount()
            threadCount = count ?? defaultThreadCount
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
