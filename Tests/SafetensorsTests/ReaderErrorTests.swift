import Foundation
import Safetensors
import TestSupport
import Testing

/// Each error of the reader, from literal bytes. What isn't JSON is in HeaderSyntaxTests.
@Suite struct ReaderErrorTests {
    // The file.

    @Test func unreadable() throws {
        let folder = try TemporaryDirectory()
        for (path, reason) in [
            (folder.path + "/none.safetensors", reason(ENOENT)), (folder.path, "not a regular file"),
            ("/dev/zero", "not a regular file"), (try folder.write([]) + "/below", reason(ENOTDIR)),
        ] {
            let error = thrown { () throws(SafetensorsError) in try SafetensorsFile(path: path) }
            #expect(error == .unreadable(file: path, reason: reason))
        }
    }

    @Test(arguments: 0..<8)
    func tooShort(count: Int) throws {
        try expectRefusal([UInt8](repeating: 0, count: count)) { .tooShort(file: $0, byteCount: count) }
    }

    @Test(arguments: [100_000_001, 1 << 32, 1 << 63, UInt64.max])
    func headerTooLarge(count: UInt64) throws {
        try expectRefusal(littleEndian(count) + Array("{}".utf8)) { .headerTooLarge(file: $0, byteCount: count) }
    }

    /// 100,000,000 bytes are the most that a header may have: this many are too many for the file alone.
    @Test(arguments: [3, 99_999_999, 100_000_000])
    func headerBeyondFile(count: Int) throws {
        try expectRefusal(littleEndian(UInt64(count)) + Array("{}".utf8)) {
            .headerBeyondFile(file: $0, headerByteCount: count, fileByteCount: 10)
        }
    }

    @Test func headerBeyondFileWithoutHeader() throws {
        try expectRefusal([1, 0, 0, 0, 0, 0, 0, 0]) {
            .headerBeyondFile(file: $0, headerByteCount: 1, fileByteCount: 8)
        }
    }

    // The header.

