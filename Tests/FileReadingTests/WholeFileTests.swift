import FileReading
import Foundation
import TestSupport
import Testing

@Suite struct WholeFileTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func reason(_ path: String, maximumByteCount: Int = 1 << 30) -> String? {
        do throws(FileError) {
            _ = try readWholeFile(path, maximumByteCount: maximumByteCount)
            return nil
        } catch {
            #expect(error.path == path)
            return error.reason
        }
    }

    /// Sizes on both sides of the buffer's.
    @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 300_000])
    func contents(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try readWholeFile(folder.write(bytes, to: "f")) == bytes)
    }

    @Test func absentFile() throws {
        #expect(reason(folder.file("none")) == "no such file")
        #expect(reason("") == "no such file")
        // Below a file there is nothing.
        #expect(reason(try folder.write("a", to: "f") + "/g") == "no such file")
    }

    @Test func directory() {
        #expect(reason(folder.path) == "is a directory")
    }

    @Test func otherReasons() throws {
        try FileManager.default.createSymbolicLink(atPath: folder.file("loop"), withDestinationPath: "loop")
        #expect(reason(folder.file("loop")) == "can't be read: \(String(cString: strerror(ELOOP)))")
    }

    /// A pipe has no size, and gives its bytes in pieces.
    @Test func pipe() throws {
        let path = folder.file("pipe")
        try #require(mkfifo(path, 0o600) == 0)
        let bytes = [UInt8](repeating: 7, count: 200_000)
        // A thread of its own: whoever opens a pipe waits for the other end, and tasks share few threads.
        Thread {
            let handle = try? FileHandle(forWritingTo: URL(filePath: path))
            try? handle?.write(contentsOf: Data(bytes))
            try? handle?.close()
        }.start()
        #expect(try readWholeFile(path) == bytes)
    }

    /// The bound is on what is read, not on the size that the system names, which `/dev/zero` doesn't have.
    @Test func tooManyBytes() throws {
        let path = try folder.write("abc", to: "f")
        #expect(try readWholeFile(path, maximumByteCount: 3) == Array("abc".utf8))
        #expect(reason(path, maximumByteCount: 2) == "has more than 2 bytes")
        #expect(reason("/dev/zero", maximumByteCount: 100_000) == "has more than 100000 bytes")
    }
}
