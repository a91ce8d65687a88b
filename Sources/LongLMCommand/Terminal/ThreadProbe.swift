import Foundation

/// Finds out whether the system gives this process threads.
enum ThreadProbe {
    /// Whether it gives as many more as stated, which live at the same time. They are gone when this returns.
    static func systemGrants(threadCount: Int) -> Bool {
        #if os(Linux)
            guard threadCount > 0 else { return true }
            var thread = pthread_t()
            // Each is kept from its end by a lock until all of them have been started.
            var lock = pthread_mutex_t()
            pthread_mutex_init(&lock, nil)
            defer { pthread_mutex_destroy(&lock) }
            return withUnsafeMutablePointer(to: &lock) { lock in
                pthread_mutex_lock(lock)
                let isGranted = pthread_create(&thread, nil, ThreadProbe.wait, lock) == 0
                let areOthersGranted = isGranted && systemGrants(threadCount: threadCount - 1)
                pthread_mutex_unlock(lock)
                if isGranted { pthread_join(thread, nil) }
                return areOthersGranted
            }
        #else
            return true
        #endif
    }

    #if os(Linux)
        private static let wait: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { lock in
            guard let lock = lock?.assumingMemoryBound(to: pthread_mutex_t.self) else { return nil }
            pthread_mutex_lock(lock)
            pthread_mutex_unlock(lock)
            return nil
        }
    #endif
}
