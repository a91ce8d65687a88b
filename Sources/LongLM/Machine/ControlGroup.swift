/// A cgroup of this process that may limit its memory or its processors.
package struct ControlGroup: Equatable, Sendable {
    /// The version of the kernel's interface.
    package enum Version: Equatable, Sendable {
        case one, two
    }

    /// What a group limits.
    package enum Controller: String, Sendable {
        case memory
        case processors = "cpu"
    }

    package let version: Version
    package let controller: Controller
    /// The path from the mount; it begins with a slash.
    package let path: String

    package init(_ version: Version, _ controller: Controller, path: String) {
        self.version = version
        self.controller = controller
        self.path = path
    }

    /// The groups with a controller that /proc/self/cgroup names.
    package static func all(_ text: String, _ controller: Controller) -> [ControlGroup] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[2].hasPrefix("/") else { return nil }
            let path = String(fields[2])
            if fields[0] == "0", fields[1].isEmpty { return ControlGroup(.two, controller, path: path) }
            return fields[1].split(separator: ",").contains(Substring(controller.rawValue))
                ? ControlGroup(.one, controller, path: path) : nil
        }
    }

    /// The directories of the group and of all groups that contain it, whose limits also apply.
    ///
    /// Inside a container, the path may be the host's, while the mount is the container's own group. Directories that
    /// don't exist are ignored, and the mount itself always comes last.
    package var directories: [String] {
        // If both versions are in use, version 2 is in `unified`.
        let mounts =
            version == .one ? ["/sys/fs/cgroup/\(controller.rawValue)"] : ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        // ".." leads out of what a container sees.
        let names = path.split(separator: "/").map(String.init)
        let levels = names.contains("..") ? [] : names
        return mounts.flatMap { mount in
            (0...levels.count).reversed().map { mount + levels.prefix($0).map { "/" + $0 }.joined() }
        }
    }
}
