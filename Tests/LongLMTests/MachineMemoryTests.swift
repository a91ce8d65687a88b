import Foundation
import LongLM
import TestSupport
import Testing

@Suite struct MachineMemoryTests {
    private let meminfo = """
        MemTotal:       24570012 kB
        MemFree:         1234567 kB
        MemAvailable:   20000000 kB
        SwapFree:        9999999 kB

        """
    private let available = 20_000_000 * 1024

    /// A directory with files of /proc and /sys.
    private func root(_ files: [String: String]) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        for (path, text) in files {
            let folder = directory.file(path.split(separator: "/").dropLast().joined(separator: "/"))
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try directory.write(text, to: path)
        }
        return directory
    }

    private func byteCount(_ files: [String: String]) throws -> Int? {
        let root = try root(files)
        return MachineMemory(root: root.path).linuxByteCount()
    }

    @Test func meminfoText() {
        #expect(MachineMemory.kilobytes(of: "MemAvailable", in: meminfo) == available)
        // Kernels before 3.14 don't estimate it.
        #expect(MachineMemory.kilobytes(of: "MemAvailable", in: "MemTotal: 24570012 kB\nMemFree: 1 kB\n") == nil)
        for text in ["", "MemAvailable:", "MemAvailable: -5 kB", "MemAvailable: 5 MB", "MemAvailable: five kB"] {
            #expect(MachineMemory.kilobytes(of: "MemAvailable", in: text) == nil)
        }
        #expect(MachineMemory.kilobytes(of: "MemAvailable", in: "MemAvailable: \(Int.max) kB") == .max)
    }

    @Test func groupsOfAProcess() {
        #expect(
            ControlGroup.all("0::/user.slice/a:b\n", .memory) == [ControlGroup(.two, .memory, path: "/user.slice/a:b")])
        let text = "9:name=systemd:/\n4:cpu,cpuacct,memory:/docker/1\n3:cpuset:/\n0::/\nnonsense\n5:memory\n"
        #expect(
            ControlGroup.all(text, .memory)
                == [ControlGroup(.one, .memory, path: "/docker/1"), ControlGroup(.two, .memory, path: "/")])
        #expect(
            ControlGroup.all(text, .processors)
                == [ControlGroup(.one, .processors, path: "/docker/1"), ControlGroup(.two, .processors, path: "/")])
        #expect(ControlGroup.all("", .memory) == [])
    }

    @Test func directoriesOfAGroup() {
        #expect(
            ControlGroup(.one, .memory, path: "/a/b").directories
                == ["/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory"])
        #expect(
            ControlGroup(.two, .memory, path: "/a").directories
                == ["/sys/fs/cgroup/a", "/sys/fs/cgroup", "/sys/fs/cgroup/unified/a", "/sys/fs/cgroup/unified"])
        #expect(ControlGroup(.one, .memory, path: "/../b").directories == ["/sys/fs/cgroup/memory"])
    }

    @Test func headroom() {
        func headroom(
            _ limit: String, _ usage: String, _ statistics: String = "", _ version: ControlGroup.Version = .two
        ) -> Int? { ControlGroup.memoryHeadroom(limit: limit, usage: usage, statistics: statistics, version) }

        #expect(headroom("1000\n", "300\n") == 700)
        #expect(headroom("max\n", "300\n") == nil)
        // The page cache of both ages is given back.
        #expect(headroom("1000\n", "300\n", "anon 180\ninactive_file 100\nactive_file 20\nfile 120\n") == 820)
        #expect(headroom("1000\n", "300\n", "total_inactive_file 100\n") == 700)
        #expect(
            headroom("1000\n", "300\n", "inactive_file 7\ntotal_inactive_file 100\ntotal_active_file 20\n", .one) == 820
        )
        // Figures that were read at different moments.
        #expect(headroom("1000\n", "300\n", "inactive_file 400\n") == 1000)
        #expect(headroom("1000\n", "1100\n") == 0)
        #expect(headroom("9223372036854771712\n", "300\n", "", .one) == 9_223_372_036_854_771_712 - 300)
        #expect(headroom("18446744073709551615\n", "0\n", "", .one) == .max)
        #expect(headroom("1000\n", "") == nil && headroom("-1\n", "300\n") == nil)
        #expect(headroom("1000\n", "300\n", "inactive_file\ninactive_file x\ninactive_file 1 2\n\n") == 700)
    }

    @Test func withoutContainer() throws {
        #expect(try byteCount([:]) == nil)
        #expect(try byteCount(["/proc/meminfo": meminfo]) == available)
        // The root group of version 2 has no limit, and no file for it.
        #expect(try byteCount(["/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/\n"]) == available)
    }

    @Test("The narrowest limit of a group and those around it holds")
    func versionTwo() throws {
        var files = [
            "/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/pods/app/main\n",
            "/sys/fs/cgroup/pods/app/main/memory.max": "max\n",
            "/sys/fs/cgroup/pods/app/main/memory.current": "100\n",
            "/sys/fs/cgroup/pods/app/memory.max": "5000\n",
            "/sys/fs/cgroup/pods/app/memory.current": "2000\n",
            "/sys/fs/cgroup/pods/app/memory.stat": "anon 1500\ninactive_file 400\nactive_file 100\n",
            "/sys/fs/cgroup/pods/memory.max": "9000\n",
            "/sys/fs/cgroup/pods/memory.current": "2500\n",
        ]
        #expect(try byteCount(files) == 3500)
        files["/sys/fs/cgroup/pods/memory.current"] = "8000\n"
        #expect(try byteCount(files) == 1000)
        files["/sys/fs/cgroup/pods/app/main/memory.max"] = "150\n"
        #expect(try byteCount(files) == 50)
        // Without an estimate of the machine, the container's limit is still known.
        files["/proc/meminfo"] = nil
        #expect(try byteCount(files) == 50)
        // A limit beyond what the machine has.
        files = files.filter { !$0.key.hasPrefix("/sys/fs/cgroup/pods/") }
        files["/proc/meminfo"] = meminfo
        files["/sys/fs/cgroup/pods/memory.max"] = "900000000000\n"
        files["/sys/fs/cgroup/pods/memory.current"] = "0\n"
        #expect(try byteCount(files) == available)
    }

    @Test("Inside a container the mount is the group itself, whatever path the process has outside")
    func insideAContainer() throws {
        #expect(
            try byteCount([
                "/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "2000\n",
                "/sys/fs/cgroup/memory.current": "500\n",
            ]) == 1500)
        #expect(
            try byteCount([
                "/proc/meminfo": meminfo, "/proc/self/cgroup": "4:memory:/docker/abc\n0::/\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": "3000\n",
                "/sys/fs/cgroup/memory/memory.usage_in_bytes": "1000\n",
                "/sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 200\n",
            ]) == 2200)
    }

    @Test func addressSpace() throws {
        let header = "Limit                     Soft Limit           Hard Limit           Units     \n"
        func limits(_ soft: String) -> String {
            header + "Max data size             5                    5                    bytes     \n"
                + "Max address space         \(soft)            unlimited            bytes     \n"
        }
        #expect(MachineMemory.addressSpace(limits: limits("4096000")) == 4_096_000)
        #expect(MachineMemory.addressSpace(limits: limits("unlimited")) == nil)
        #expect(MachineMemory.addressSpace(limits: header) == nil)
        var files = [
            "/proc/meminfo": meminfo, "/proc/self/limits": limits("4096000"),
            "/proc/self/status": "Name:\tlonglm\nVmPeak:\t  3900 kB\nVmSize:\t  3000 kB\n",
        ]
        #expect(try byteCount(files) == 1_024_000)
        files["/proc/self/status"] = "VmSize:\t  5000 kB\n"
        #expect(try byteCount(files) == 0)
        files["/proc/self/limits"] = limits("unlimited")
        #expect(try byteCount(files) == available)
    }

    @Test("A kernel that promises no more than it has is believed")
    func commitLimit() throws {
        let committed = meminfo + "CommitLimit:  5000 kB\nCommitted_AS:  4000 kB\n"
        var files = ["/proc/meminfo": committed, "/proc/sys/vm/overcommit_memory": "2\n"]
        #expect(try byteCount(files) == 1_024_000)
        for mode in ["0", "1"] {
            files["/proc/sys/vm/overcommit_memory"] = mode + "\n"
            #expect(try byteCount(files) == available)
        }
    }

    @Test("This machine has some memory, and no more than it says")
    func thisMachine() throws {
        let available = try #require(MachineMemory().availableByteCount())
        #expect(available > 0 && available <= Int(ProcessInfo.processInfo.physicalMemory))
    }
}
