import Foundation
import Safetensors
import TestSupport
import Testing

/// Files made to hang a reader, to exhaust its memory or its stack. Each test runs in a process of its own with little
/// memory (``limitMemory()``) and little time, so that a crash or a hang is a failure of that test.
@Suite struct HostileFileTests {
    /// Ends a process that hangs. Each test takes well under a second.
    private static func limitTime() { alarm(60) }

    @Test func claimedHeaderLengths() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            try limitMemory()
            for claimed in [100_000_001, 1 << 40, 1 << 62, 1 << 63, UInt64.max - 7, UInt64.max] {
                try expectRefusal(littleEndian(claimed) + Array("{}".utf8)) {
                    .headerTooLarge(file: $0, byteCount: claimed)
                }
            }
            for claimed in [11, 99_999_999, 100_000_000] {
                try expectRefusal(littleEndian(claimed) + Array("{}".utf8)) {
                    .headerBeyondFile(file: $0, headerByteCount: claimed, fileByteCount: 10)
                }
            }
        }
    }

    @Test func claimedTensorSizes() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            try limitMemory()
            // 2^60 − 1 bytes are the most whose bits can be counted.
            for size in [1 << 32, 1 << 40, 1 << 60 - 1] {
                try expectRefusal(#"{"a":{"dtype":"U8","shape":[\#(size)],"data_offsets":[0,\#(size)]}}"#, data: 8) {
                    .tensorBeyondFile(file: $0, tensor: "a", end: size, dataByteCount: 8)
                }
                try expectRefusal(#"{"a":{"dtype":"U8","shape":[\#(size)],"data_offsets":[0,8]}}"#, data: 8) {
                    .wrongByteCount(file: $0, tensor: "a", expected: size, found: 8)
                }
            }
        }
    }

    @Test func deepNesting() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            try limitMemory()
            for depth in [10_000, 1_000_000] {
                let brackets = String(repeating: "[", count: depth)
                try expectRefusal(brackets) { .headerNotAnObject(file: $0) }
                try expectRefusal(#"{"a":"# + brackets) {
                    .malformedHeader(file: $0, offset: 5, reason: "expected an object")
                }
                try expectRefusal(#"{"a":{"shape":["# + brackets) {
                    .malformedHeader(file: $0, offset: 15, reason: "expected an integer from 0 to \(Int.max)")
                }
                try expectRefusal(#"{"__metadata__":{"k":"# + brackets) {
                    .malformedHeader(file: $0, offset: 21, reason: "expected a string")
                }
                try expectRefusal(String(repeating: #"{"a":"#, count: depth)) {
                    .unknownField(file: $0, tensor: "a", field: "a")
                }
            }
        }
    }

    @Test func endlessNumbers() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            try limitMemory()
            let nines = String(repeating: "9", count: 10_000)
            let reason = "a number outside of the range of 64-bit floats"
            try expectRefusal(#"{"a":{"shape":["# + nines + "]}}") {
                .malformedHeader(file: $0, offset: 15, reason: reason)
            }
            try expectRefusal(#"{"a":{"data_offsets":["# + nines + ",0]}}") {
                .malformedHeader(file: $0, offset: 22, reason: reason)
            }
            let zeros = String(repeating: "0", count: 10_000)
            try expectRefusal(#"{"a":{"shape":["# + zeros + "]}}") {
                .malformedHeader(file: $0, offset: 15 + 10_000, reason: "a number with a leading zero")
            }
        }
    }

    @Test func spacesAndNULs() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            try limitMemory()
            let (spaces, zeros) = (String(repeating: " ", count: 1 << 20), String(repeating: "\0", count: 1 << 20))
            let key = "expected a key in double quotes or '}'"
            try expectRefusal(spaces) { .headerNotAnObject(file: $0) }
            try expectRefusal(zeros) { .headerNotAnObject(file: $0) }
            try expectRefusal("{" + spaces) {
                .malformedHeader(file: $0, offset: 1 + 1 << 20, reason: key + ", but the text ends here")
            }
            try expectRefusal("{" + zeros) { .malformedHeader(file: $0, offset: 1, reason: key) }
            try expectRefusal("{}" + zeros) {
                .malformedHeader(file: $0, offset: 2, reason: "unexpected text after the end")
            }
            #expect(try SafetensorsFile(bytes: fileBytes("{}" + spaces), name: "f").tensors.isEmpty)
        }
    }

    /// Long, but within the rules.
    @Test func manyTensorsAndDimensions() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            try limitMemory()
            let empty = (0..<50_000).map { #""\#($0)":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"# }
            let file = try SafetensorsFile(bytes: fileBytes("{\(empty.joined(separator: ","))}"), name: "f")
            #expect(file.tensors.count == 50_000 && file.contains("49999"))

            for (dimension, count) in [(1, 1), (0, 0)] {
                let shape = String(repeating: "\(dimension),", count: 100_000) + "\(dimension)"
                let header = #"{"a":{"dtype":"U8","shape":[\#(shape)],"data_offsets":[0,\#(count)]}}"#
                let bytes = fileBytes(header, data: [UInt8](repeating: 0, count: count))
                let info = try SafetensorsFile(bytes: bytes, name: "f").tensor("a").info
                #expect(info.shape.count == 100_001 && info.elementCount == count)
            }
        }
    }

    /// A name may fill the header. The error has all of it, its text the beginning.
    @Test func longName() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            try limitMemory()
            let name = String(repeating: "n", count: 1 << 20)
            let header = #"{"\#(name)":{"dtype":"F31","shape":[],"data_offsets":[0,0]}}"#
            try expectRefusal(header) { .unknownDType(file: $0, tensor: name, name: "F31") }
            let error = SafetensorsError.unknownDType(file: "f", tensor: name, name: "F31")
            #expect(error.description.count < 2_100 && error.description.hasPrefix("f: tensor nnn"))
        }
    }

    // Files whose size costs nothing: they have it, but hold nothing.

    private static func writeSparse(_ bytes: [UInt8], count: Int, _ path: String) throws {
        try Data(bytes).write(to: URL(filePath: path))
        try #require(truncate(path, off_t(count)) == 0)
    }

    /// 64 GiB in one tensor are mapped, not read.
    @Test func sparseTensor() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            try limitMemory()
            let folder = try TemporaryDirectory()
            let path = folder.path + "/t.safetensors"
            let count = 1 << 36
            let head = fileBytes(#"{"a":{"dtype":"U8","shape":[\#(count)],"data_offsets":[0,\#(count)]}}"#)
            try Self.writeSparse(head, count: head.count + count, path)
            let tensor = try SafetensorsFile(path: path).tensor("a")
            #expect(tensor.withUnsafeBytes(\.count) == count)
            #expect(tensor.withUnsafeBytes { $0[count - 1] } == 0)
        }
    }

    /// A header of the largest length, of NULs after its first byte, is checked without a copy of it.
    @Test func sparseHeader() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            try limitMemory()
            let folder = try TemporaryDirectory()
            let path = folder.path + "/t.safetensors"
            try Self.writeSparse(littleEndian(100_000_000) + [UInt8(ascii: "{")], count: 100_000_008, path)
            let error = thrown { () throws(SafetensorsError) in try SafetensorsFile(path: path) }
            #expect(error == .malformedHeader(file: path, offset: 1, reason: "expected a key in double quotes or '}'"))
            // Without the first byte it is refused before anything is read.
            try Self.writeSparse(littleEndian(100_000_000), count: 1 << 36, path)
            let without = thrown { () throws(SafetensorsError) in try SafetensorsFile(path: path) }
            #expect(without == .headerNotAnObject(file: path))
        }
    }

    @Test func sparseIndex() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            try limitMemory()
            let folder = try TemporaryDirectory()
            let path = folder.path + "/model.safetensors.index.json"
            for count in [100_000_001, 1 << 36] {
                try Self.writeSparse(Array("{".utf8), count: count, path)
                let error = thrown { () throws(SafetensorsError) in try Checkpoint(directory: folder.path) }
                #expect(error == .malformedIndex(file: path, reason: "has more than 100,000,000 bytes"))
            }
            try Self.writeSparse(Array("{".utf8), count: 100_000_000, path)
            let error = thrown { () throws(SafetensorsError) in try Checkpoint(directory: folder.path) }
            let reason = "line 1, column 2: expected a key in double quotes or '}'"
            #expect(error == .malformedIndex(file: path, reason: reason))
        }
    }

    // What isn't a file.

    /// Opening a named pipe must not wait for someone to write into it.
    @Test func namedPipe() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            let folder = try TemporaryDirectory()
            let single = folder.path + "/model.safetensors"
            try #require(mkfifo(single, 0o600) == 0)
            let error = thrown { () throws(SafetensorsError) in try Checkpoint(directory: folder.path) }
            #expect(error == .unreadable(file: single, reason: "not a regular file"))

            let index = folder.path + "/model.safetensors.index.json"
            try FileManager.default.moveItem(atPath: single, toPath: index)
            let ofIndex = thrown { () throws(SafetensorsError) in try Checkpoint(directory: folder.path) }
            #expect(ofIndex == .unreadable(file: index, reason: "not a regular file"))
        }
    }

    @Test func pipeAsAShard() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            let folder = try TemporaryDirectory()
            try folder.write(#"{"weight_map":{"a":"pipe"}}"#, to: "model.safetensors.index.json")
            try #require(mkfifo(folder.path + "/pipe", 0o600) == 0)
            let error = thrown { () throws(SafetensorsError) in try Checkpoint(directory: folder.path) }
            #expect(error == .unreadable(file: folder.path + "/pipe", reason: "not a regular file"))
        }
    }

    /// An index may name itself, a directory or a loop of links.
    @Test func oddShards() async {
        await #expect(processExitsWith: .success) {
            Self.limitTime()
            let folder = try TemporaryDirectory()
            func error(_ shard: String) throws -> SafetensorsError? {
                try folder.write(#"{"weight_map":{"a":"\#(shard)"}}"#, to: "model.safetensors.index.json")
                return thrown { () throws(SafetensorsError) in try Checkpoint(directory: folder.path) }
            }
            let index = folder.path + "/model.safetensors.index.json"
            // {"weight as a little-endian number.
            let claimed: UInt64 = 0x7468_6769_6577_227b
            #expect(
                try error("model.safetensors.index.json") == .headerTooLarge(file: index, byteCount: claimed))
            try FileManager.default.createDirectory(
                atPath: folder.path + "/directory", withIntermediateDirectories: false)
            #expect(
                try error("directory")
                    == .unreadable(file: folder.path + "/directory", reason: "not a regular file"))
            try FileManager.default.createSymbolicLink(atPath: folder.path + "/loop", withDestinationPath: "loop")
            #expect(try error("loop") == .unreadable(file: folder.path + "/loop", reason: reason(ELOOP)))
        }
    }
}
