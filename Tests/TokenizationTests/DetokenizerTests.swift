import TestSupport
import Testing
import Tokenization

@Suite struct DetokenizerTests {
    /// A vocabulary of single bytes only: each id is a byte.
    private static func byteTokenizer() throws -> Tokenizer {
        var shifted: UInt32 = 0x100
        var members: [String] = []
        for byte in 0...UInt8.max {
            let isPrintable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
            let value = isPrintable ? UInt32(byte) : shifted
            if !isPrintable { shifted += 1 }
            let key = String(value, radix: 16)
            members.append("\"\\u" + String(repeating: "0", count: 4 - key.count) + key + "\":\(byte)")
        }
        return try load(
            tokenizerJSON(addedTokens: "[]", vocabulary: "{\(members.joined(separator: ","))}", merges: "[]"))
    }

    private static func pieces(_ bytes: [UInt8]) throws -> [String] {
        var detokenizer = try byteTokenizer().makeDetokenizer()
        var pieces: [String] = []
        for byte in bytes { pieces.append(try detokenizer.append(Int(byte))) }
        return pieces + [detokenizer.finish()]
    }

    @Test func charactersComeWithTheirLastByte() throws {
        #expect(try Self.pieces(Array("a😀é字".utf8)) == ["a", "", "", "", "😀", "", "é", "", "", "字", ""])
        // A combining mark is a scalar of its own and does not wait for a grapheme cluster.
        #expect(try Self.pieces(Array("e\u{301}".utf8)).map(scalars) == [[0x65], [], [0x301], []])
    }

    @Test(arguments: [
        ([0xF0, 0x9F, 0x98], ["", "", "", "\u{FFFD}"]),
        ([0x80], ["\u{FFFD}", ""]),
        ([0xC3, 0x41], ["", "\u{FFFD}A", ""]),
        ([0xE0, 0x80], ["", "\u{FFFD}\u{FFFD}", ""]),
        ([0xED, 0xA0, 0x80], ["", "\u{FFFD}\u{FFFD}", "\u{FFFD}", ""]),
        ([0xF4, 0x90], ["", "\u{FFFD}\u{FFFD}", ""]),
        ([0xF0, 0x9F, 0x41], ["", "", "\u{FFFD}A", ""]),
        ([0xE5, 0xAD, 0xE5, 0xAD, 0x97], ["", "", "\u{FFFD}", "", "字", ""]),
        ([0xFF, 0xC0, 0xF5], ["\u{FFFD}", "\u{FFFD}", "\u{FFFD}", ""]),
    ])
    func invalidBytesBecomeReplacementCharacters(bytes: [UInt8], expected: [String]) throws {
        #expect(try Self.pieces(bytes) == expected)
    }

    @Test func concatenationEqualsDecode() throws {
        for name in Goldens.names {
            let tokenizer = try Goldens.tokenizer(name)
            var generator = SeededGenerator(seed: 3)
            for round in 0..<300 {
                var ids: [Int] = []
                for _ in 0..<20 { ids.append(Int.random(in: 0..<tokenizer.vocabularySize, using: &generator)) }
                let skips = round.isMultiple(of: 2)
                var detokenizer = tokenizer.makeDetokenizer(skipSpecialTokens: skips)
                var text = ""
                for id in ids { text += try detokenizer.append(id) }
                text += detokenizer.finish()
                #expect(try scalars(text) == scalars(tokenizer.decode(ids, skipSpecialTokens: skips)))
            }
        }
    }

    @Test func everySplitOfBytesGivesTheSameText() throws {
        let tokenizer = try Self.byteTokenizer()
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            // Valid text with a few bytes broken.
            var bytes = Array(generator.text(maximumCount: 8).utf8)
            for _ in 0..<2 where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let whole = try tokenizer.decode(bytes.map(Int.init))
            #expect(try scalars(Self.joined(bytes, tokenizer)) == scalars(whole))
        }
    }

    private static func joined(_ bytes: [UInt8], _ tokenizer: Tokenizer) throws -> String {
        var detokenizer = tokenizer.makeDetokenizer()
        var text = ""
        for byte in bytes { text += try detokenizer.append(Int(byte)) }
        return text + detokenizer.finish()
    }

    @Test func specialTokensAreSkippedOnRequest() throws {
        let tokenizer = try load(tokenizerJSON())
        #expect(try tokenizer.decode([0, 6, 3, 4]) == "a<s>é")
        #expect(try tokenizer.decode([0, 6, 3, 4], skipSpecialTokens: true) == "aé")
        var detokenizer = tokenizer.makeDetokenizer(skipSpecialTokens: true)
        #expect(try detokenizer.append(3) == "")
        #expect(try detokenizer.append(6) == "")
        #expect(try detokenizer.append(4) == "é")
    }

    /// Of the special tokens, those that are kept have text.
    @Test func keptSpecialTokens() throws {
        let tokenizer = try load(tokenizerJSON())
        for (kept, text) in [([6], "a<s>é"), ([], "aé"), ([0, 3], "aé")] as [([Int], String)] {
            var detokenizer = tokenizer.makeDetokenizer(keeping: Set(kept))
            #expect(try [0, 6, 3, 4].map { try detokenizer.append($0) }.joined() + detokenizer.finish() == text)
        }
        // Those of a prompt are kept as well: a text begins after them.
        var continued = tokenizer.makeDetokenizer(after: [0, 6], keeping: [6])
        #expect(try [3, 4].map { try continued.append($0) }.joined() == "é")
    }

    @Test func unknownIDsAreErrors() throws {
        let tokenizer = try load(tokenizerJSON())
        var detokenizer = tokenizer.makeDetokenizer()
        #expect(try detokenizer.append(3) == "")
        for id in [7, -1, Int.max] {
            let error = TokenizerError.unknownTokenID(id: id, vocabularySize: 7)
            #expect(throws: error) { try tokenizer.decode([0, id]) }
            #expect(throws: error) { try detokenizer.append(id) }
        }
        #expect(try detokenizer.append(4) == "é", "an error leaves the state alone")
        _ = try detokenizer.append(3)
        #expect(detokenizer.finish() == "\u{FFFD}")
        #expect(detokenizer.finish() == "", "finish starts anew")
    }
}
