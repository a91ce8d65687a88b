import Foundation
import GGUF
import TestSupport
import Testing

/// Files that are written are read back.
@Suite struct WritingTests {
    private func append(_ bytes: [UInt8], to stream: GGUFStream) throws {
        try bytes.withUnsafeBufferPointer { try stream.append(UnsafeRawBufferPointer($0)) }
    }

    private func bytes(_ layout: GGUFLayout, _ data: [[UInt8]]) throws -> [UInt8] {
        let folder = try TemporaryDirectory()
        let stream = try GGUFStream(path: folder.file("f"), layout)
        for bytes in data { try append(bytes, to: stream) }
        try stream.finish()
        return Array(try Data(contentsOf: URL(filePath: folder.file("f"))))
    }

    /// Every type of value, nested lists included, comes back as it was in another file.
    @Test func everyTypeOfValue() throws {
        var writer = GGUFWriter()
        writer.entries = [
            ("u8", .uint8(255)), ("i8", .int8(-128)), ("u16", .uint16(65_535)), ("i16", .int16(-32_768)),
            ("u32", .uint32(.max)), ("i32", .int32(.min)), ("u64", .uint64(.max)), ("i64", .int64(.min)),
            ("f32", .float32(-1e-5)), ("f64", .float64(0.1)), ("yes", .bool(true)), ("no", .bool(false)),
            ("text", .string("é 😀\0\n")), ("empty", .string("")), ("nothing", .array(.array, [])),
            ("strings", .array(.string, [.string("a"), .string(""), .string("▁b")])),
            (
                "nested",
                .array(.array, [.array(.string, [.string("x")]), .array(.uint8, []), .array(.int16, [.int16(-7)])])
            ),
        ]
        let source = try GGUFFile(bytes: writer.bytes, name: "f").metadata
        var entries = GGUFEntries()
        for key in source.keys { entries.add(key, try #require(source[key])) }
        let written = try bytes(GGUFLayout(file: "f", entries: entries, tensors: []), [])
        let metadata = try GGUFFile(bytes: written, name: "f").metadata
        #expect(metadata.keys == source.keys)
        for key in source.keys { #expect(try text(#require(metadata[key])) == text(#require(source[key]))) }
        // The other writer's bytes are the same, up to the alignment.
        #expect(written.starts(with: writer.bytes))
    }

    @Test func lists() throws {
        var entries = GGUFEntries()
        entries.add("strings", strings: ["", "é", "\0"])
        entries.add("int32s", int32s: [.min, 0, .max])
        entries.add("float32s", float32s: [-0.0, 1.5e-38, .infinity])
        entries.add("bools", bools: [true, false])
        entries.add("none", strings: [])
        let metadata = try GGUFFile(
            bytes: bytes(GGUFLayout(file: "f", entries: entries, tensors: []), []), name: "f"
        ).metadata
        #expect(metadata["strings"]?.array?.strings == ["", "é", "\0"])
        #expect(metadata["int32s"]?.array?.integers == [-2_147_483_648, 0, 2_147_483_647])
        #expect(
            metadata["float32s"]?.array?.numbers?.map { Float($0).bitPattern }
                == [Float(-0.0), 1.5e-38, .infinity].map(\.bitPattern))
        #expect(metadata["bools"]?.array?.bools == [true, false])
        #expect(metadata["none"]?.array?.elementType == .string && metadata["none"]?.array?.count == 0)
    }

    /// Tensors of all shapes and of types with blocks, in pieces that don't end where blocks do.
    @Test func tensors() throws {
        var generator = SeededGenerator(seed: 4)
        func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) } }
        let tensors: [GGUFLayout.Tensor] = [
            ("scalar", .float32, []), ("empty", .float32, [3, 0]), ("vector", .float16, [5]), ("q4k", .q4K, [3, 512]),
            ("none", .q80, [0]), ("cube", .q80, [2, 3, 32]), ("last", .bfloat16, [7, 1]),
        ]
        var entries = GGUFEntries()
        entries.add("key", .bool(true))
        let layout = try GGUFLayout(file: "f", entries: entries, tensors: tensors)
        let contents = layout.tensors.map { random($0.byteCount) }
        let pieces = contents.flatMap { bytes in
            stride(from: 0, to: bytes.count, by: 100).map { Array(bytes[$0..<min($0 + 100, bytes.count)]) }
        }
        let written = try bytes(layout, pieces)
        #expect(written.count == layout.byteCount)
        let file = try GGUFFile(bytes: written, name: "f")
        #expect(file.version == 3 && file.alignment == 32)
        #expect(file.tensors == layout.tensors)
        #expect(file.tensors.map(\.name) == tensors.map(\.name))
        for (tensor, bytes) in zip(tensors, contents) {
            let view = try file.tensor(tensor.name)
            #expect(view.info.shape == tensor.shape && view.info.type == tensor.type)
            #expect(view.withUnsafeBytes { Array($0) } == bytes)
        }
    }

    // MARK: Refusals

    private func refusal(
        _ tensors: [GGUFLayout.Tensor] = [], keys: [String] = []
    ) -> GGUFError? {
        var entries = GGUFEntries()
        for key in keys { entries.add(key, .bool(true)) }
        return thrown { () throws(GGUFError) in try GGUFLayout(file: "f", entries: entries, tensors: tensors) }
    }

    @Test func refusedLayouts() {
        let long = String(repeating: "x", count: 65_536)
        #expect(refusal(keys: ["a", "b", "a"]) == .duplicateKey(file: "f", key: "a"))
        #expect(refusal(keys: [""]) == .invalidKey(file: "f", place: "", byteCount: 0))
        #expect(refusal(keys: [long]) == .invalidKey(file: "f", place: long, byteCount: 65_536))
        #expect(refusal(keys: [String(long.dropLast())]) == nil)
        // The format compares bytes, so these are two keys.
        #expect(refusal(keys: ["\u{e9}", "e\u{301}"]) == nil)
        #expect(refusal([("", .float32, [1])]) == .invalidTensorName(file: "f", place: "", byteCount: 0))
        let name = String(long.prefix(65))
        #expect(refusal([(name, .float32, [1])]) == .invalidTensorName(file: "f", place: name, byteCount: 65))
        #expect(
            refusal([("a", .float32, [1]), ("a", .float32, [2])]) == .duplicateTensor(file: "f", tensor: "a"))
        #expect(
            refusal([("a", .float32, [1, 1, 1, 1, 1])]) == .tooManyDimensions(file: "f", tensor: "a", count: 5))
        #expect(
            refusal([("a", .q4K, [2, 100])])
                == .partialBlock(file: "f", tensor: "a", type: .q4K, rowLength: 100))
        #expect(
            refusal([("a", .float32, [.max, 3])])
                == .sizeOverflow(file: "f", tensor: "a", shape: [UInt64(Int.max), 3]))
    }

    /// A stream that isn't finished leaves what was there, and nothing else.
    @Test func unfinished() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("before", to: "f")
        do {
            let layout = try GGUFLayout(file: path, entries: GGUFEntries(), tensors: [("a", .float32, [2])])
            let stream = try GGUFStream(path: path, layout)
            try append([1, 2, 3, 4], to: stream)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "before")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["f"])
    }

    @Test func unwritable() throws {
        let folder = try TemporaryDirectory()
        let layout = try GGUFLayout(file: "f", entries: GGUFEntries(), tensors: [])
        let path = folder.file("absent/f")
        let error = thrown { () throws(GGUFError) in try GGUFStream(path: path, layout) }
        #expect(error == .unwritable(file: path, reason: "No such file or directory"))
    }
}
