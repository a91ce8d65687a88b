import Foundation
import Safetensors
import TestSupport
import Testing

@Suite struct ReadingTests {
    /// Every type of the format, and the bytes of 8 numbers of it.
    @Test func everyDType() throws {
        let types: [String: Int] = [
            "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
            "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64,
            "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
        ]
        #expect(Set(DType.allCases.map(\.rawValue)) == Set(types.keys))
        for (name, byteCount) in types {
            let header = #"{"a":{"dtype":"\#(name)","shape":[2,4],"data_offsets":[0,\#(byteCount)]}}"#
            let data = (0..<byteCount).map { UInt8($0 * 3) }
            let tensor = try SafetensorsFile(bytes: fileBytes(header, data: data), name: "f").tensor("a")
            #expect(tensor.info.dtype.rawValue == name)
            #expect(tensor.info.dtype.bitWidth == byteCount)
            #expect(tensor.info.elementCount == 8 && tensor.info.byteCount == byteCount)
            #expect(tensor.withUnsafeBytes { Array($0) } == data)
            #expect(tensor.path == "f")
        }
    }

    /// The tensor of a file with one, of all these numbers.
    private func tensor<Bits: FixedWidthInteger>(_ dtype: DType, _ numbers: [Bits]) throws -> TensorView {
        let data = numbers.flatMap { littleEndian($0) }
        let header =
            #"{"a":{"dtype":"\#(dtype.rawValue)","shape":[\#(numbers.count)],"data_offsets":[0,\#(data.count)]}}"#
        return try SafetensorsFile(bytes: fileBytes(header, data: data), name: "f").tensor("a")
    }

    /// The number that sign, exponent and fraction of an IEEE interchange format mean; nil for a NaN. In Double, which
    /// holds all numbers of the formats here exactly.
    private func value(bits: Int, exponentBits: Int, fractionBits: Int) -> Double? {
        let fraction = Double(bits % (1 << fractionBits)) / Double(1 << fractionBits)
        let exponent = bits >> fractionBits % (1 << exponentBits)
        let bias = 1 << (exponentBits - 1) - 1
        let magnitude: Double
        switch exponent {
        case 0: magnitude = fraction * pow(2, Double(1 - bias))
        case 1 << exponentBits - 1:
            if fraction != 0 { return nil }
            magnitude = .infinity
        default: magnitude = (1 + fraction) * pow(2, Double(exponent - bias))
        }
        return bits >> (exponentBits + fractionBits) == 0 ? magnitude : -magnitude
    }

    @Test(arguments: [(DType.float16, 5, 10), (DType.bfloat16, 8, 7)])
    func every16BitFloat(dtype: DType, exponentBits: Int, fractionBits: Int) throws {
        let floats = try tensor(dtype, Array(UInt16.min...UInt16.max)).floats()
        #expect(floats.count == 65_536)
        var wrong: [Int] = []
        var notNumbers = 0
        for (bits, float) in floats.enumerated() {
            if let expected = value(bits: bits, exponentBits: exponentBits, fractionBits: fractionBits) {
                if Double(float) != expected || float.sign != expected.sign { wrong.append(bits) }
            } else {
                // A NaN keeps its sign and its payload, at the upper end of the fraction.
                notNumbers += 1
                let payload = UInt32(bits % (1 << fractionBits)) << UInt32(23 - fractionBits)
                let sign = UInt32(bits >> 15) << 31
                if float.bitPattern != sign | 0x7f80_0000 | payload { wrong.append(bits) }
            }
        }
        #expect(wrong == [])
        #expect(notNumbers == 2 * (1 << fractionBits - 1))
    }

    @Test func float32KeepsEveryBit() throws {
        let patterns: [UInt32] = [
            0, 0x8000_0000, 1, 0x8000_0001, 0x007f_ffff, 0x0080_0000, 0x3f80_0000, 0xbf80_0000, 0x7f7f_ffff,
            0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0x7fc1_2345, 0xffff_ffff, 0x7f80_0001, 0x1234_5678,
        ]
        #expect(try tensor(.float32, patterns).floats().map(\.bitPattern) == patterns)
    }

    @Test func integers() throws {
        let wide: [Int64] = [0, 1, -1, .max, .min, 0x0123_4567_89ab_cdef]
        #expect(try tensor(.int64, wide).integers() == wide.map { Int($0) })
        let narrow: [Int32] = [0, 1, -1, .max, .min, 0x0123_4567]
        #expect(try tensor(.int32, narrow).integers() == narrow.map { Int($0) })
    }

