import Safetensors
import Testing

/// What a person reads of an error.
@Suite struct ErrorTextTests {
    /// One error of each case, and the words that its text must hold.
    static let errors: [(SafetensorsError, [String])] = [
        (.unreadable(file: "F", reason: "R"), ["F", "R"]), (.noCheckpoint(directory: "D"), ["D", "model.safetensors"]),
        (.tooShort(file: "F", byteCount: 7), ["F", "7"]),
        (.headerTooLarge(file: "F", byteCount: 123_456_789), ["F", "123456789", "100,000,000"]),
        (.headerBeyondFile(file: "F", headerByteCount: 12, fileByteCount: 34), ["F", "12", "34"]),
        (.headerNotUTF8(file: "F"), ["F", "UTF-8"]), (.headerNotAnObject(file: "F"), ["F", "{"]),
        (.malformedHeader(file: "F", offset: 12, reason: "R"), ["F", "12", "R"]),
        (.duplicateKey(file: "F", key: "K"), ["F", "K", "twice"]),
        (.unknownDType(file: "F", tensor: "T", name: "N"), ["F", "T", "N"]),
        (.missingField(file: "F", tensor: "T", field: "shape"), ["F", "T", "shape", "missing"]),
        (.unknownField(file: "F", tensor: "T", field: "strides"), ["F", "T", "strides", "unknown"]),
        (.sizeOverflow(file: "F", tensor: "T", shape: [12, 34]), ["F", "T", "[12, 34]", "large"]),
        (.unalignedSize(file: "F", tensor: "T", shape: [12, 34]), ["F", "T", "[12, 34]", "whole bytes"]),
        (.reversedOffsets(file: "F", tensor: "T", begin: 12, end: 3), ["F", "T", "12", "3"]),
        (.tensorBeyondFile(file: "F", tensor: "T", end: 12, dataByteCount: 3), ["F", "T", "12", "3"]),
        (.wrongByteCount(file: "F", tensor: "T", expected: 12, found: 3), ["F", "T", "12", "3"]),
        (.overlap(file: "F", tensor: "T", begin: 12, previousEnd: 34), ["F", "T", "12", "34", "before"]),
        (.hole(file: "F", tensor: "T", begin: 34, previousEnd: 12), ["F", "T", "12", "34", "but"]),
        (.trailingBytes(file: "F", byteCount: 12), ["F", "12", "follow"]),
        (.missingTensor(file: "F", tensor: "T"), ["F", "T", "missing"]),
        (
            .wrongDType(file: "F", tensor: "T", found: .uint8, expected: [.int64, .int32]),
            ["F", "T", "U8", "I64 or I32"]
        ),
        (.malformedIndex(file: "F", reason: "R"), ["F", "R"]),
        (.shardOutsideFolder(file: "F", shard: "../S"), ["F", "../S"]),
        (.tensorNotInShard(file: "F", tensor: "T", shard: "S"), ["F", "T", "S", "no tensor"]),
        (.tensorNotInIndex(file: "F", tensor: "T", shard: "S"), ["F", "T", "S", "does not place"]),
        (.unwritable(file: "F", reason: "R"), ["F", "R"]),
        (.invalidShape(tensor: "T", dtype: .float4, shape: [-1]), ["T", "F4", "[-1]"]),
        (.inconsistentTensor(tensor: "T", expected: 12, found: 3), ["T", "12", "3"]),
        (.invalidName(tensor: "T"), ["T", "taken"]),
    ]

    @Test func everyCase() {
        for (error, words) in Self.errors {
            for word in words { #expect(error.description.contains(word), "\(error)") }
        }
        // No text serves two cases, but for those that say no more than file, place and reason.
        #expect(Set(Self.errors.map(\.0.description)).count >= Self.errors.count - 2)
    }

    /// A name may hold what ends a line, clears a terminal or turns the direction of the text.
    @Test func foreignNames() {
        let name = "a\nb\r\u{1b}[2J\0\u{7f}\u{9b}1m\u{85}\u{2028}\u{202e}\u{feff}é \u{1f600}"
        let text = SafetensorsError.missingTensor(file: "f", tensor: name).description
        #expect(
            text
                == "f: tensor a\\nb\\r\\u{1B}[2J\\0\\u{7F}\\u{009B}1m\\u{0085}\\u{2028}\\u{202E}\\u{FEFF}é 😀 is missing"
        )
    }

    @Test func longTexts() {
        let text = SafetensorsError.sizeOverflow(file: "f", tensor: "t", shape: [Int](repeating: 9, count: 10_000))
        #expect(text.description.unicodeScalars.count == 2_001)
        #expect(text.description.hasPrefix("f: tensor t: shape [9, 9, ") && text.description.hasSuffix("…"))
    }
}
