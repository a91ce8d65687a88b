import Foundation
import Safetensors
import Synchronization
import TestSupport
import Testing

@Suite struct WriterTests {
    private let folder: TemporaryDirectory
    private var path: String { folder.path + "/t.safetensors" }

    init() throws { folder = try TemporaryDirectory() }

    /// The layout, byte by byte: the widest numbers first and then by name, the header filled up to a multiple of 8.
    @Test func layout() throws {
        var writer = SafetensorsWriter(metadata: ["b": "2", "a": "1"])
        try writer.add("x", dtype: .uint8, shape: [3], bytes: [1, 2, 3])
        try writer.add("z", shape: [1, 2], floats: [1, -2])
        try writer.add("y", shape: [], floats: [0.5])
        try writer.write(to: path)
        let header =
            #"{"__metadata__":{"a":"1","b":"2"},"y":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"#
            + #""z":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]},"x":{"dtype":"U8","shape":[3],"data_offsets":[12,15]}}"#
        let padded = header + String(repeating: " ", count: 7 - (header.utf8.count + 7) % 8)
        let data: [UInt8] = [0, 0, 0, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 1, 2, 3]
        #expect(try contents(path) == fileBytes(padded, data: data))
    }

    @Test func empty() throws {
        try SafetensorsWriter().write(to: path)
        #expect(try contents(path) == [8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8))
        #expect(try SafetensorsFile(path: path).tensors.isEmpty)
    }

    @Test func everyDTypeRoundTrip() throws {
        var generator = SeededGenerator(seed: 1)
        var written: [String: (dtype: DType, shape: [Int], bytes: [UInt8])] = [:]
        var writer = SafetensorsWriter()
        for dtype in DType.allCases {
            for shape in [[], [8], [2, 3, 4], [0], [5, 0, 7], [1, 1, 8, 1]] {
                let bits = shape.reduce(dtype.bitWidth, *)
                if bits % 8 != 0 { continue }
                let bytes = (0..<(bits / 8)).map { _ in UInt8.random(in: 0...255, using: &generator) }
                let name = "\(dtype)\(shape)"
                try writer.add(name, dtype: dtype, shape: shape, bytes: bytes)
                written[name] = (dtype, shape, bytes)
            }
        }
        try writer.write(to: path)
        let file = try SafetensorsFile(path: path)
        // 22 types of 6 shapes; the 3 types of less than 8 bits have no scalar.
        #expect(written.count == 129 && Set(file.tensorNames) == Set(written.keys))
        for (name, expected) in written {
            let tensor = try file.tensor(name)
            #expect(tensor.info.dtype == expected.dtype && tensor.info.shape == expected.shape)
            #expect(tensor.withUnsafeBytes { Array($0) } == expected.bytes)
        }
    }

    /// The same tensors and remarks give the same bytes, in whatever order they come.
    @Test func deterministic() throws {
        let names = (0..<20).map { "t\($0)" }
        let metadata = Dictionary(uniqueKeysWithValues: names.map { ($0, $0) })
        var files: Set<[UInt8]> = []
        for order in [names, names.reversed(), names.sorted()] {
            var writer = SafetensorsWriter(metadata: metadata)
            for name in order { try writer.add(name, shape: [1], floats: [Float(name.count)]) }
            try writer.write(to: path)
            files.insert(try contents(path))
        }
        #expect(files.count == 1)
    }

