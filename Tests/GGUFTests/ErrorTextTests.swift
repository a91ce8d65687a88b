import GGUF
import Testing

/// What a person reads of an error.
@Suite struct ErrorTextTests {
    /// One error of each case, and the words that its text must hold.
    static let errors: [(GGUFError, [String])] = [
        (.unreadable(file: "F", reason: "R"), ["F", "R"]), (.notGGUF(file: "F"), ["F", "GGUF"]),
        (.unwritable(file: "F", reason: "R"), ["F", "written", "R"]),
        (.unsupportedVersion(file: "F", version: 1), ["F", "1", "2 and 3"]), (.bigEndian(file: "F"), ["F", "big"]),
        (.truncated(file: "F", place: "P", byteCount: 12, remaining: 3), ["F", "P", "12", "3"]),
        (.tooManyKeys(file: "F", count: 12, remaining: 3), ["F", "12", "3", "keys"]),
        (.tooManyTensors(file: "F", count: 12, remaining: 3), ["F", "12", "3", "tensors"]),
        (.notUTF8(file: "F", place: "P"), ["F", "P", "UTF-8"]),
        (.invalidKey(file: "F", place: "P", byteCount: 70_000), ["F", "P", "70000"]),
        (.duplicateKey(file: "F", key: "K"), ["F", "K", "twice"]),
        (.unknownValueType(file: "F", key: "K", type: 13), ["F", "K", "13"]),
        (.invalidBool(file: "F", key: "K", value: 7), ["F", "K", "7"]),
        (.nestedTooDeeply(file: "F", key: "K", limit: 8), ["F", "K", "8"]),
        (.invalidAlignment(file: "F", value: "48"), ["F", "general.alignment", "48"]),
        (.invalidTensorName(file: "F", place: "P", byteCount: 65), ["F", "P", "65"]),
        (.duplicateTensor(file: "F", tensor: "T"), ["F", "tensor T", "twice"]),
        (.tooManyDimensions(file: "F", tensor: "T", count: 5), ["F", "T", "5"]),
        (.unknownTensorType(file: "F", tensor: "T", type: 99), ["F", "T", "99"]),
        (.sizeOverflow(file: "F", tensor: "T", shape: [12, 34]), ["F", "T", "[12, 34]"]),
        (.partialBlock(file: "F", tensor: "T", type: .q4K, rowLength: 100), ["F", "T", "Q4_K", "100", "256"]),
        (.misalignedTensor(file: "F", tensor: "T", offset: 12, alignment: 32), ["F", "T", "12", "32"]),
        (.tensorBeyondFile(file: "F", tensor: "T", end: 12, dataByteCount: 3), ["F", "T", "12", "3"]),
        (.overlap(file: "F", tensor: "T", begin: 12, previous: "U", previousEnd: 34), ["F", "T", "12", "U", "34"]),
        (.missingTensor(file: "F", tensor: "T"), ["F", "T", "missing"]),
        (.wrongValueType(file: "F", key: "K", found: "A", expected: "B"), ["F", "K", "A", "B"]),
        (.wrongShardName(file: "F", suffix: "-00001-of-00002.gguf"), ["F", "-00001-of-00002.gguf"]),
        (.notFirstShard(file: "F", number: 2, first: "G"), ["F", "2", "G"]),
        (.invalidSplit(file: "F", key: "K", reason: "R"), ["F", "K", "R"]),
        (.shardMismatch(file: "F", key: "K", found: 1, expected: 2), ["F", "K", "1", "2"]),
        (.shardMismatch(file: "F", key: "K", found: nil, expected: 2), ["F", "K", "missing", "2"]),
        (.wrongTensorCount(file: "F", expected: 1, found: 2), ["F", "1", "2"]),
    ]

    @Test func everyCase() {
        for (error, words) in Self.errors {
            for word in words { #expect(error.description.contains(word), "\(error)") }
        }
        #expect(Set(Self.errors.map(\.0.description)).count == Self.errors.count)
    }

    /// A name may hold what ends a line, clears a terminal or turns the direction of the text.
    @Test func foreignNames() {
        let text = GGUFError.missingTensor(file: "f", tensor: "a\nb\u{1b}[2J\u{202e}é 😀").description
        #expect(text == "f: tensor a\\nb\\u{1B}[2J\\u{202E}é 😀 is missing")
        let long = GGUFError.duplicateKey(file: "f", key: String(repeating: "k", count: 60_000)).description
        #expect(long.unicodeScalars.count == 2_001 && long.hasSuffix("…"))
    }
}
