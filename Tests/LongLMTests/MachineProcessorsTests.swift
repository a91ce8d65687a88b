import Foundation
import LongLM
import SIMDKernels
import TestSupport
import Testing

@Suite struct MachineProcessorsTests {
    /// What these files of /proc and /sys grant.
    private func quota(_ files: [String: String]) throws -> Int? {
        let directory = try TemporaryDirectory()
        for (path, text) in files {
            let folder = directory.file(path.split(separator: "/").dropLast().joined(separator: "/"))
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try directory.write(text, to: path)
        }
        return MachineProcessors(root: directory.path).quota()
    }

    /// Parts of a processor count as a whole one.
    @Test(
        arguments: [
            ("150000 100000\n", 2), ("100000 100000\n", 1), ("1000 100000\n", 1), ("max 100000\n", nil), ("", nil),
            ("100000", nil), ("-1 100000", nil), ("100000 0", nil), ("9223372036854775807 1", 65_536),
        ] as [(String, Int?)])
    func versionTwo(text: String, expected: Int?) throws {
        #expect(try quota(["proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": text]) == expected)
    }

    @Test(arguments: [("250000\n", 3), ("-1\n", nil)] as [(String, Int?)])
    func versionOne(text: String, expected: Int?) throws {
        let files = [
            "proc/self/cgroup": "3:cpu,cpuacct:/docker/1\n5:memory:/\n",
            "sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us": text,
            "sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us": "100000\n",
        ]
        #expect(try quota(files) == expected)
    }

    /// The groups around a group limit it as well, and in a container the mount is the container's own group.
    @Test func outerGroups() throws {
        let group = ["proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "800000 100000"]
        #expect(try quota(group) == 8)
        #expect(try quota(group.merging(["sys/fs/cgroup/a/cpu.max": "300000 100000"]) { $1 }) == 3)
        #expect(try quota(group.merging(["sys/fs/cgroup/cpu.max": "200000 100000"]) { $1 }) == 2)
    }

    @Test func withoutGroups() throws {
        #expect(try quota([:]) == nil)
    }

    @Test("OMP_NUM_THREADS overrides the container's limit")
    func environment() async {
        await #expect(processExitsWith: .success) {
            setenv("OMP_NUM_THREADS", "7", 1)
            guard try Team.preferredThreadCount() == 7 else { exit(2) }
        }
    }
}
