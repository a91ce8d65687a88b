import GGUF
import Testing

/// Each rule of the format, broken by itself.
@Suite struct HeaderErrorTests {
    @Test func beginnings() {
        expectRefusal([], .notGGUF(file: "f"))
        expectRefusal(Array("GGU".utf8), .notGGUF(file: "f"))
        expectRefusal(Array("ggjt".utf8) + [UInt8](repeating: 0, count: 40), .notGGUF(file: "f"))
        expectRefusal(Array("GGUF".utf8), .truncated(file: "f", place: "the version", byteCount: 4, remaining: 0))
        for version: UInt32 in [0, 1, 4, 65_535] {
            expectRefusal(beginning(version: version), .unsupportedVersion(file: "f", version: version))
        }
        expectRefusal(beginning(version: UInt32(3).byteSwapped), .bigEndian(file: "f"))
        expectRefusal(
            Array("GGUF".utf8) + littleEndian(UInt32(3)) + [1, 2, 3],
            .truncated(file: "f", place: "the number of tensors", byteCount: 8, remaining: 3))
        expectRefusal(
            Array("GGUF".utf8) + littleEndian(UInt32(3)) + littleEndian(UInt64(0)),
            .truncated(file: "f", place: "the number of keys", byteCount: 8, remaining: 0))
    }

    @Test func counts() {
        expectRefusal(beginning(keys: 1), .tooManyKeys(file: "f", count: 1, remaining: 0))
        expectRefusal(
            beginning(keys: .max) + byteKey("a"), .tooManyKeys(file: "f", count: .max, remaining: 14))
        expectRefusal(beginning(tensors: 1), .tooManyTensors(file: "f", count: 1, remaining: 0))
        expectRefusal(
            beginning(tensors: 1 << 63) + tensor("t", []), .tooManyTensors(file: "f", count: 1 << 63, remaining: 25))
    }

    @Test func texts() {
        let count = UInt64.max
        expectRefusal(
            beginning(keys: 1) + littleEndian(count) + [UInt8](repeating: 65, count: 20),
            .truncated(file: "f", place: "key 0", byteCount: count, remaining: 20))
        expectRefusal(
            beginning(keys: 1) + littleEndian(UInt64(21)) + [UInt8](repeating: 65, count: 20),
            .truncated(file: "f", place: "key 0", byteCount: 21, remaining: 20))
        expectRefusal(
            beginning(keys: 1) + littleEndian(UInt64(2)) + [0xc3, 0x28] + [UInt8](repeating: 0, count: 9),
            .notUTF8(file: "f", place: "key 0"))
        expectRefusal(
            beginning(keys: 1) + string("k") + littleEndian(UInt32(8)) + littleEndian(UInt64(1)) + [0xff],
            .notUTF8(file: "f", place: "key k"))
        expectRefusal(
            beginning(tensors: 1) + littleEndian(UInt64(1)) + [0x80] + [UInt8](repeating: 0, count: 20),
            .notUTF8(file: "f", place: "tensor 0"))
    }

