import Foundation
import Safetensors
import TestSupport
import Testing

/// A model directory: one file, or an index and its shards.
@Suite struct CheckpointTests {
    private let folder: TemporaryDirectory
    private var single: String { folder.path + "/model.safetensors" }
    private var index: String { folder.path + "/model.safetensors.index.json" }

    init() throws { folder = try TemporaryDirectory() }

    /// Writes a file of one-byte tensors.
    private func writeShard(_ name: String, _ tensors: [(name: String, value: UInt8)]) throws {
        let members = tensors.enumerated().map { offset, tensor in
            #""\#(tensor.name)":{"dtype":"U8","shape":[1],"data_offsets":[\#(offset),\#(offset + 1)]}"#
        }
        try folder.write(fileBytes("{" + members.joined(separator: ",") + "}", data: tensors.map(\.value)), to: name)
    }

    private func writeIndex(_ map: String) throws {
        try folder.write(#"{"metadata":{"total_size":3},"weight_map":{\#(map)}}"#, to: "model.safetensors.index.json")
    }

    private var error: SafetensorsError? {
        thrown { () throws(SafetensorsError) in try Checkpoint(directory: folder.path) }
    }

    private func value(_ checkpoint: Checkpoint, _ name: String) throws -> [UInt8] {
        try checkpoint.tensor(name).withUnsafeBytes { Array($0) }
    }

    // Valid ones.

    @Test func singleFile() throws {
        try writeShard("model.safetensors", [("a", 1), ("b", 2)])
        let checkpoint = try Checkpoint(directory: folder.path)
        #expect(checkpoint.path == folder.path)
        #expect(checkpoint.files.map(\.path) == [single])
        let file = try Checkpoint(file: single)
        #expect(file.path == single && file.tensorNames == checkpoint.tensorNames)
        #expect(checkpoint.tensorNames == ["a", "b"] && checkpoint.byteCount == 2)
        #expect(try value(checkpoint, "b") == [2])
    }

    @Test func shards() throws {
        try writeShard("model-2.safetensors", [("c", 3), ("a", 1)])
        try writeShard("model-1.safetensors", [("b", 2)])
        try writeIndex(#""a":"model-2.safetensors","b":"model-1.safetensors","c":"model-2.safetensors""#)
        let checkpoint = try Checkpoint(directory: folder.path)
        #expect(checkpoint.files.map(\.path) == [1, 2].map { "\(folder.path)/model-\($0).safetensors" })
        #expect(checkpoint.tensorNames == ["b", "c", "a"] && checkpoint.byteCount == 3)
        #expect(checkpoint.contains("a") && !checkpoint.contains("d"))
        for (name, expected) in [("a", 1), ("b", 2), ("c", 3)] {
            #expect(try value(checkpoint, name) == [UInt8(expected)])
        }
    }

    @Test func singleFileGoesBeforeAnIndex() throws {
        try writeShard("model.safetensors", [("a", 1)])
        try writeIndex(#""b":"absent.safetensors""#)
        #expect(try Checkpoint(directory: folder.path).tensorNames == ["a"])
    }

    /// What else an index holds is passed over, as long as it is JSON.
    @Test func otherMembersOfTheIndex() throws {
        try writeShard("s.safetensors", [("a", 1)])
        try folder.write(
            #"""
            { "metadata": {"total_size": -1.5e+3, "x": [true, false, null, {}, [], "\u00e9", 0, -0.0, 1E9, 12]},
              "weight_map" : { "a" : "s.safetensors" }, "y": [[[]]], "z": "{" }

            """#, to: "model.safetensors.index.json")
        #expect(try Checkpoint(directory: folder.path).tensorNames == ["a"])
    }

    /// Two tensors whose names Swift takes for equal, in two shards.
    @Test func namesThatDifferInNormalisation() throws {
        try writeShard("1.safetensors", [(#"\u00e9"#, 1)])
        try writeShard("2.safetensors", [("e\u{301}", 2)])
        try writeIndex("\"e\u{301}\":\"2.safetensors\",\"\u{e9}\":\"1.safetensors\"")
        let checkpoint = try Checkpoint(directory: folder.path)
        #expect(try value(checkpoint, "\u{e9}") == [1])
        #expect(try value(checkpoint, "e\u{301}") == [2])
    }

    /// The store of Hugging Face's cache keeps files elsewhere and links to them.
    @Test func shardsMayBeLinks() throws {
        let store = try TemporaryDirectory()
        let target = try store.write(fileBytes(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, data: [9]))
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/1.safetensors", withDestinationPath: target)
        try writeIndex(#""a":"1.safetensors""#)
        #expect(try value(Checkpoint(directory: folder.path), "a") == [9])
    }

    /// 40,000 tensors in 400 shards.
    @Test func manyShards() throws {
        let (shardCount, tensorCount) = (400, 100)
        var entries: [String] = []
        for shard in 0..<shardCount {
            let tensors = (0..<tensorCount).map { (name: "t.\(shard).\($0)", value: UInt8($0)) }
            try writeShard("\(shard).safetensors", tensors)
            entries += tensors.map { #""\#($0.name)":"\#(shard).safetensors""# }
        }
        try writeIndex(entries.joined(separator: ","))
        let checkpoint = try Checkpoint(directory: folder.path)
        #expect(checkpoint.files.count == shardCount && checkpoint.byteCount == shardCount * tensorCount)
        #expect(try value(checkpoint, "t.399.42") == [42])
    }

    // Errors.

    @Test func noCheckpoint() throws {
        #expect(error == .noCheckpoint(directory: folder.path))
        try writeShard("other.safetensors", [("a", 1)])
        #expect(error == .noCheckpoint(directory: folder.path))
        let absent = folder.path + "/absent"
        let ofAbsent = thrown { () throws(SafetensorsError) in try Checkpoint(directory: absent) }
        #expect(ofAbsent == .noCheckpoint(directory: absent))
    }

    @Test func missingTensor() throws {
        try writeShard("model.safetensors", [("a", 1)])
        let checkpoint = try Checkpoint(directory: folder.path)
        let missing = thrown { () throws(SafetensorsError) in try checkpoint.tensor("b") }
        #expect(missing == .missingTensor(file: folder.path, tensor: "b"))
    }

    /// An error inside a shard names the shard.
    @Test func brokenShard() throws {
        try folder.write([1, 2, 3], to: "1.safetensors")
        try writeIndex(#""a":"1.safetensors""#)
        #expect(error == .tooShort(file: folder.path + "/1.safetensors", byteCount: 3))
    }

    @Test func missingShard() throws {
        try writeShard("1.safetensors", [("a", 1)])
        try writeIndex(#""a":"1.safetensors","b":"2.safetensors""#)
        #expect(error == .unreadable(file: folder.path + "/2.safetensors", reason: reason(ENOENT)))
    }

    @Test(arguments: [
        "../x.safetensors", "/etc/passwd", "a/b.safetensors", "./x", "..", ".", "", "x/", #"..\x"#, #"C:x"#, "x\0y",
    ])
    func shardOutsideFolder(shard: String) throws {
        let escaped = shard.replacing(#"\"#, with: #"\\"#).replacing("\0", with: #"\u0000"#)
        try writeIndex(#""a":"\#(escaped)""#)
        #expect(error == .shardOutsideFolder(file: index, shard: shard))
    }

    /// The name is judged after its escapes are resolved.
    @Test func escapedSlash() throws {
        try writeIndex(#""a":"..\u002fx""#)
        #expect(error == .shardOutsideFolder(file: index, shard: "../x"))
    }

    @Test func tensorNotInShard() throws {
        try writeShard("1.safetensors", [("a", 1)])
        try writeIndex(#""a":"1.safetensors","c":"1.safetensors","b":"1.safetensors""#)
        #expect(error == .tensorNotInShard(file: index, tensor: "b", shard: "1.safetensors"))
        try writeIndex(#""a":"1.safetensors","c":"1.safetensors""#)
        #expect(error == .tensorNotInShard(file: index, tensor: "c", shard: "1.safetensors"))
    }

    @Test func tensorNotInIndex() throws {
        try writeShard("1.safetensors", [("a", 1), ("b", 2)])
        try writeIndex(#""a":"1.safetensors""#)
        #expect(error == .tensorNotInIndex(file: index, tensor: "b", shard: "1.safetensors"))
    }

    /// A tensor that two shards hold would be read from either.
    @Test func tensorInTwoShards() throws {
        try writeShard("1.safetensors", [("a", 1)])
        try writeShard("2.safetensors", [("b", 2), ("a", 3)])
        try writeIndex(#""a":"1.safetensors","b":"2.safetensors""#)
        #expect(error == .tensorNotInIndex(file: index, tensor: "a", shard: "2.safetensors"))
    }

    @Test func exchangedShards() throws {
        try writeShard("1.safetensors", [("a", 1)])
        try writeShard("2.safetensors", [("b", 2)])
        try writeIndex(#""a":"2.safetensors","b":"1.safetensors""#)
        #expect(error == .tensorNotInIndex(file: index, tensor: "a", shard: "1.safetensors"))
    }

    @Test func duplicateKeys() throws {
        try writeShard("1.safetensors", [("a", 1)])
        try writeIndex(#""a":"1.safetensors","\u0061":"1.safetensors""#)
        #expect(error == .duplicateKey(file: index, key: "a"))
        for key in ["weight_map", "metadata"] {
            try folder.write(
                #"{"metadata":{},"weight_map":{"a":"1.safetensors"},"\#(key)":{}}"#, to: "model.safetensors.index.json")
            #expect(error == .duplicateKey(file: index, key: key))
        }
    }

    @Test(arguments: ["{}", #"{"metadata":{"weight_map":{}}}"#, #"{"Weight_map":{}}"#])
    func missingWeightMap(json: String) throws {
        try folder.write(json, to: "model.safetensors.index.json")
        #expect(error == .malformedIndex(file: index, reason: "weight_map is missing"))
    }

    /// Indices with a ‸ where the reader must find the fault.
    static let malformed: [(json: String, reason: String)] = [
        ("‸", "expected an object, but the text ends here"), ("‸[]", "expected an object"),
        ("‸null", "expected an object"),
        ("\n{‸", "expected a key in double quotes or '}', but the text ends here"),
        (#"{"weight_map":‸[]}"#, "expected an object"), (#"{"weight_map":‸null}"#, "expected an object"),
        (#"{"weight_map":{"a":‸1}}"#, "expected a string"), (#"{"weight_map":{"a":‸["x"]}}"#, "expected a string"),
        (#"{"weight_map":{"a":"x"‸"#, "expected ',' or '}', but the text ends here"),
        (#"{"weight_map":{"a":"x",‸}}"#, "expected a key in double quotes"),
        (#"{"weight_map":{}}‸x"#, "unexpected text after the end"),
        (#"{"x":‸}"#, "expected a value"), (#"{"x":‸tru}"#, "expected true"),
        (#"{"x":‸NaN}"#, "NaN is not a JSON number"),
        ("{\n  \"x\": [1, 2,\n    ‸]}", "expected a value"),
    ]

    @Test(arguments: malformed)
    func malformedIndex(json: String, reason: String) throws {
        let parts = json.unicodeScalars.split(separator: "‸", omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        let (before, after) = (String(parts[0]), String(parts[1]))
        try folder.write(before + after, to: "model.safetensors.index.json")
        let lines = before.split(separator: "\n", omittingEmptySubsequences: false)
        let place = "line \(lines.count), column \((lines.last?.count ?? 0) + 1)"
        #expect(error == .malformedIndex(file: index, reason: "\(place): \(reason)"))
    }

    @Test func indexNotUTF8() throws {
        try folder.write(
            Array(#"{"weight_map":{},"x":""#.utf8) + [0xff] + Array(#""}"#.utf8), to: "model.safetensors.index.json")
        #expect(error == .malformedIndex(file: index, reason: "line 1, column 23: not UTF-8 text"))
    }

    @Test func indexIsADirectory() throws {
        try FileManager.default.createDirectory(atPath: index, withIntermediateDirectories: false)
        #expect(error == .unreadable(file: index, reason: "not a regular file"))
    }

    /// The index's own braces are one of the 64 levels, which are more than any index has. A thousand must not exhaust
    /// the stack.
    @Test func nesting() throws {
        try writeShard("1.safetensors", [("a", 1)])
        func json(_ depth: Int) -> String {
            #"{"weight_map":{"a":"1.safetensors"},"x":"# + String(repeating: "[", count: depth)
                + String(repeating: "]", count: depth) + "}"
        }
        try folder.write(json(63), to: "model.safetensors.index.json")
        #expect(error == nil)
        let before = #"{"weight_map":{"a":"1.safetensors"},"x":"#.utf8.count
        for depth in [64, 1_000, 100_000] {
            try folder.write(json(depth), to: "model.safetensors.index.json")
            let reason = "line 1, column \(before + 64): nested deeper than 64 levels"
            #expect(error == .malformedIndex(file: index, reason: reason))
        }
    }
}
