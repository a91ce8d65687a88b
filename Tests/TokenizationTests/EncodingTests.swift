import TestSupport
import Testing
import Tokenization

@Suite struct EncodingTests {
    @Test(arguments: ["gpt2", "llama3"])
    func randomTextRoundTrips(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        #expect(tokenizer.unencodableBytes.isEmpty)
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<2000 {
            let text = generator.text(maximumCount: 40)
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            #expect(try scalars(tokenizer.decode(ids)) == scalars(text))
        }
    }

    /// Merging costs O(n log n); a quadratic merge would take minutes here.
    @Test func longWordsEncode() throws {
        let tokenizer = try load(
            tokenizerJSON(
                vocabulary: #"{"a":0,"b":1,"aa":2,"aaaa":3,"ba":4}"#,
                merges: #"[["a","a"],["aa","aa"],["b","a"]]"#))
        #expect(tokenizer.encode(String(repeating: "a", count: 200_000)) == Array(repeating: 3, count: 50_000))
        #expect(tokenizer.encode(String(repeating: "ba", count: 100_000)) == Array(repeating: 4, count: 100_000))
        let trained = try Goldens.tokenizer("gpt2")
        var generator = SeededGenerator(seed: 11)
        let word = String((0..<200_000).map { _ in "etaoinshrdlu".randomElement(using: &generator) ?? "e" })
        let ids = trained.encode(word)
        #expect(ids.count < 180_000)
        #expect(try trained.decode(ids) == word)
    }

    @Test func addedTokensAreFoundInNormalizedTextInTheirNormalizedForm() throws {
        let flags = #""single_word":false,"lstrip":false,"rstrip":false,"special":false"#
        let tokenizer = try load(
            tokenizerJSON(
                addedTokens: "[{\"id\":6,\"content\":\"i\u{308}\",\"normalized\":true,\(flags)},"
                    + "{\"id\":7,\"content\":\"o\u{308}\",\"normalized\":false,\(flags)}]",
                normalizer: #"{"type":"NFC"}"#))
        #expect(tokenizer.encode("a\u{EF}b i\u{308}") == [0, 6, 1, 5, 6])
        #expect(tokenizer.encode("a\u{F6}bo\u{308}") == [0, 3, 1, 7], "of U+00F6 only the byte C3 is a token")
        #expect(tokenizer.encode("e\u{301}") == [3, 4])
    }

    @Test func lowestRankIsMergedFirstAndOfEqualRanksTheLeftmost() throws {
        let tokenizer = try load(
            tokenizerJSON(
                addedTokens: "[]",
                vocabulary: #"{"a":0,"b":1,"c":2,"bc":3,"ab":4,"aa":5,"abc":6}"#,
                merges: #"[["b","c"],["a","a"],["a","b"],["ab","c"]]"#))
        #expect(tokenizer.encode("abc") == [0, 3])
        #expect(tokenizer.encode("aaa") == [5, 0])
        #expect(tokenizer.encode("aaab") == [5, 4])
        #expect(tokenizer.encode("ab") == [4])
    }

    @Test func ignoringMergesFindsWholeWords() throws {
        let vocabulary = #"{"a":0,"b":1,"ab":2,"ba":3,"Ã":4,"©":5}"#
        let merging = try load(tokenizerJSON(vocabulary: vocabulary))
        let ignoring = try load(tokenizerJSON(options: #","ignore_merges":true"#, vocabulary: vocabulary))
        #expect(merging.encode("ba") == [1, 0])
        #expect(ignoring.encode("ba") == [3])
        #expect(ignoring.encode("bab") == [1, 2])
        #expect(ignoring.encode("<s>", parseSpecialTokens: false).isEmpty, "a word is never an added token")
    }

    @Test func bytesWithoutTokensAreDroppedOrUnknown() throws {
        let vocabulary = #"{"a":0,"b":1,"ab":2,"?":3}"#
        let dropping = try load(tokenizerJSON(vocabulary: vocabulary))
        #expect(dropping.encode("axyb") == [2])
        #expect(dropping.unencodableBytes.contains(UInt8(ascii: "x")))
        #expect(!dropping.unencodableBytes.contains(0xFF), "0xFF does not occur in UTF-8")
        let unknown = try load(tokenizerJSON(options: #","unk_token":"?""#, vocabulary: vocabulary))
        #expect(unknown.encode("axyb") == [0, 3, 3, 1])
        #expect(unknown.unencodableBytes.isEmpty)
        let fused = try load(tokenizerJSON(options: #","unk_token":"?","fuse_unk":true"#, vocabulary: vocabulary))
        #expect(fused.encode("axybx") == [0, 3, 1, 3])
    }

    /// `String` takes "é" and "e" with a combining accent for equal; they are two tokens.
    @Test func canonicallyEquivalentTokensAreDifferent() throws {
        let flags = #""single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false"#
        let tokenizer = try load(
            tokenizerJSON(
                addedTokens:
                    "[{\"id\":5,\"content\":\"\u{E9}\",\(flags)},{\"id\":6,\"content\":\"e\u{301}\",\(flags)}]",
                vocabulary: "{\"a\":0,\"b\":1,\"ab\":2,\"\u{1EC7}\":3,\"e\u{323}\u{302}\":4}"))
        #expect(tokenizer.vocabularySize == 7)
        #expect(tokenizer.id(token: "\u{E9}") == 5 && tokenizer.id(token: "e\u{301}") == 6)
        #expect(tokenizer.id(token: "\u{1EC7}") == 3 && tokenizer.id(token: "e\u{323}\u{302}") == 4)
        #expect(tokenizer.encode("a\u{E9}e\u{301}a") == [0, 5, 6, 0])
        #expect(try scalars(tokenizer.decode([6])) == [0x65, 0x301])
    }

    @Test func mergesAreStringsOrPairs() throws {
        let pairs = try load(tokenizerJSON(merges: #"[["a","b"]]"#))
        let strings = try load(tokenizerJSON(merges: #"["a b"]"#))
        #expect(pairs.encode("abab") == [2, 2])
        #expect(strings.encode("abab") == [2, 2])
    }

    @Test func templateSurroundsTheText() throws {
        let template = #"""
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
            {"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"<s>","type_id":0}}],"pair":[],
            "special_tokens":{"<s>":{"id":"<s>","ids":[6,0],"tokens":["<s>","a"]}}}
            """#
        let tokenizer = try load(tokenizerJSON(postProcessor: template))
        #expect(tokenizer.encode("b") == [6, 0, 1, 6, 0])
        #expect(tokenizer.encode("") == [6, 0, 6, 0])
        #expect(tokenizer.encode("b", addSpecialTokens: false) == [1])
    }

    @Test func jsonEscapesAndWhitespaceAreRead() throws {
        let tokenizer = try load(
            tokenizerJSON(
                vocabulary: #" { "\u0061" : 0 , "b":1,"ab":2, "\ud83d\ude00":3,"\"\\\/\b\f\n\r\t":4 } "#))
        #expect(tokenizer.encode("ab") == [2])
        #expect(tokenizer.id(token: "😀") == 3)
        #expect(tokenizer.id(token: "\"\\/\u{8}\u{c}\n\r\t") == 4)
    }
}