    @Test func keys() {
        expectRefusal(
            beginning(keys: 1) + byteKey(""), .invalidKey(file: "f", place: "key 0", byteCount: 0))
        let long = String(repeating: "k", count: 65_536)
        expectRefusal(
            beginning(keys: 1) + byteKey(long), .invalidKey(file: "f", place: "key 0", byteCount: 65_536))
        expectRefusal(beginning(keys: 2) + byteKey("a") + byteKey("a"), .duplicateKey(file: "f", key: "a"))
        // Bytes decide, not Unicode's normal forms.
        #expect(
            thrown { () throws(GGUFError) in
                try GGUFFile(bytes: beginning(keys: 2) + byteKey("\u{e9}") + byteKey("e\u{301}"), name: "f")
            } == nil)
    }

    @Test func values() {
        let key = beginning(keys: 1) + string("k")
        expectRefusal(
            key + littleEndian(UInt32(13)) + [0], .unknownValueType(file: "f", key: "k", type: 13))
        expectRefusal(key + littleEndian(UInt32(7)) + [2], .invalidBool(file: "f", key: "k", value: 2))
        for (type, size) in [(2, 2), (4, 4), (6, 4), (10, 8), (12, 8)] as [(UInt32, UInt64)] {
            expectRefusal(
                key + littleEndian(type) + [1], .truncated(file: "f", place: "key k", byteCount: size, remaining: 1))
        }
        let array = key + littleEndian(UInt32(9))
        expectRefusal(array + [4, 0, 0, 0], .truncated(file: "f", place: "key k", byteCount: 12, remaining: 4))
        expectRefusal(
            array + littleEndian(UInt32(14)) + littleEndian(UInt64(0)),
            .unknownValueType(file: "f", key: "k", type: 14))
        expectRefusal(
            array + littleEndian(UInt32(4)) + littleEndian(UInt64(3)) + [UInt8](repeating: 0, count: 11),
            .truncated(file: "f", place: "key k", byteCount: 12, remaining: 11))
        expectRefusal(
            array + littleEndian(UInt32(8)) + littleEndian(UInt64.max) + [UInt8](repeating: 0, count: 11),
            .truncated(file: "f", place: "key k", byteCount: .max, remaining: 11))
        expectRefusal(
            array + littleEndian(UInt32(7)) + littleEndian(UInt64(3)) + [0, 1, 7],
            .invalidBool(file: "f", key: "k", value: 7))
    }

    @Test func nesting() {
        func nested(_ depth: Int) -> [UInt8] {
            var value: [UInt8] = littleEndian(UInt32(0)) + littleEndian(UInt64(1)) + [5]
            for _ in 1..<depth { value = littleEndian(UInt32(9)) + littleEndian(UInt64(1)) + value }
            return beginning(keys: 1) + string("k") + littleEndian(UInt32(9)) + value
        }
        #expect(thrown { () throws(GGUFError) in try GGUFFile(bytes: nested(8), name: "f") } == nil)
        expectRefusal(nested(9), .nestedTooDeeply(file: "f", key: "k", limit: 8))
        expectRefusal(nested(100_000), .nestedTooDeeply(file: "f", key: "k", limit: 8))
    }

    @Test func alignments() {
        func key(_ type: UInt32, _ value: [UInt8]) -> [UInt8] {
            beginning(keys: 1) + string("general.alignment") + littleEndian(type) + value
        }
        expectRefusal(key(4, littleEndian(UInt32(0))), .invalidAlignment(file: "f", value: "0"))
        expectRefusal(key(4, littleEndian(UInt32(48))), .invalidAlignment(file: "f", value: "48"))
        expectRefusal(key(10, littleEndian(UInt64(32))), .invalidAlignment(file: "f", value: "32"))
        expectRefusal(key(8, string("32")), .invalidAlignment(file: "f", value: "of type string"))
    }

    @Test func tensorNames() {
        expectRefusal(
            file(beginning(tensors: 1) + tensor("", [1]), data: 32),
            .invalidTensorName(file: "f", place: "tensor 0", byteCount: 0))
        let long = String(repeating: "t", count: 65)
        expectRefusal(
            file(beginning(tensors: 1) + tensor(long, [1]), data: 32),
            .invalidTensorName(file: "f", place: "tensor 0", byteCount: 65))
        expectRefusal(
            file(beginning(tensors: 2) + tensor("t", [1]) + tensor("t", [1], offset: 32), data: 64),
            .duplicateTensor(file: "f", tensor: "t"))
    }

    @Test func shapes() {
        expectRefusal(
            file(beginning(tensors: 1) + tensor("t", [1, 1, 1, 1, 1]), data: 32),
            .tooManyDimensions(file: "f", tensor: "t", count: 5))
        for dimensions: [UInt64] in [[1 << 63], [1 << 62], [1 << 32, 1 << 32], [0, 1 << 40, 1 << 40], [.max, 0]] {
            expectRefusal(
                file(beginning(tensors: 1) + tensor("t", dimensions), data: 32),
                .sizeOverflow(file: "f", tensor: "t", shape: dimensions.reversed()))
        }
        expectRefusal(
            file(beginning(tensors: 1) + tensor("t", [1 << 60], offset: 1 << 63), data: 32),
            .sizeOverflow(file: "f", tensor: "t", shape: [1 << 60]))
        for length: UInt64 in [1, 31, 33] {
            expectRefusal(
                file(beginning(tensors: 1) + tensor("t", [length, 32], type: 2), data: 1024),
                .partialBlock(file: "f", tensor: "t", type: .q40, rowLength: Int(length)))
        }
        expectRefusal(
            file(beginning(tensors: 1) + tensor("t", [], type: 12), data: 1024),
            .partialBlock(file: "f", tensor: "t", type: .q4K, rowLength: 1))
    }

    @Test func tensorTypes() {
        for type: UInt32 in [4, 5, 31, 32, 33, 36, 37, 38, 43, .max] {
            expectRefusal(
                file(beginning(tensors: 1) + tensor("t", [32], type: type), data: 128),
                .unknownTensorType(file: "f", tensor: "t", type: type))
        }
        #expect(
            GGUFError.unknownTensorType(file: "f", tensor: "t", type: 31).description
                == "f: tensor t: unknown type 31 (Q4_0_4_4, which ggml no longer has)")
    }

    @Test func places() {
        expectRefusal(
            file(beginning(tensors: 1) + tensor("t", [1], offset: 16), data: 64),
            .misalignedTensor(file: "f", tensor: "t", offset: 16, alignment: 32))
        expectRefusal(
            file(beginning(tensors: 1) + tensor("t", [9]), data: 35),
            .tensorBeyondFile(file: "f", tensor: "t", end: 36, dataByteCount: 35))
        // The header isn't filled up, and there are no data.
        expectRefusal(
            beginning(tensors: 1) + tensor("t", [1]),
            .tensorBeyondFile(file: "f", tensor: "t", end: 4, dataByteCount: 0))
        expectRefusal(
            file(beginning(tensors: 2) + tensor("a", [8], offset: 32) + tensor("b", [9]), data: 64),
            .overlap(file: "f", tensor: "a", begin: 32, previous: "b", previousEnd: 36))
        expectRefusal(
            beginning(tensors: 1) + tensor("t", [1])[..<25],
            .truncated(file: "f", place: "tensor t", byteCount: 8, remaining: 0))
    }

    @Test func filesThatCannotBeOpened() {
        #expect(
            thrown { () throws(GGUFError) in try GGUFFile(path: "/nowhere/f.gguf") }
                == .unreadable(file: "/nowhere/f.gguf", reason: "No such file or directory"))
    }
}
