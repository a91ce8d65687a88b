import Foundation

/// The most memory that this process has had resident so far, in bytes.
func peakMemoryByteCount() -> Int {
    var usage = rusage()
    // Linux counts in KiB, macOS in bytes.
    #if os(Linux)
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    #else
        getrusage(RUSAGE_SELF, &usage)
        return usage.ru_maxrss
    #endif
}
