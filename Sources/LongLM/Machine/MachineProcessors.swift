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
        return groups.flatMap { $0.processorQuotas(text) }.min().map { Int(max(1, $0.rounded(.up))) }
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: root + path, encoding: .utf8) }
}
