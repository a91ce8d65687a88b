import Foundation

/// The memory that this machine can still give to this process.
///
/// On Linux this is the kernel's own estimate, or less if another limit leaves less: that of a container (cgroup
/// version 1 or 2), that of the process's address space, or that of a kernel that promises no more memory than it has.
/// Elsewhere it is all memory of the machine.
package struct MachineMemory: Sendable {
    private let root: String

    /// - Parameter root: The directory that holds `proc` and `sys`; tests set it. Empty: the machine's own.
    package init(root: String = "") { self.root = root }

    /// The bytes that can be had without swapping, including those of the page cache; nil if the system doesn't say.
    package func availableByteCount() -> Int? {
        #if os(Linux)
            linuxByteCount()
        #else
            Int(clamping: ProcessInfo.processInfo.physicalMemory)
        #endif
    }

    /// Whether the system gives this process as many bytes of address space, and some more for what fills up pages and
    /// buffers. They are given back at once, unused.
    package static func grants(_ byteCount: Int) -> Bool {
        guard byteCount > 0 else { return true }
        let byteCount = byteCount + min(byteCount, 64 << 20)
        guard let start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0),
            start != MAP_FAILED
        else { return false }
        munmap(start, byteCount)
        return true
    }

    /// ``availableByteCount()``, read from the files of Linux.
    package func linuxByteCount() -> Int? {
        let meminfo = text("/proc/meminfo") ?? ""
        var limits = [Self.kilobytes(of: "MemAvailable", in: meminfo)]
        // Mode 2 of overcommit refuses what is beyond the commit limit, even if it is never written.
        if text("/proc/sys/vm/overcommit_memory").flatMap(Self.number) == 2 {
            limits.append(
                Self.difference(
                    Self.kilobytes(of: "CommitLimit", in: meminfo), Self.kilobytes(of: "Committed_AS", in: meminfo)))
        }
        limits.append(
            Self.difference(
                Self.addressSpace(limits: text("/proc/self/limits") ?? ""),
                Self.kilobytes(of: "VmSize", in: text("/proc/self/status") ?? "")))
        for group in ControlGroup.all(text("/proc/self/cgroup") ?? "", .memory) {
            limits += group.memoryHeadrooms(text)
        }
        return limits.compactMap { $0 }.min()
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: root + path, encoding: .utf8) }

    /// A number of kilobytes in /proc/meminfo or /proc/self/status, as bytes; nil if the kernel doesn't list it.
    package static func kilobytes(of name: String, in text: String) -> Int? {
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        let fields = line?.split(whereSeparator: \.isWhitespace) ?? []
        guard fields.count == 3, fields[2] == "kB", let count = Int(fields[1]), count >= 0 else { return nil }
        return product(count, 1024)
    }

    /// The soft limit of a process's address space in /proc/self/limits, in bytes; nil without one.
    package static func addressSpace(limits: String) -> Int? {
        let name = "Max address space"
        guard let line = limits.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return nil }
        return line.dropFirst(name.count).split(separator: " ").first.flatMap(number)
    }

    private static func difference(_ limit: Int?, _ used: Int?) -> Int? {
        guard let limit, let used else { return nil }
        return max(0, limit - used)
    }

    /// A number from 0 on in a file of the kernel. Version 1 of cgroups writes one beyond Int.max for "no limit", which becomes
    /// Int.max.
    static func number(_ text: some StringProtocol) -> Int? {
        UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines)).map { Int(clamping: $0) }
    }

    private static func product(_ left: Int, _ right: Int) -> Int {
        let (product, overflow) = left.multipliedReportingOverflow(by: right)
        return overflow ? .max : product
    }
}
