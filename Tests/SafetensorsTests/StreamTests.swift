import Foundation
import Safetensors
import TestSupport
import Testing

@Suite struct StreamTests {
    private let folder: TemporaryDirectory
    private var path: String { folder.path + "/t.safetensors" }

    init() throws { folder = try TemporaryDirectory() }

    private let tensors: [(name: String, dtype: DType, shape: [Int])] = [
        ("b", .float32, [3]), ("ids", .int64, [2]), ("a", .float32, [1, 2]), ("none", .float32, [0, 5]),
    ]

    /// Whatever the pieces are, the bytes are those of the writer.
    @Test(arguments: [1, 3, 8, 1000])
    func sameBytesAsTheWriter(pieceByteCount: Int) throws {
        var writer = SafetensorsWriter(metadata: ["k": "v"])
        // In the file's order: the widest first, then by name.
        var numbers: [UInt8] = []
        for name in ["ids", "a", "b", "none"] {
            let tensor = try #require(tensors.first { $0.name == name })
            let byteCount = tensor.shape.reduce(1, *) * tensor.dtype.bitWidth / 8
            let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: numbers.count + $0) }
            try writer.add(name, dtype: tensor.dtype, shape: tensor.shape, bytes: bytes)
            numbers += bytes
        }
        try writer.write(to: path)
        let expected = try contents(path)

        let other = folder.path + "/stream.safetensors"
        let stream = try SafetensorsStream(path: other, tensors: tensors, metadata: ["k": "v"])
        for start in stride(from: 0, to: numbers.count, by: pieceByteCount) {
            try numbers[start..<min(start + pieceByteCount, numbers.count)].withUnsafeBytes { try stream.append($0) }
        }
        #expect(!FileManager.default.fileExists(atPath: other))
        try stream.finish()
        #expect(try contents(other) == expected)
    }

    @Test func withoutAnEnd() throws {
        try folder.write([1, 2, 3], to: "t.safetensors")
        _ = try SafetensorsStream(path: path, tensors: tensors)
        #expect(try contents(path) == [1, 2, 3])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["t.safetensors"])
    }

    @Test func refusals() throws {
        #expect(throws: SafetensorsError.invalidName(tensor: "a")) {
            _ = try SafetensorsStream(path: path, tensors: [("a", .uint8, [1]), ("a", .uint8, [1])])
        }
        #expect(throws: SafetensorsError.invalidName(tensor: "__metadata__")) {
            _ = try SafetensorsStream(path: path, tensors: [("__metadata__", .uint8, [1])])
        }
        #expect(throws: SafetensorsError.invalidShape(tensor: "a", dtype: .float4, shape: [1])) {
            _ = try SafetensorsStream(path: path, tensors: [("a", .float4, [1])])
        }
        let place = folder.path + "/none/t"
        #expect(throws: SafetensorsError.unwritable(file: place, reason: String(cString: strerror(ENOENT)))) {
            _ = try SafetensorsStream(path: place, tensors: [])
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
}
