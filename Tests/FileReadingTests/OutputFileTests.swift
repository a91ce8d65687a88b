import FileReading
import Foundation
import TestSupport
import Testing

@Suite struct OutputFileTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func contents(_ name: String) throws -> String {
        String(decoding: try readWholeFile(folder.file(name)), as: UTF8.self)
    }

    private func names() throws -> Set<String> { Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)) }

    private func reason(_ work: () throws(FileError) -> Void) -> String? {
        do throws(FileError) {
            try work()
            return nil
        } catch { return error.reason }
    }

    @Test func newFile() throws {
        try writeWholeFile(Array("abc".utf8), to: folder.file("f"))
        #expect(try contents("f") == "abc" && names() == ["f"])
    }

    /// Until the end, and after an end that never comes, the old file is there.
    @Test func unfinished() throws {
        try folder.write("old", to: "f")
        try beginToWrite(to: "f", [UInt8](repeating: 1, count: 100_000))
        #expect(try contents("f") == "old" && names() == ["f"])
    }

    private func beginToWrite(to name: String, _ bytes: [UInt8]) throws {
        let file = try OutputFile(path: folder.file(name))
        try bytes.withUnsafeBytes { try file.write($0) }
        #expect(try contents(name) == "old" && names().count == 2)
        withExtendedLifetime(file) {}
    }

    @Test func permissionsStay() throws {
        try folder.write("old", to: "f")
        chmod(folder.file("f"), 0o640)
        try writeWholeFile(Array("new".utf8), to: folder.file("f"))
        let mode = try FileManager.default.attributesOfItem(atPath: folder.file("f"))[.posixPermissions] as? Int
        #expect(try contents("f") == "new" && mode == 0o640)
    }

    /// A file that another user may own doesn't pass on the right to act as that user.
    @Test func rightsOfTheOwnerGo() throws {
        try folder.write("old", to: "f")
        chmod(folder.file("f"), 0o6755)
        try writeWholeFile(Array("new".utf8), to: folder.file("f"))
        let mode = try FileManager.default.attributesOfItem(atPath: folder.file("f"))[.posixPermissions] as? Int
        #expect(mode == 0o755)
    }

    @Test func longestName() throws {
        let name = String(repeating: "n", count: 255)
        try checkWritable(folder.file(name))
        try writeWholeFile(Array("new".utf8), to: folder.file(name))
        #expect(try contents(name) == "new")
    }

    /// Where a link leads may be no text.
    @Test func linkToBytes() throws {
        var name = Array(folder.file("").utf8.map(CChar.init(bitPattern:)))
        name += [-1, 0]
        try #require(symlink(name, folder.file("link")) == 0)
        for text in ["first", "second"] {
            try writeWholeFile(Array(text.utf8), to: folder.file("link"))
            #expect(try contents("link") == text)
        }
        #expect(access(name, F_OK) == 0)
    }

    /// The file is replaced that a chain of links leads to, whether it exists or not, and the links stay.
    @Test(arguments: [true, false])
    func links(exists: Bool) throws {
        let manager = FileManager.default
        try manager.createDirectory(atPath: folder.file("d"), withIntermediateDirectories: false)
        if exists { try folder.write("old", to: "d/f") }
        try manager.createSymbolicLink(atPath: folder.file("d/second"), withDestinationPath: "f")
        try manager.createSymbolicLink(atPath: folder.file("first"), withDestinationPath: "d/second")
        try checkWritable(folder.file("first"))
        try writeWholeFile(Array("new".utf8), to: folder.file("first"))
        #expect(try contents("d/f") == "new")
        #expect(try manager.destinationOfSymbolicLink(atPath: folder.file("first")) == "d/second")
        #expect(try manager.destinationOfSymbolicLink(atPath: folder.file("d/second")) == "f")
    }

    @Test func linkToItself() throws {
        try FileManager.default.createSymbolicLink(atPath: folder.file("loop"), withDestinationPath: "loop")
        let (path, expected) = (folder.file("loop"), String(cString: strerror(ELOOP)))
        #expect(reason { () throws(FileError) in try writeWholeFile([], to: path) } == expected)
        #expect(reason { () throws(FileError) in try checkWritable(path) } == expected)
    }

    /// A pipe gets the bytes and stays a pipe. Looking whether it can be written doesn't open it.
    @Test func pipe() throws {
        let path = folder.file("pipe")
        try #require(mkfifo(path, 0o600) == 0)
        try checkWritable(path)
        let bytes = [UInt8](repeating: 7, count: 200_000)
        // A thread of its own: whoever opens a pipe waits for the other end, and tasks share few threads.
        Thread { try? writeWholeFile(bytes, to: path) }.start()
        #expect(try readWholeFile(path) == bytes)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
        #expect(try names() == ["pipe"])
    }

    @Test func device() throws {
        try checkWritable("/dev/null")
        try writeWholeFile([1, 2, 3], to: "/dev/null")
        var status = stat()
        #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    }

    @Test func refusals() throws {
        let file = try folder.write("a", to: "f")
        for (path, number) in [
            (folder.path, EISDIR), (folder.path + "/none/f", ENOENT), (file + "/f", ENOTDIR), ("", ENOENT),
        ] {
            let expected = String(cString: strerror(number))
            #expect(reason { () throws(FileError) in try writeWholeFile([1], to: path) } == expected, "\(path)")
            #expect(reason { () throws(FileError) in try checkWritable(path) } == expected, "\(path)")
        }
        #expect(try names() == ["f"])
    }

    /// Looking leaves nothing behind, and a file that is there as it is.
    @Test func lookingChangesNothing() throws {
        try folder.write("old", to: "f")
        try checkWritable(folder.file("f"))
        try checkWritable(folder.file("g"))
        #expect(try contents("f") == "old" && names() == ["f"])
    }
}
