import Foundation

/// The processors that this process may use.
package struct MachineProcessors: Sendable {
    private let root: String

    /// - Parameter root: The directory that holds `proc` and `sys`; tests set it. Empty: the machine's own.
    package init(root: String = "") { self.root = root }

    /// How many processors' time the process's containers (cgroups of version 1 or 2) grant, rounded up; nil without a limit.
    ///
    /// A container that grants 1.5 processors of a machine of 64 would stop 64 threads most of the time.
    package func quota() -> Int? {
        let groups = ControlGroup.all(text("/proc/self/cgroup") ?? "", .processors)
        let quotas = groups.flatMap { group in group.directories.compactMap { quota($0, group.version) } }
        return quotas.min().map { Int(max(1, $0.rounded(.up))) }
    }

    private func quota(_ directory: String, _ version: ControlGroup.Version) -> Double? {
        switch version {
        case .one:
            // −1 says that there is no limit.
            return Self.quota(text(directory + "/cpu.cfs_quota_us"), of: text(directory + "/cpu.cfs_period_us"))
        case .two:
            // "150000 100000", or "max 100000".
            let fields = (text(directory + "/cpu.max") ?? "").split(separator: " ").map(String.init)
            return fields.count == 2 ? Self.quota(fields[0], of: fields[1]) : nil
        }
    }

    private static func quota(_ time: String?, of period: String?) -> Double? {
        func number(_ text: String?) -> Double? {
            text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }.map(Double.init)
        }
        guard let time = number(time), let period = number(period), time > 0, period > 0 else { return nil }
        // No machine has more processors than this.
        return min(time / period, 65_536)
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: root + path, encoding: .utf8) }
}
