import GGUF
import TestSupport
import Testing

/// Thousands of broken files. Each gives an error, or a file whose tensors lie within it.
@Suite struct FuzzTests {
    private static var seed: [UInt8] {
        var writer = GGUFWriter()
        writer.entries = [
            ("general.architecture", .string("llama")), ("general.alignment", .uint32(32)),
            ("llama.block_count", .uint64(2)), ("llama.epsilon", .float32(1e-5)), ("flag", .bool(true)),
            ("tokens", .array(.string, [.string("a"), .string("▁é"), .string("")])),
            ("types", .array(.int32, [.int32(1), .int32(3), .int32(6)])), ("flags", .array(.bool, [.bool(true)])),
            ("deep", .array(.array, [.array(.array, [.array(.uint8, [.uint8(1)])]), .array(.string, [.string("x")])])),
            ("small", .int8(-1)), ("double", .float64(2)),
        ]
        writer.add("token_embd.weight", shape: [3, 2], [1, 2, 3, 4, 5, 6])
        writer.add("blk.0.attn_q.weight", .q80, shape: [1, 32], [UInt8](repeating: 1, count: 34))
        writer.add("blk.0.attn_k.weight", .q4K, shape: [1, 256], [UInt8](repeating: 1, count: 144))
        writer.add("output_norm.weight", .float16, shape: [4], [UInt8](repeating: 2, count: 8))
        return writer.bytes
    }

    @Test func mutatedFiles() {
        var generator = SeededGenerator(seed: 1)
        let seed = Self.seed
        // The data follow the header; what is broken there changes nothing.
        let headerByteCount = seed.count - 300
        var outcomes: [String: Int] = [:]
        var faults: [String] = []
        let interesting: [UInt8] = [0, 1, 2, 7, 8, 9, 12, 13, 31, 32, 63, 64, 127, 128, 255]
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<min(headerByteCount, bytes.count), using: &generator)
                switch Int.random(in: 0..<8, using: &generator) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 2, 3: bytes[place] = interesting.randomElement(using: &generator) ?? 0
                case 4: bytes.removeSubrange(place..<min(place + Int.random(in: 1...9, using: &generator), bytes.count))
                case 5: bytes.insert(contentsOf: bytes[place..<min(place + 8, bytes.count)], at: place)
                case 6: bytes.removeLast(Int.random(in: 1...64, using: &generator))
                default:
                    let other = Int.random(in: 0..<(bytes.count - 8), using: &generator)
                    for index in 0..<min(8, bytes.count - max(place, other)) {
                        bytes[place + index] = bytes[other + index]
                    }
                }
            }
            do throws(GGUFError) {
                let file = try GGUFFile(bytes: bytes, name: "f")
                outcomes["opened", default: 0] += 1
                for key in file.metadata.keys { if let value = file.metadata[key] { _ = text(value) } }
                for info in file.tensors {
                    let count = try file.tensor(info.name).withUnsafeBytes { bytes in
                        for byte in bytes where byte == 255 { faults.append("\(info)") }
                        return bytes.count
                    }
                    if count != info.byteCount { faults.append("\(info): \(count) bytes") }
                }
            } catch {
                let name = String(describing: Mirror(reflecting: error).children.first?.label ?? "")
                outcomes[name, default: 0] += 1
                if !error.description.hasPrefix("f: ") { faults.append(error.description) }
            }
        }
        #expect(faults == [])
        // The mutations reach nearly every check, and don't all fail at the first.
        let reached = [
            "opened", "notGGUF", "unsupportedVersion", "truncated", "tooManyKeys", "tooManyTensors", "notUTF8",
            "invalidKey", "unknownValueType", "invalidBool", "invalidAlignment", "invalidTensorName",
            "tooManyDimensions", "unknownTensorType", "sizeOverflow", "partialBlock", "misalignedTensor",
            "tensorBeyondFile", "overlap",
        ]
        #expect(Set(reached).isSubset(of: outcomes.keys), "\(outcomes)")
        #expect(outcomes["opened", default: 0] > 1_000, "\(outcomes)")
    }

    /// Every beginning of a file is refused, or is whole but for its data.
    @Test func prefixes() {
        let seed = Self.seed
        for count in 0..<seed.count {
            let error = thrown { () throws(GGUFError) in try GGUFFile(bytes: Array(seed[..<count]), name: "f") }
            // The last tensor has 8 bytes and 24 of padding.
            #expect((error == nil) == (count >= seed.count - 24), "\(count)")
        }
    }
}