    /// The format doesn't align the data: every place of the first byte, mapped and in memory.
    @Test(arguments: 0..<8)
    func unalignedData(padding: Int) throws {
        let folder = try TemporaryDirectory()
        let names = ["i64", "f32", "bf16", "f16", "i32"]
        let header =
            #"{"i64":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"f32":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},"#
            + #""bf16":{"dtype":"BF16","shape":[2],"data_offsets":[20,24]},"f16":{"dtype":"F16","shape":[1],"data_offsets":[24,26]},"#
            + #""i32":{"dtype":"I32","shape":[1],"data_offsets":[26,30]}}"#
        var data = littleEndian(Int64(-2)) + littleEndian(Int64(1) << 40) + littleEndian(Float(-1.5).bitPattern)
        data += littleEndian(UInt16(0x3fc0)) + littleEndian(UInt16(0xc000)) + littleEndian(UInt16(0x3c01))
        data += littleEndian(Int32(-70_000))
        let bytes = fileBytes(header + String(repeating: " ", count: padding), data: data)
        let path = try folder.write(bytes)
        for file in [try SafetensorsFile(path: path), try SafetensorsFile(bytes: bytes, name: "f")] {
            #expect(file.tensorNames == names)
            #expect(try file.tensor("i64").integers() == [-2, 1 << 40])
            #expect(try file.tensor("f32").floats() == [-1.5])
            #expect(try file.tensor("bf16").floats() == [1.5, -2])
            #expect(try file.tensor("f16").floats() == [0x1.004p0])
            #expect(try file.tensor("i32").integers() == [-70_000])
        }
    }

    /// The header may name tensors in any order; they are listed in the order of their bytes.
    @Test func orderOfBytes() throws {
        let header =
            #"{"c":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"#
            + #""__metadata__":{"format":"pt"},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
        let file = try SafetensorsFile(bytes: fileBytes(header, data: [10, 11, 12]), name: "f")
        #expect(file.tensorNames == ["b", "a", "c"])
        #expect(file.tensors.map(\.byteRange) == [0..<1, 1..<2, 2..<3])
        #expect(try file.tensor("a").withUnsafeBytes { Array($0) } == [11])
        #expect(file.metadata == ["format": "pt"])
        #expect(!file.contains("__metadata__"))
    }

    /// A view keeps the mapping alive: without its file's object, and when the file's name has gone.
    @Test func viewOutlivesItsFile() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write(
            fileBytes(#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, data: [1, 2, 3, 4]))
        let view: TensorView = try { try SafetensorsFile(path: path).tensor("a") }()
        try FileManager.default.removeItem(atPath: path)
        #expect(view.withUnsafeBytes { Array($0) } == [1, 2, 3, 4])
    }

    /// Pages that were given back are read again, and the tensors beside them are left alone.
    @Test func discardedPagesAreReadAgain() throws {
        let folder = try TemporaryDirectory()
        let (small, large) = (100, 100_000)
        let header =
            #"{"a":{"dtype":"U8","shape":[\#(small)],"data_offsets":[0,\#(small)]},"#
            + #""b":{"dtype":"U8","shape":[\#(large)],"data_offsets":[\#(small),\#(small + large)]},"#
            + #""c":{"dtype":"U8","shape":[0],"data_offsets":[\#(small + large),\#(small + large)]}}"#
        let data = (0..<(small + large)).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let bytes = fileBytes(header, data: data)
        let path = try folder.write(bytes)
        for file in [try SafetensorsFile(path: path), try SafetensorsFile(bytes: bytes, name: "f")] {
            for name in ["a", "b", "c"] {
                let tensor = try file.tensor(name)
                tensor.discardResidentPages(0..<tensor.info.byteCount)
                tensor.discardResidentPages((tensor.info.byteCount / 3)..<(tensor.info.byteCount / 2))
            }
            #expect(try file.tensor("a").withUnsafeBytes { Array($0) } == Array(data[..<small]))
            #expect(try file.tensor("b").withUnsafeBytes { Array($0) } == Array(data[small...]))
        }
    }

    /// The error of a caller's closure comes out as its own type.
    @Test func errorsOfTheClosure() throws {
        struct Stop: Error {}
        let view = try tensor(.uint8, [1, 2] as [UInt8])
        #expect(throws: Stop.self) { try view.withUnsafeBytes { (_) throws(Stop) in throw Stop() } }
    }
}
