extension ControlGroup {
    /// The bytes that the memory limits of the group and of those that contain it leave, one number for each limit.
    ///
    /// - Parameter text: Reads a file; nil if it can't be read.
    func memoryHeadrooms(_ text: (String) -> String?) -> [Int] {
        directories.compactMap { directory in
            guard let limit = text(directory + version.memoryLimitFile),
                let usage = text(directory + version.memoryUsageFile)
            else { return nil }
            return Self.memoryHeadroom(
                limit: limit, usage: usage, statistics: text(directory + "/memory.stat") ?? "", version)
        }
    }

    /// The bytes that a cgroup's limit leaves, at least 0; nil without a limit.
    ///
    /// The page cache counts as free, as in `MemAvailable`, because the kernel gives it back before it kills a process.
    /// So the pages of a checkpoint that has been read don't reduce the memory for its weights.
    ///
    /// - Parameters:
    ///   - limit: `memory.max`, or `memory.limit_in_bytes` of version 1.
    ///   - usage: `memory.current`, or `memory.usage_in_bytes`.
    ///   - statistics: `memory.stat`.
    package static func memoryHeadroom(
        limit: String, usage: String, statistics: String, _ version: Version
    ) -> Int? {
        // Version 2 writes "max" where there is no limit.
        guard let limit = MachineMemory.number(limit), let usage = MachineMemory.number(usage) else { return nil }
        var cached = 0
        for line in statistics.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 2, version.cacheKeys.contains(String(fields[0])),
                let count = MachineMemory.number(fields[1])
            else { continue }
            cached = min(usage, cached + min(usage, count))
        }
        return max(0, limit - (usage - cached))
    }
}

extension ControlGroup.Version {
    fileprivate var memoryLimitFile: String { self == .one ? "/memory.limit_in_bytes" : "/memory.max" }
    fileprivate var memoryUsageFile: String { self == .one ? "/memory.usage_in_bytes" : "/memory.current" }
    /// Entries of memory.stat that count the page cache, including that of groups inside.
    fileprivate var cacheKeys: [String] {
        self == .one ? ["total_inactive_file", "total_active_file"] : ["inactive_file", "active_file"]
    }
}