    /// Numbers of every width begin at a multiple of their size, whatever the names' lengths are.
    @Test(arguments: 0..<8)
    func alignment(nameLength: Int) throws {
        let name = String(repeating: "n", count: nameLength)
        var writer = SafetensorsWriter()
        try writer.add("u8" + name, dtype: .uint8, shape: [1], bytes: [1])
        try writer.add("u16" + name, dtype: .uint16, shape: [1], bytes: [1, 2])
        try writer.add("f32" + name, shape: [3], floats: [1, 2, 3])
        try writer.add("i64" + name, dtype: .int64, shape: [1], bytes: littleEndian(Int64(1)))
        try writer.write(to: path)
        let file = try SafetensorsFile(path: path)
        let headerByteCount = try Int(contents(path).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
        #expect(headerByteCount % 8 == 0 && file.tensors.count == 4)
        for tensor in file.tensors {
            #expect((8 + headerByteCount + tensor.byteRange.lowerBound) % (tensor.dtype.bitWidth / 8) == 0)
        }
    }

    /// Characters that JSON escapes, that it needn't, and that look alike.
    @Test func escaping() throws {
        let texts = [
            "", "\"", "\\", "/", "\\u0041", "\0", "\n\r\t\u{8}\u{c}\u{1}\u{1f}", "\u{7f}", "é", "e\u{301}", "\u{2028}",
            "😀", "\u{10ffff}", "\u{feff}", "a\"b\\", "{}[]:,",
        ]
        var writer = SafetensorsWriter(metadata: ["k\"\\\n\u{1}é": texts.joined()])
        for (value, text) in texts.enumerated() {
            try writer.add(text, dtype: .uint8, shape: [1], bytes: [UInt8(value)])
        }
        try writer.write(to: path)
        let file = try SafetensorsFile(path: path)
        #expect(file.tensors.count == texts.count)
        for (value, text) in texts.enumerated() {
            #expect(try file.tensor(text).withUnsafeBytes { Array($0) } == [UInt8(value)])
        }
        // By bytes: as strings, texts in another normalisation would pass.
        let (key, text) = try #require(file.metadata.first)
        #expect(Array(key.utf8) == Array("k\"\\\n\u{1}é".utf8) && Array(text.utf8) == Array(texts.joined().utf8))
    }

    @Test func metadataRoundTrip() throws {
        let metadata = ["format": "pt", "": "empty key", "empty": "", "json": #"{"a":[1,"x"]}"#, "__metadata__": "x"]
        try SafetensorsWriter(metadata: metadata).write(to: path)
        #expect(try SafetensorsFile(path: path).metadata == metadata)
    }

    // Errors.

    @Test func invalidName() throws {
        var writer = SafetensorsWriter()
        try writer.add("a", shape: [1], floats: [1])
        for name in ["a", "__metadata__"] {
            #expect(throws: SafetensorsError.invalidName(tensor: name)) {
                try writer.add(name, shape: [1], floats: [2])
            }
        }
        try writer.write(to: path)
        #expect(try SafetensorsFile(path: path).tensor("a").floats() == [1])
    }

    /// A tensor that was refused leaves its name free.
    @Test func inconsistentTensor() throws {
        var writer = SafetensorsWriter()
        for (shape, expected) in [([2, 3], 24), ([], 4), ([0], 0), ([5], 20), ([7], 28)] {
            #expect(throws: SafetensorsError.inconsistentTensor(tensor: "a", expected: expected, found: 8)) {
                try writer.add("a", dtype: .float32, shape: shape, bytes: [UInt8](repeating: 0, count: 8))
            }
            #expect(throws: SafetensorsError.inconsistentTensor(tensor: "a", expected: expected, found: 12)) {
                try writer.add("a", shape: shape, floats: [1, 2, 3])
            }
        }
        try writer.add("a", shape: [2], floats: [1, 2])
    }

    @Test(arguments: [
        (DType.float32, [-1]), (DType.float32, [-2, -1]), (DType.uint8, [0, -1]), (DType.uint8, [Int.max, Int.max]),
        (DType.float64, [Int.max / 2]), (DType.float4, [1]), (DType.float6E2M3, [2, 3]),
    ])
    func invalidShape(dtype: DType, shape: [Int]) throws {
        var writer = SafetensorsWriter()
        #expect(throws: SafetensorsError.invalidShape(tensor: "a", dtype: dtype, shape: shape)) {
            try writer.add("a", dtype: dtype, shape: shape, bytes: [1])
        }
    }

    /// What a reader would refuse isn't written.
    @Test func headerTooLarge() throws {
        let old = try folder.write([1, 2, 3])
        let writer = SafetensorsWriter(metadata: ["k": String(repeating: "x", count: 100_000_000)])
        // Around the text stand {"__metadata__":{"k":""}}, 25 bytes, and 7 fill up.
        let error = thrown { () throws(SafetensorsError) in try writer.write(to: old) }
        #expect(error == .headerTooLarge(file: old, byteCount: 100_000_032))
        #expect(try contents(old) == [1, 2, 3])
        #expect(try folder.names == ["t.safetensors"])
    }

    @Test func unwritable() throws {
        let file = try folder.write([1, 2, 3], to: "file")
        for (target, number) in [(folder.path + "/none/t", ENOENT), (file + "/t", ENOTDIR)] {
            let error = thrown { () throws(SafetensorsError) in try SafetensorsWriter().write(to: target) }
            #expect(error == .unwritable(file: target, reason: reason(number)))
        }
        #expect(try folder.names == ["file"])
    }

    /// When the last step fails, what was there stays, and nothing else does.
    @Test func targetIsADirectory() throws {
        let target = folder.path + "/directory"
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
        var writer = SafetensorsWriter()
        try writer.add("a", shape: [1], floats: [1])
        let error = thrown { () throws(SafetensorsError) in try writer.write(to: target) }
        #expect(error == .unwritable(file: target, reason: reason(EISDIR)))
        #expect(try folder.names == ["directory"])
    }

    /// A disk that is full halfway, for which a limit on the size of files stands here; in a process of its own, as
    /// the limit holds for all of a process.
    @Test func failingWriteKeepsTheOldFile() async throws {
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            let folder = try TemporaryDirectory()
            let path = try folder.write([1, 2, 3])
            try lowerLimit(RLIMIT_FSIZE, to: 1 << 16)
            // In the first tensor, in the last, and when what is buffered is written at the end.
            for counts in [[1 << 18], [1 << 14, 1 << 18], [1 << 15, (1 << 15) - 64]] {
                var writer = SafetensorsWriter()
                for (place, count) in counts.enumerated() {
                    try writer.add(
                        "\(place)", dtype: .uint8, shape: [count], bytes: [UInt8](repeating: 7, count: count))
                }
                let error = thrown { () throws(SafetensorsError) in try writer.write(to: path) }
                #expect(error == .unwritable(file: path, reason: reason(EFBIG)))
                #expect(try contents(path) == [1, 2, 3])
                #expect(try folder.names == ["t.safetensors"])
            }
        }
    }

    /// Writers of one path don't meet: each succeeds, and the file is that of one of them.
    @Test func concurrentWriters() throws {
        let (path, count) = (path, 100_000)
        let failures = Mutex<[SafetensorsError]>([])
        let group = DispatchGroup()
        // Threads, of which the system interrupts one for another; tasks may well run one after another.
        for value in 0..<8 {
            group.enter()
            Thread.detachNewThread {
                defer { group.leave() }
                do throws(SafetensorsError) {
                    var writer = SafetensorsWriter()
                    try writer.add("a", shape: [count], floats: [Float](repeating: Float(value), count: count))
                    for _ in 0..<20 { try writer.write(to: path) }
                } catch {
                    failures.withLock { $0.append(error) }
                }
            }
        }
        group.wait()
        #expect(failures.withLock(\.self) == [])
        let floats = try SafetensorsFile(path: path).tensor("a").floats()
        #expect(floats.count == count && Set(floats).count == 1)
        #expect(try folder.names == ["t.safetensors"])
    }

    /// A file that is mapped keeps its contents when another is written in its place.
    @Test func mappedFileIsReplaced() throws {
        var first = SafetensorsWriter()
        try first.add("a", shape: [2], floats: [1, 2])
        try first.write(to: path)
        let old = try SafetensorsFile(path: path)
        var second = SafetensorsWriter()
        try second.add("a", shape: [1], floats: [3])
        try second.write(to: path)
        #expect(try old.tensor("a").floats() == [1, 2])
        #expect(try SafetensorsFile(path: path).tensor("a").floats() == [3])
    }
}
