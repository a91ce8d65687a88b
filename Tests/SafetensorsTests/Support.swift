import Foundation
import Safetensors
import Testing

/// A folder that lasts as long as the value.
final class TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "safetensors-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path(percentEncoded: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The names of the files in it.
    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

    /// Writes a file, and returns its path.
    @discardableResult
    func write(_ bytes: [UInt8], _ name: String = "t.safetensors") throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(filePath: file))
        return file
    }

    /// Writes a text file, and returns its path.
    @discardableResult
    func write(_ text: String, _ name: String) throws -> String { try write(Array(text.utf8), name) }
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
    let folder = try TemporaryFolder()
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

/// A small pseudo-random generator (SplitMix64), so that every run sees the same numbers.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
