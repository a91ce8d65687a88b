import Foundation

/// What the system says of this process, by the names that Prometheus has for that; what it doesn't say is left out.
enum OwnProcess {
    static func write(to page: inout MetricsPage) {
        page.metric("process_cpu_seconds_total", .counter, "Time of all processors.", processorTime)
        page.metric("process_resident_memory_bytes", .gauge, "Memory that is present.", memory(field: 1))
        page.metric("process_virtual_memory_bytes", .gauge, "Memory that has addresses.", memory(field: 0))
        page.metric("process_open_fds", .gauge, "Open files and connections.", openFiles)
        page.metric("process_max_fds", .gauge, "The most open files and connections.", mostOpenFiles)
    }

    private static var processorTime: Double? {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return nil }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// A number of pages, in bytes.
    private static func memory(field: Int) -> Double? {
        guard let fields = read("/proc/self/statm")?.split(separator: " "), fields.count > field else { return nil }
        return Double(fields[field]).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) }
    }

    private static var openFiles: Double? {
        // One of them is the folder.
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { Double($0.count - 1) }
    }

    private static var mostOpenFiles: Double? {
        read("/proc/self/limits")?.split(separator: "\n").first { $0.hasPrefix("Max open files") }
            .flatMap { Double($0.split(separator: " ")[3]) }
    }

    private static func read(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}
