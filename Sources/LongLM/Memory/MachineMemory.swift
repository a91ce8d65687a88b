import Foundation

/// The memory that this machine can still give to this process.
///
/// On Linux that is the kernel's own estimate, or less where a container's limit (cgroup version 1 or 2) leaves less.
/// Elsewhere it is all memory of the machine.
package struct MachineMemory: Sendable {
    private let root: String

    /// - Parameter root: The directory in which `proc` and `sys` lie, for tests; nothing: the machine's own.
    package init(root: String = "") { self.root = root }

    /// The bytes that can be had without swapping, those of the page cache included; nil where nobody says.
    package func availableByteCount() -> Int? {
        #if os(Linux)
            linuxByteCount()
        #else
            Int(clamping: ProcessInfo.processInfo.physicalMemory)
        #endif
    }

    /// ``availableByteCount()`` by the files of Linux.
    package func linuxByteCount() -> Int? {
        let machine = text("/proc/meminfo").flatMap { Self.availableByteCount(meminfo: $0) }
        let groups = ControlGroup.all(text("/proc/self/cgroup") ?? "")
        return ([machine] + groups.flatMap { group in group.directories.map { headroom($0, group.version) } })
            .compactMap { $0 }.min()
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: root + path, encoding: .utf8) }

    /// What the limit of a cgroup leaves; nil without a limit.
    private func headroom(_ directory: String, _ version: ControlGroup.Version) -> Int? {
        guard let limit = text(directory + version.limitFile), let usage = text(directory + version.usageFile) else {
            return nil
        }
        return Self.headroom(
            limit: limit, usage: usage, statistics: text(directory + "/memory.stat") ?? "", version)
    }

    /// `MemAvailable` of /proc/meminfo, in bytes; nil from kernels that don't have it.
    package static func availableByteCount(meminfo: String) -> Int? {
        let line = meminfo.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        let fields = line?.split(separator: " ") ?? []
        guard fields.count == 3, fields[2] == "kB", let count = Int(fields[1]), count >= 0 else { return nil }
        return product(count, 1024)
    }

    /// What a cgroup's limit leaves, in bytes, at least 0; nil without a limit.
    ///
    /// The page cache counts as free, as in `MemAvailable`: the kernel gives it back before it kills a process. So pages
    /// of a checkpoint that were read once don't stand in the way of its weights.
    ///
    /// - Parameters:
    ///   - limit: `memory.max`, or `memory.limit_in_bytes` of version 1.
    ///   - usage: `memory.current`, or `memory.usage_in_bytes`.
    ///   - statistics: `memory.stat`.
    package static func headroom(
        limit: String, usage: String, statistics: String, _ version: ControlGroup.Version
    ) -> Int? {
        // Version 2 writes "max" where there is no limit.
        guard let limit = number(limit), let usage = number(usage) else { return nil }
        var cached = 0
        for line in statistics.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 2, version.cacheKeys.contains(String(fields[0])), let count = number(fields[1]) else {
                continue
            }
            cached = min(usage, cached + min(usage, count))
        }
        return max(0, limit - (usage - cached))
    }

    /// Version 1 writes numbers beyond Int.max for "no limit".
    private static func number(_ text: some StringProtocol) -> Int? {
        UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines)).map { Int(clamping: $0) }
    }

    private static func product(_ left: Int, _ right: Int) -> Int {
        let (product, overflow) = left.multipliedReportingOverflow(by: right)
        return overflow ? .max : product
    }
}

/// A cgroup of this process that may limit its memory.
package struct ControlGroup: Equatable, Sendable {
    /// Of the kernel's interface.
    package enum Version: Equatable, Sendable {
        case one, two

        var limitFile: String { self == .one ? "/memory.limit_in_bytes" : "/memory.max" }
        var usageFile: String { self == .one ? "/memory.usage_in_bytes" : "/memory.current" }
        /// Entries of memory.stat that are page cache, with those of the groups inside.
        var cacheKeys: [String] {
            self == .one ? ["total_inactive_file", "total_active_file"] : ["inactive_file", "active_file"]
        }
        /// Where it is mounted; version 2 lies in `unified` beside version 1.
        var mounts: [String] {
            self == .one ? ["/sys/fs/cgroup/memory"] : ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        }
    }

    package let version: Version
    /// From the mount, beginning with a slash.
    package let path: String

    package init(_ version: Version, path: String) {
        self.version = version
        self.path = path
    }

    /// The groups that /proc/self/cgroup names.
    package static func all(_ text: String) -> [ControlGroup] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[2].hasPrefix("/") else { return nil }
            let path = String(fields[2])
            if fields[0] == "0", fields[1].isEmpty { return ControlGroup(.two, path: path) }
            return fields[1].split(separator: ",").contains("memory") ? ControlGroup(.one, path: path) : nil
        }
    }

    /// The directories of the group and of all that it lies in, whose limits hold too.
    ///
    /// Inside a container the path may be the host's, while the mount is the container's own group: directories that
    /// don't exist say nothing, and the mount itself always comes last.
    package var directories: [String] {
        // ".." leads out of what a container sees.
        let names = path.split(separator: "/").map(String.init)
        let levels = names.contains("..") ? [] : names
        return version.mounts.flatMap { mount in
            (0...levels.count).reversed().map { mount + levels.prefix($0).map { "/" + $0 }.joined() }
        }
    }
}
