import GGUF
import TestSupport
import Testing

@Suite struct ShardTests {
    /// Writes shards of one tensor each.
    private func shards(
        _ folder: TemporaryDirectory, count: Int, stem: String = "m", names: [String]? = nil,
        change: (Int, inout GGUFWriter) -> Void = { _, _ in }
    ) throws -> [String] {
        try (0..<count).map { number in
            var writer = GGUFWriter()
            writer.entries = [
                ("split.no", .uint16(UInt16(number))), ("split.count", .uint16(UInt16(count))),
                ("split.tensors.count", .int32(Int32(count))),
            ]
            writer.add(names?[number] ?? "t\(number)", shape: [1], [Float(number)])
            change(number, &writer)
            return try folder.write(writer.bytes, to: "\(stem)-0000\(number + 1)-of-0000\(count).gguf")
        }
    }

    @Test func sets() throws {
        let folder = try TemporaryDirectory()
        let paths = try shards(folder, count: 3)
        let checkpoint = try GGUFCheckpoint(path: paths[0])
        #expect(checkpoint.files.map(\.path) == paths)
        #expect(checkpoint.tensors.map(\.name) == ["t0", "t1", "t2"] && checkpoint.byteCount == 12)
        #expect(checkpoint.contains("t2") && !checkpoint.contains("t3"))
        let value = try checkpoint.tensor("t2").withUnsafeBytes { $0.loadUnaligned(as: Float.self) }
        #expect(try value == 2 && checkpoint.tensor("t2").path == paths[2])
        #expect(
            thrown { () throws(GGUFError) in try checkpoint.tensor("x") } == .missingTensor(file: paths[0], tensor: "x")
        )
    }

    @Test func singleFiles() throws {
        let folder = try TemporaryDirectory()
        var writer = GGUFWriter()
        writer.entries = [("split.count", .uint16(1)), ("split.no", .uint16(0))]
        writer.add("t", shape: [1], [1])
        let path = try folder.write(writer.bytes, to: "any name")
        #expect(try GGUFCheckpoint(path: path).tensors.map(\.name) == ["t"])
    }

    private func expect(_ path: String, _ error: GGUFError, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(
            thrown { () throws(GGUFError) in try GGUFCheckpoint(path: path) } == error, sourceLocation: sourceLocation)
    }

    @Test func wrongShards() throws {
        let folder = try TemporaryDirectory()
        let paths = try shards(folder, count: 3)
        expect(paths[1], .notFirstShard(file: paths[1], number: 2, first: paths[0]))
        let other = try shards(folder, count: 2, stem: "missing")
        let renamed = try folder.write([UInt8](), to: "x")
        expect(renamed, .notGGUF(file: renamed))
        // Only the first of four is there.
        var writer = GGUFWriter()
        writer.entries = [("split.count", .uint16(4)), ("split.no", .uint16(0))]
        let first = try folder.write(writer.bytes, to: "a-00001-of-00004.gguf")
        let second = folder.file("a-00002-of-00004.gguf")
        expect(first, .unreadable(file: second, reason: "No such file or directory"))
        let plain = try folder.write(writer.bytes, to: "plain.gguf")
        expect(plain, .wrongShardName(file: plain, suffix: "-00001-of-00004.gguf"))
        // The second is a shard of another set, or isn't one.
        try folder.write(try shardBytes(other[1]), to: "a-00002-of-00004.gguf")
        expect(first, .shardMismatch(file: second, key: "split.count", found: 2, expected: 4))
        try folder.write(GGUFWriter().bytes, to: "a-00002-of-00004.gguf")
        expect(first, .shardMismatch(file: second, key: "split.no", found: nil, expected: 1))
    }

    private func shardBytes(_ path: String) throws -> [UInt8] {
        var writer = GGUFWriter()
        writer.entries = [("split.count", .uint16(2)), ("split.no", .uint16(1))]
        return writer.bytes
    }

    @Test func counts() throws {
        let folder = try TemporaryDirectory()
        let twice = try shards(folder, count: 2, stem: "twice", names: ["t", "t"])
        expect(twice[0], .duplicateTensor(file: twice[1], tensor: "t"))
        let more = try shards(folder, count: 2, stem: "more") { $1.entries[2].value = .int32(3) }
        expect(more[0], .wrongTensorCount(file: more[0], expected: 3, found: 2))
        let differing = try shards(folder, count: 2, stem: "d") { $1.entries[2].value = .int32(Int32(2 + $0)) }
        expect(
            differing[0], .shardMismatch(file: differing[1], key: "split.tensors.count", found: 3, expected: 2))
        for (count, number, key, reason) in [
            (0, 0, "split.count", "is 0; it can be 1 to 99,999"),
            (-1, 0, "split.count", "is -1; it can be 1 to 99,999"),
            (2, 2, "split.no", "is 2 of 2 shards"), (2, -1, "split.no", "is -1 of 2 shards"),
        ] {
            var writer = GGUFWriter()
            writer.entries = [("split.count", .int32(Int32(count))), ("split.no", .int32(Int32(number)))]
            let path = try folder.write(writer.bytes, to: "n.gguf")
            expect(path, .invalidSplit(file: path, key: key, reason: reason))
        }
        var writer = GGUFWriter()
        writer.entries = [("split.count", .uint16(2))]
        let path = try folder.write(writer.bytes, to: "n.gguf")
        expect(path, .invalidSplit(file: path, key: "split.no", reason: "is missing"))
        writer.entries = [("split.count", .string("2"))]
        try folder.write(writer.bytes, to: "n.gguf")
        expect(path, .wrongValueType(file: path, key: "split.count", found: "string", expected: "an integer"))
    }
}
