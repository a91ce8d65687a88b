import Foundation

/// Finds out whether the system gives this process threads.
enum ThreadProbe {
    /// Held while threads are started, so that all of them exist at once.
    private static let gate = NSLock()

    /// Whether it gives as many more as stated. They are gone when this returns.
    static func systemGrants(threadCount: Int) -> Bool {
        #if os(Linux)
            gate.lock()
            var threads: [pthread_t] = []
            for _ in 0..<threadCount {
                var thread = pthread_t()
                guard pthread_create(&thread, nil, { _ in gate.withLock { nil } }, nil) == 0 else { break }
                threads.append(thread)
            }
            gate.unlock()
            for thread in threads { pthread_join(thread, nil) }
            return threads.count == threadCount
        #else
            return true
        #endif
    }
}
