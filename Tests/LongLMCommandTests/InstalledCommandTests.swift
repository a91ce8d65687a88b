#if os(Linux)
    import Foundation
    import TestSupport
    import Testing

    /// The command beside the files that a release has.
    @Suite struct InstalledCommandTests {
        /// The model in share/longlm is preferred to that of the clone, so an empty folder in its place is an error.
        @Test func filesBesideTheCommand() throws {
            let directory = try TemporaryDirectory()
            let model = directory.file("share/longlm/passkey-tiny")
            for folder in [directory.file("bin"), model] {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
            let command = URL(filePath: directory.file("bin/longlm"))
            try FileManager.default.copyItem(at: try executable(), to: command)
            let process = Process()
            process.executableURL = command
            process.arguments = ["demo"]
            process.currentDirectoryURL = URL(filePath: directory.path)
            process.standardOutput = FileHandle.nullDevice
            let errors = directory.file("errors")
            process.standardError = try FileHandle(forUpdating: URL(filePath: directory.write("", to: "errors")))
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 1)
            #expect(try String(contentsOfFile: errors, encoding: .utf8).contains(model))
        }
    }
#endif
