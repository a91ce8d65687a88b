import Foundation
import GGUF
import TestSupport
import Testing

@Suite struct ReadingTests {
    @Test func everyTypeOfValue() throws {
        var writer = GGUFWriter()
        let entries: [(String, GGUFWriter.Value, String)] = [
            ("u8", .uint8(255), "255"), ("i8", .int8(-128), "-128"), ("u16", .uint16(65_535), "65535"),
            ("i16", .int16(-32_768), "-32768"), ("u32", .uint32(.max), "4294967295"),
            ("i32", .int32(.min), "-2147483648"), ("u64", .uint64(.max), "18446744073709551615"),
            ("i64", .int64(.min), "-9223372036854775808"), ("f32", .float32(1e-5), "1e-05"),
            ("f64", .float64(0.1), "0.1"), ("yes", .bool(true), "true"), ("no", .bool(false), "false"),
            ("text", .string("é 😀\0\n"), "\"é 😀\0\n\""), ("empty", .string(""), "\"\""),
            ("strings", .array(.string, [.string("a"), .string(""), .string("▁b")]), #"string["a", "", "▁b"]"#),
            ("integers", .array(.int32, [.int32(1), .int32(-2)]), "i32[1, -2]"),
            ("bools", .array(.bool, [.bool(true), .bool(false)]), "bool[true, false]"),
            ("nothing", .array(.array, []), "array[]"),
            (
                "nested",
                .array(
                    .array,
                    [
                        .array(.string, [.string("x"), .string("y")]), .array(.uint8, []),
                        .array(.array, [.array(.float32, [.float32(0.5)])]), .array(.uint16, [.uint16(7)]),
                    ]), #"array[string["x", "y"], u8[], array[f32[0.5]], u16[7]]"#
            ),
            ("last", .uint8(9), "9"),
        ]
        writer.entries = entries.map { ($0.0, $0.1) }
        let metadata = try GGUFFile(bytes: writer.bytes, name: "f").metadata
        #expect(metadata.keys == entries.map(\.0))
        for (key, _, expected) in entries { #expect(try text(#require(metadata[key])) == expected) }
        #expect(metadata["other"] == nil)

        #expect(try metadata.strings("strings") == ["a", "", "▁b"])
        #expect(try metadata.integers("integers") == [1, -2])
        #expect(try metadata.integerOrIntegers("u16") == [65_535])
        #expect(try metadata.integerOrIntegers("integers") == [1, -2])
        #expect(try metadata.numbers("integers") == [1, -2])
        #expect(try metadata.number("f32") == Double(Float(1e-5)))
        #expect(try metadata.number("u8") == 255)
        #expect(try metadata.bool("yes") == true)
        #expect(try metadata.string("absent") == nil)
        #expect(metadata["bools"]?.array?.bools == [true, false])
        #expect(metadata["strings"]?.array?.prefix(2).count == 2)
        #expect(metadata["strings"]?.array?.prefix(-1).count == 0)
        func expectWrong<Value>(
            _ key: String, _ found: String, _ expected: String, _ body: (String) throws(GGUFError) -> Value?
        ) {
            #expect(
                thrown { () throws(GGUFError) in try body(key) }
                    == .wrongValueType(file: "f", key: key, found: found, expected: expected))
        }
        expectWrong("u64", "u64", "an integer", metadata.integer)
        expectWrong("text", "string", "a number", metadata.number)
        expectWrong("u8", "u8", "a truth value", metadata.bool)
        expectWrong("u8", "u8", "a string", metadata.string)
        expectWrong("integers", "array of i32", "an array of strings", metadata.strings)
        expectWrong("strings", "array of string", "an array of integers", metadata.integers)
        expectWrong("strings", "array of string", "an array of numbers", metadata.numbers)
        expectWrong("f32", "f32", "an integer or an array of them", metadata.integerOrIntegers)
    }

    @Test(arguments: [2, 3] as [UInt32], [1, 8, 32, 4096]) func tensors(version: UInt32, alignment: Int) throws {
        var writer = GGUFWriter()
        writer.version = version
        writer.alignment = alignment
        if alignment != 32 { writer.entries.append(("general.alignment", .uint32(UInt32(alignment)))) }
        writer.add("matrix", shape: [2, 3], [1, 2, 3, 4, 5, 6])
        writer.add("scalar", shape: [], [7])
        writer.add("none", .q4K, shape: [3, 0], [])
        writer.add("blocks", .q80, shape: [2, 64], (0..<136).map { UInt8($0) })
        let folder = try TemporaryDirectory()
        let path = try folder.write(writer.bytes, to: "m.gguf")
        for file in [try GGUFFile(path: path), try GGUFFile(bytes: writer.bytes, name: path)] {
            #expect(file.version == Int(version) && file.alignment == alignment && file.path == path)
            #expect(file.tensors.map(\.name) == ["matrix", "scalar", "none", "blocks"])
            #expect(file.tensors.map(\.shape) == [[2, 3], [], [3, 0], [2, 64]])
            #expect(file.tensors.map(\.elementCount) == [6, 1, 0, 128])
            #expect(file.tensors.map(\.byteCount) == [24, 4, 0, 136])
            let floats = try file.tensor("matrix").withUnsafeBytes { bytes in
                (0..<6).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
            }
            #expect(floats == [1, 2, 3, 4, 5, 6])
            let blocks = try file.tensor("blocks")
            blocks.discardResidentPages(0..<136)
            #expect(blocks.withUnsafeBytes { Array($0) } == (0..<136).map { UInt8($0) })
            #expect(try file.tensor("none").withUnsafeBytes { $0.count } == 0)
            #expect(file.contains("scalar") && !file.contains("other"))
            #expect(
                thrown { () throws(GGUFError) in try file.tensor("other") }
                    == .missingTensor(file: path, tensor: "other"))
        }
    }

