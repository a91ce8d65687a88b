import Foundation

/// The most memory that this process has had resident so far, in bytes.
func peakMemoryByteCount() -> Int {
    #if os(Linux)
        // A process inherits getrusage's maximum from the process that started it.
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").compactMap { Int($0) }.first ?? 0) * 1024
    #else
        var usage = rusage()
        getrusage(RUSAGE_SELF, &usage)
        return usage.ru_maxrss
    #endif
}