    /// A byte of no sequence, an overlong form, a surrogate, a sequence that breaks off, a value past U+10FFFF, a
    /// sequence without its beginning.
    @Test(arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf4, 0x90, 0x80, 0x80], [0x80]])
    func headerNotUTF8(sequence: [UInt8]) throws {
        let header = Array(#"{"__metadata__":{"k":""#.utf8) + sequence + Array(#""}}"#.utf8)
        try expectRefusal(fileBytes(header)) { .headerNotUTF8(file: $0) }
    }

    @Test func headerEndsWithinASequence() throws {
        try expectRefusal(fileBytes(Array(#"{}"#.utf8) + [0xe2, 0x82])) { .headerNotUTF8(file: $0) }
    }

    @Test(arguments: ["", " {}", "\n{}", "[]", "\"{}\"", "null", "\u{feff}{}", "\0{}"])
    func headerNotAnObject(header: String) throws {
        try expectRefusal(header) { .headerNotAnObject(file: $0) }
    }

    @Test func duplicateTensor() throws {
        try expectRefusal(
            #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
            data: 2
        ) { .duplicateKey(file: $0, key: "a") }
    }

    /// Two spellings of one key are one key.
    @Test func duplicateTensorWithEscapes() throws {
        try expectRefusal(
            #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#
        ) { .duplicateKey(file: $0, key: "a") }
    }

    @Test func duplicateMetadata() throws {
        try expectRefusal(#"{"__metadata__":{},"__metadata__":{}}"#) { .duplicateKey(file: $0, key: "__metadata__") }
    }

    @Test func duplicateMetadataKey() throws {
        try expectRefusal(#"{"__metadata__":{"k":"1","k":"1"}}"#) { .duplicateKey(file: $0, key: "k") }
    }

    /// The dictionary of remarks would keep but one of two keys that differ in normalisation alone.
    @Test func canonicallyEqualMetadataKeys() throws {
        try expectRefusal(#"{"__metadata__":{"\u00e9":"1","e\u0301":"2"}}"#) {
            .duplicateKey(file: $0, key: "e\u{301}")
        }
    }

    @Test(arguments: [("dtype", #""U8""#), ("shape", "[1]"), ("data_offsets", "[0,1]")])
    func duplicateField(field: String, value: String) throws {
        try expectRefusal(
            #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"\#(field)":\#(value)}}"#, data: 1
        ) { .duplicateKey(file: $0, key: "a.\(field)") }
    }

    @Test(arguments: ["", "f32", "F32 ", "FLOAT", "F8", "I4", "F128"])
    func unknownDType(name: String) throws {
        try expectRefusal(#"{"a":{"dtype":"\#(name)","shape":[1],"data_offsets":[0,4]}}"#, data: 4) {
            .unknownDType(file: $0, tensor: "a", name: name)
        }
    }

    @Test(arguments: [
        ("dtype", #"{"a":{"shape":[1],"data_offsets":[0,1]}}"#),
        ("shape", #"{"a":{"dtype":"U8","data_offsets":[0,1]}}"#),
        ("data_offsets", #"{"a":{"dtype":"U8","shape":[1]}}"#), ("dtype", #"{"a":{}}"#),
    ])
    func missingField(field: String, header: String) throws {
        try expectRefusal(header, data: 1) { .missingField(file: $0, tensor: "a", field: field) }
    }

    @Test(arguments: ["offsets", "Dtype", "strides", ""])
    func unknownField(field: String) throws {
        try expectRefusal(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"\#(field)":[1]}}"#, data: 1) {
            .unknownField(file: $0, tensor: "a", field: field)
        }
    }

    // The tensors.

    /// The product overflows with the size of one number, or before it.
    static let overflows: [(String, [Int])] = [
        ("U8", [1 << 60]), ("F4", [1 << 61]), ("F64", [Int.max]), ("F32", [1 << 31, 1 << 31]),
        ("U8", [1 << 32, 1 << 32]), ("U8", [Int](repeating: 1 << 16, count: 5)), ("F6_E2M3", [1 << 61, 3]),
    ]

    @Test(arguments: overflows)
    func sizeOverflow(dtype: String, shape: [Int]) throws {
        try expectRefusal(#"{"a":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":[0,0]}}"#) {
            .sizeOverflow(file: $0, tensor: "a", shape: shape)
        }
    }

    @Test(arguments: [("F4", [1]), ("F4", [3, 5]), ("F6_E2M3", [2]), ("F6_E3M2", [6]), ("F4", [])])
    func unalignedSize(dtype: String, shape: [Int]) throws {
        try expectRefusal(#"{"a":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":[0,1]}}"#, data: 1) {
            .unalignedSize(file: $0, tensor: "a", shape: shape)
        }
    }

    @Test func reversedOffsets() throws {
        try expectRefusal(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}"#, data: 1) {
            .reversedOffsets(file: $0, tensor: "a", begin: 1, end: 0)
        }
    }

    @Test func tensorBeyondFile() throws {
        try expectRefusal(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: 7) {
            .tensorBeyondFile(file: $0, tensor: "a", end: 8, dataByteCount: 7)
        }
        let last = Int.max
        try expectRefusal(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[\#(last - 1),\#(last)]}}"#) {
            .tensorBeyondFile(file: $0, tensor: "a", end: last, dataByteCount: 0)
        }
    }

    /// One byte too few and too many, none, bytes of an empty tensor, and none of a scalar.
    @Test(arguments: [("[2]", 8, 7), ("[2]", 8, 9), ("[2,3]", 24, 0), ("[0]", 0, 4), ("[]", 4, 0), ("[]", 4, 8)])
    func wrongByteCount(shape: String, expected: Int, found: Int) throws {
        try expectRefusal(#"{"a":{"dtype":"F32","shape":\#(shape),"data_offsets":[0,\#(found)]}}"#, data: found) {
            .wrongByteCount(file: $0, tensor: "a", expected: expected, found: found)
        }
    }

    /// By one byte, wholly, and by an empty tensor inside another.
    @Test(arguments: [("[2]", 1, 3, 3), ("[2]", 0, 2, 2), ("[0]", 1, 1, 2)])
    func overlap(shape: String, begin: Int, end: Int, count: Int) throws {
        try expectRefusal(
            #"{"b":{"dtype":"U8","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]},"#
                + #""a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, data: count
        ) { file in
            // Of two with the same bytes, the one that the header names last is found to overlap.
            .overlap(file: file, tensor: begin == 0 ? "a" : "b", begin: begin, previousEnd: 2)
        }
    }

    @Test func holeInFront() throws {
        try expectRefusal(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, data: 2) {
            .hole(file: $0, tensor: "a", begin: 1, previousEnd: 0)
        }
    }

    @Test func holeBetween() throws {
        try expectRefusal(
            #"{"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#,
            data: 4
        ) { .hole(file: $0, tensor: "b", begin: 3, previousEnd: 2) }
    }

    @Test(arguments: ["{}", #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#])
    func trailingBytes(header: String) throws {
        try expectRefusal(header, data: 3) { .trailingBytes(file: $0, byteCount: 3) }
    }

    @Test func trailingByteAfterATensor() throws {
        try expectRefusal(#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, data: 3) {
            .trailingBytes(file: $0, byteCount: 1)
        }
    }

    // Use.

    @Test func missingTensor() throws {
        let file = try SafetensorsFile(
            bytes: fileBytes(#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#), name: "f")
        for name in ["b", "A", "", "__metadata__"] {
            #expect(!file.contains(name))
            let error = thrown { () throws(SafetensorsError) in try file.tensor(name) }
            #expect(error == .missingTensor(file: "f", tensor: name))
        }
    }

    @Test(arguments: DType.allCases)
    func wrongDType(dtype: DType) throws {
        let header = #"{"a":{"dtype":"\#(dtype.rawValue)","shape":[0],"data_offsets":[0,0]}}"#
        let tensor = try SafetensorsFile(bytes: fileBytes(header), name: "f").tensor("a")
        let floats: [DType] = [.float32, .float16, .bfloat16]
        #expect(
            thrown { () throws(SafetensorsError) in try tensor.floats() }
                == (floats.contains(dtype)
                    ? nil : .wrongDType(file: "f", tensor: "a", found: dtype, expected: floats)))
        let integers: [DType] = [.int64, .int32]
        #expect(
            thrown { () throws(SafetensorsError) in try tensor.integers() }
                == (integers.contains(dtype)
                    ? nil : .wrongDType(file: "f", tensor: "a", found: dtype, expected: integers)))
    }
}
