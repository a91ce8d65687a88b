import Foundation
import Safetensors
import TestSupport
import Testing

extension TemporaryDirectory {
    /// The names of the files in it.
    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

    /// Writes a file, and returns its path.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String = "t.safetensors") throws -> String {
        try Data(bytes).write(to: URL(filePath: file(name)))
        return file(name)
    }
}

/// A file whose contents are replaced in place, thousands of times: the system writes files to the disk at once that are
/// emptied or renamed over, and that takes longer than the tests.
final class ScratchFile {
    let path: String
    private let descriptor: Int32

    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        try #require(descriptor >= 0)
    }

    deinit { close(descriptor) }

    func replace(_ bytes: [UInt8]) throws {
        try #require(pwrite(descriptor, bytes, bytes.count, 0) == bytes.count)
        try #require(ftruncate(descriptor, off_t(bytes.count)) == 0)
    }
}

func contents(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }

/// A file of the format: the header's length, the header, the data.
func fileBytes(_ header: [UInt8], data: [UInt8] = []) -> [UInt8] {
    littleEndian(UInt64(header.count)) + header + data
}

func fileBytes(_ header: String, data: [UInt8] = []) -> [UInt8] { fileBytes(Array(header.utf8), data: data) }

func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// What a call throws; nil when it doesn't.
func thrown<Value>(_ body: () throws(SafetensorsError) -> Value) -> SafetensorsError? {
    do throws(SafetensorsError) {
        _ = try body()
        return nil
    } catch { return error }
}

/// Expects that the same contents are refused with the same error as a mapped file and as an array.
///
/// - Parameter expected: The error, given what it must call the file.
func expectRefusal(
    _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation, _ expected: (String) -> SafetensorsError
) throws {
    let folder = try TemporaryDirectory()
    let path = try folder.write(bytes)
    let ofFile = thrown { () throws(SafetensorsError) in try SafetensorsFile(path: path) }
    #expect(ofFile == expected(path), sourceLocation: sourceLocation)
    let ofArray = thrown { () throws(SafetensorsError) in try SafetensorsFile(bytes: bytes, name: "array") }
    #expect(ofArray == expected("array"), sourceLocation: sourceLocation)
}

func expectRefusal(
    _ header: String, data: Int = 0, sourceLocation: SourceLocation = #_sourceLocation,
    _ expected: (String) -> SafetensorsError
) throws {
    let data = [UInt8](repeating: 0, count: data)
    try expectRefusal(fileBytes(header, data: data), sourceLocation: sourceLocation, expected)
}

/// What the system says of an error number.
func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
