import Foundation
import Safetensors
import TestSupport
import Testing

/// Thousands of broken files. Each gives an error of the package, or a file whose tensors lie within it. In processes
/// of their own with little memory, so that a crash, a hang or a big allocation fails the test.
@Suite struct FuzzTests {
    @Test func mutatedHeaders() async {
        await #expect(processExitsWith: .success) {
            alarm(120)
            try limitMemory()
            let folder = try TemporaryDirectory()
            let file = try ScratchFile(folder.path + "/t.safetensors")
            var mutator = Mutator(seed: 1)
            var outcomes: [String: Int] = [:]
            var faults: [String] = []
            for _ in 0..<15_000 {
                let seed = Self.headers.randomElement(using: &mutator.generator) ?? Self.headers[0]
                var bytes = fileBytes(mutator.mutate(Array(seed.header.utf8)), data: Array(0..<seed.dataByteCount))
                // Now and then the length is wrong, or the data.
                switch Int.random(in: 0..<20, using: &mutator.generator) {
                case 0: bytes[Int.random(in: 0..<8, using: &mutator.generator)] ^= mutator.bit
                case 1: bytes.removeLast(Int.random(in: 1...9, using: &mutator.generator))
                case 3: bytes.removeLast(Int.random(in: 1...bytes.count, using: &mutator.generator))
                case 2: bytes.append(mutator.bit)
                default: break
                }
                try file.replace(bytes)
                do throws(SafetensorsError) {
                    let isConsistent = try Self.isConsistent(SafetensorsFile(path: file.path), bytes)
                    outcomes["opened", default: 0] += 1
                    if !isConsistent { faults.append("inconsistent: \(bytes)") }
                } catch {
                    outcomes[Self.caseName(error), default: 0] += 1
                    if !error.description.hasPrefix(file.path + ": ") { faults.append(error.description) }
                }
            }
            #expect(faults == [])
            // The mutations reach every check, and don't all fail at the first.
            let reached = [
                "opened", "tooShort", "headerTooLarge", "headerBeyondFile", "headerNotUTF8", "headerNotAnObject",
                "malformedHeader", "duplicateKey", "unknownDType", "missingField", "unknownField", "sizeOverflow",
                "unalignedSize", "reversedOffsets", "tensorBeyondFile", "wrongByteCount", "overlap", "hole",
                "trailingBytes",
            ]
            #expect(Set(outcomes.keys) == Set(reached), "\(outcomes)")
            #expect(outcomes["opened", default: 0] > 500, "\(outcomes)")
        }
    }

    @Test func mutatedIndices() async {
        await #expect(processExitsWith: .success) {
            alarm(120)
            try limitMemory()
            let folder = try TemporaryDirectory()
            let member = #"{"dtype":"U8","shape":[1],"data_offsets":"#
            try folder.write(
                fileBytes(#"{"a":\#(member)[0,1]},"b":\#(member)[1,2]}}"#, data: [1, 2]), to: "1.safetensors")
            try folder.write(fileBytes(#"{"é":\#(member)[0,1]}}"#, data: [3]), to: "2.safetensors")
            let values: [String: [UInt8]] = ["a": [1], "b": [2], "é": [3]]
            let index = try ScratchFile(folder.path + "/model.safetensors.index.json")
            let seed =
                #"{"metadata": {"total_size": 3.5e0, "x": [true, null, {"y": "z"}]}, "weight_map": "#
                + #"{"a": "1.safetensors", "b": "1.safetensors", "é": "2.safetensors"}}"#
            var mutator = Mutator(seed: 2)
            var outcomes: [String: Int] = [:]
            var faults: [String] = []
            for _ in 0..<4_000 {
                try index.replace(mutator.mutate(Array(seed.utf8)))
                do throws(SafetensorsError) {
                    let checkpoint = try Checkpoint(directory: folder.path)
                    outcomes["opened", default: 0] += 1
                    for name in checkpoint.tensorNames {
                        let value = try checkpoint.tensor(name).withUnsafeBytes { Array($0) }
                        if values[name] != value { faults.append("\(name) is \(value)") }
                    }
                } catch {
                    let name = Self.caseName(error)
                    outcomes[name, default: 0] += 1
                    let file = name == "unreadable" ? folder.path + "/" : index.path + ": "
                    if !error.description.hasPrefix(file) { faults.append(error.description) }
                }
            }
            #expect(faults == [])
            let reached = [
                "opened", "malformedIndex", "duplicateKey", "shardOutsideFolder", "tensorNotInShard",
                "tensorNotInIndex", "unreadable",
            ]
            #expect(Set(outcomes.keys) == Set(reached), "\(outcomes)")
            #expect(outcomes["opened", default: 0] > 200, "\(outcomes)")
        }
    }

    /// Valid headers, and how much data they describe.
    private static let headers: [(header: String, dataByteCount: UInt8)] = [
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8),
        (
            #"{"__metadata__":{"format":"pt","k\u00e9":"v\n"},"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"#
                + #""b":{"dtype":"I64","shape":[1],"data_offsets":[12,20]},"#
                + #""c":{"dtype":"U8","shape":[],"data_offsets":[20,21]}}   "#, 21
        ),
        (
            #"{"é":{"dtype":"F4","shape":[4],"data_offsets":[0,2]},"e":{"dtype":"F6_E2M3","shape":[4],"#
                + #""data_offsets":[2,5]},"z":{"dtype":"F16","shape":[0,9],"data_offsets":[5,5]},"#
                + #""i":{"dtype":"I32","shape":[2],"data_offsets":[5,13]}}"#, 13
        ),
        (
            "{ \"x\" : { \"shape\" : [ 3 ] , \"data_offsets\" : [ 1 , 4 ] , \"dtype\" : \"BOOL\" } ,\n"
                + "\"w\" : { \"shape\" : [ 1 , 1 ] , \"data_offsets\" : [ 0 , 1 ] , \"dtype\" : \"I8\" } }", 4
        ),
    ]

    /// Whether the tensors of a file tile its data, and each reads as what the file holds there.
    private static func isConsistent(_ file: SafetensorsFile, _ bytes: [UInt8]) throws(SafetensorsError) -> Bool {
        let headerByteCount = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let data = bytes[(8 + headerByteCount)...]
        var end = 0
        for info in file.tensors {
            let tensor = try file.tensor(info.name)
            guard tensor.info == info, info.byteRange.lowerBound == end,
                info.elementCount * info.dtype.bitWidth == info.byteCount * 8
            else { return false }
            end = info.byteRange.upperBound
            let expected = data.dropFirst(info.byteRange.lowerBound).prefix(info.byteCount)
            guard tensor.withUnsafeBytes({ $0.elementsEqual(expected) }) else { return false }
            switch info.dtype {
            case .float32, .float16, .bfloat16:
                guard try tensor.floats().count == info.elementCount else { return false }
            case .int64, .int32:
                guard try tensor.integers().count == info.elementCount else { return false }
            default: break
            }
        }
        return end == data.count
    }

    private static func caseName(_ error: SafetensorsError) -> String {
        Mirror(reflecting: error).children.first?.label ?? ""
    }
}

/// Damages JSON: some of its bytes, or its tokens so that it often stays JSON.
private struct Mutator {
    var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    /// A byte with one bit.
    var bit: UInt8 { mutating get { 1 << UInt8.random(in: 0..<8, using: &generator) } }

    private static let tokens = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "null", "true", "-", ".", "e9", " ", "\n", "\0",
        "0", "\"a\"", "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"F4\"", "\"F64\"", "\"__metadata__\"", "{}", "[]",
        "[0,0]", "\"a\":{},", "\"shape\":[1],", "../", "/", "\"weight_map\":{},", "\"2.safetensors\"", "e\u{301}",
    ]

    private static let numbers = [
        "0", "1", "2", "3", "7", "9", "12", "21", "65536", "4294967296", "1152921504606846975", "1152921504606846976",
        "9223372036854775807", "9223372036854775808", "18446744073709551616", "-1", "1e3", "0.5", "00",
        String(repeating: "9", count: 500),
    ]

    mutating func mutate(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
            let position = Int.random(in: bytes.indices, using: &generator)
            switch Int.random(in: 0..<15, using: &generator) {
            case 0 where Int.random(in: 0..<3, using: &generator) == 0: bytes.removeLast(bytes.count - position)
            case 1: bytes[position] ^= bit
            case 2: bytes[position] = UInt8.random(in: 0...255, using: &generator)
            case 3: bytes.remove(at: position)
            case 4:
                bytes.insert(contentsOf: Self.tokens.randomElement(using: &generator)?.utf8 ?? "".utf8, at: position)
            case 5: bytes.replaceSubrange(run(in: bytes), with: run(in: bytes, of: original))
            case 6: nest(&bytes, at: position)
            case 7: repeatMember(&bytes)
            case 8: addMember(&bytes)
            case 9: shiftOffsets(&bytes)
            default: changeNumber(&bytes)
            }
        }
        return bytes
    }

    /// A range of some bytes.
    private mutating func run(in bytes: [UInt8]) -> Range<Int> {
        let start = Int.random(in: bytes.indices, using: &generator)
        return start..<min(bytes.count, start + Int.random(in: 0...30, using: &generator))
    }

    /// Some bytes of the original.
    private mutating func run(in bytes: [UInt8], of original: [UInt8]) -> ArraySlice<UInt8> {
        original[run(in: original)]
    }

    private mutating func nest(_ bytes: inout [UInt8], at position: Int) {
        let opening = ["[", "{\"a\":", "{\"shape\":["].randomElement(using: &generator) ?? "["
        let depth = Int.random(in: 1...300, using: &generator)
        bytes.insert(contentsOf: String(repeating: opening, count: depth).utf8, at: position)
    }

    /// Where keys begin.
    private func keys(_ bytes: [UInt8]) -> [Int] {
        var last: UInt8 = 0
        return bytes.indices.filter { index in
            defer { if bytes[index] != UInt8(ascii: " ") { last = bytes[index] } }
            return bytes[index] == UInt8(ascii: "\"") && [UInt8(ascii: "{"), UInt8(ascii: ",")].contains(last)
        }
    }

    /// Adds a member of the format to some object.
    private mutating func addMember(_ bytes: inout [UInt8]) {
        let members = [
            #""c":"1.safetensors","#, #""b":"2.safetensors","#, #""é":"../x","#, #""shape":[1],"#, #""dtype":"F4","#,
            #""e":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"#, #""__metadata__":{},"#, #""weight_map":{},"#,
            #""n":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"#,
        ]
        if let start = keys(bytes).randomElement(using: &generator),
            let member = members.randomElement(using: &generator)
        {
            bytes.insert(contentsOf: member.utf8, at: start)
        }
    }

    /// Moves a tensor, its size unchanged.
    private mutating func shiftOffsets(_ bytes: inout [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        let pairs = text.matches(of: /\[ ?(\d{1,9}) ?, ?(\d{1,9}) ?\]/)
        guard let pair = pairs.randomElement(using: &generator), let begin = Int(pair.1), let end = Int(pair.2) else {
            return
        }
        let shift = Int.random(in: -min(begin, 4)...4, using: &generator)
        bytes = Array(text.replacingCharacters(in: pair.range, with: "[\(begin + shift),\(end + shift)]").utf8)
    }

    /// Repeats what stands between two keys, so that keys come twice.
    private mutating func repeatMember(_ bytes: inout [UInt8]) {
        let starts = keys(bytes)
        guard starts.count > 1 else { return }
        let first = Int.random(in: 0..<(starts.count - 1), using: &generator)
        let last = Int.random(in: (first + 1)..<starts.count, using: &generator)
        let member = Array(bytes[starts[first]..<starts[last]])
        bytes.insert(contentsOf: member, at: starts.randomElement(using: &generator) ?? starts[first])
    }

    /// Replaces a number by another.
    private mutating func changeNumber(_ bytes: inout [UInt8]) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let starts = bytes.indices.filter {
            digits.contains(bytes[$0]) && $0 > 0 && [UInt8(ascii: "["), UInt8(ascii: ",")].contains(bytes[$0 - 1])
        }
        guard let start = starts.randomElement(using: &generator) else { return }
        let end = bytes[start...].firstIndex { !digits.contains($0) } ?? bytes.count
        bytes.replaceSubrange(start..<end, with: (Self.numbers.randomElement(using: &generator) ?? "0").utf8)
    }
}