    /// A vocabulary is a file without data, and gaps between tensors are allowed.
    @Test func sparseFiles() throws {
        #expect(try GGUFFile(bytes: beginning(), name: "f").tensors.isEmpty)
        let gaps = file(
            beginning(tensors: 2) + tensor("b", [1], offset: 96) + tensor("a", [1], offset: 32), data: 200)
        #expect(try GGUFFile(bytes: gaps, name: "f").tensors.map(\.byteRange) == [96..<100, 32..<36])
        let empty = beginning(tensors: 1) + tensor("t", [0])
        #expect(try GGUFFile(bytes: empty, name: "f").tensor("t").withUnsafeBytes { $0.count } == 0)
    }

    /// Sizes as ggml's own sources have them.
    @Test func tensorTypes() {
        let bytesPerBlock: [String: (Int, Int)] = [
            "F32": (1, 4), "F16": (1, 2), "BF16": (1, 2), "F64": (1, 8), "I8": (1, 1), "I16": (1, 2), "I32": (1, 4),
            "I64": (1, 8), "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34),
            "Q8_1": (32, 36), "Q2_K": (256, 84), "Q3_K": (256, 110), "Q4_K": (256, 144), "Q5_K": (256, 176),
            "Q6_K": (256, 210), "Q8_K": (256, 292), "IQ2_XXS": (256, 66), "IQ2_XS": (256, 74), "IQ2_S": (256, 82),
            "IQ3_XXS": (256, 98), "IQ3_S": (256, 110), "IQ1_S": (256, 50), "IQ1_M": (256, 56), "IQ4_NL": (32, 18),
            "IQ4_XS": (256, 136), "TQ1_0": (256, 54), "TQ2_0": (256, 66), "MXFP4": (32, 17), "NVFP4": (64, 36),
            "Q1_0": (128, 18), "Q2_0": (64, 18),
        ]
        #expect(Set(GGUFTensorType.allCases.map(\.name)) == Set(bytesPerBlock.keys))
        for type in GGUFTensorType.allCases {
            #expect(bytesPerBlock[type.name]?.0 == type.blockLength, "\(type.name)")
            #expect(bytesPerBlock[type.name]?.1 == type.blockByteCount, "\(type.name)")
        }
        #expect(GGUFTensorType.q4K.bitsPerNumber == 4.5)
    }

    @Test func largeVocabularies() throws {
        var writer = GGUFWriter()
        let tokens = (0..<150_000).map { "token\($0)\($0 % 7 == 0 ? "é" : "")" }
        writer.entries = [
            ("tokens", .array(.string, tokens.map { .string($0) })),
            ("merges", .array(.string, tokens.map { .string("\($0) x") })),
            ("types", .array(.int32, tokens.indices.map { .int32(Int32($0)) })),
        ]
        let bytes = writer.bytes
        let metadata = try GGUFFile(bytes: bytes, name: "f").metadata
        #expect(try metadata.strings("tokens") == tokens)
        #expect(try metadata.integers("types")?.last == 149_999)
    }
}
