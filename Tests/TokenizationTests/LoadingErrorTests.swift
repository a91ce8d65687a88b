import Foundation
import Testing
import Tokenization

@Suite struct LoadingErrorTests {
    private static func addedToken(id: Int, content: String) -> String {
        "[{\"id\":\(id),\"content\":\"\(content)\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
            + "\"normalized\":false,\"special\":true}]"
    }

    private static func sequence(_ first: String) -> String {
        #"{"type":"Sequence","pretokenizers":[\#(first),{"type":"ByteLevel"}]}"#
    }

    private static func template(_ single: String, tokens: String) -> String {
        #"{"type":"TemplateProcessing","single":\#(single),"special_tokens":\#(tokens)}"#
    }

    private static let file = "t.json"
    private static let textA = #"{"Sequence":{"id":"A","type_id":0}}"#
    private static let special = #"{"SpecialToken":{"id":"<s>","type_id":0}}"#

    @Test func theBaseFileLoads() throws {
        #expect(try load(tokenizerJSON()).encode("ab <s>é") == [2, 5, 6, 3, 4])
    }

    @Test func unreadableFile() {
        #expect {
            try Tokenizer(contentsOfFile: "/nonexistent/tokenizer.json")
        } throws: { error in
            guard case .unreadableFile(let file, let reason) = error as? TokenizerError else { return false }
            return file == "/nonexistent/tokenizer.json" && !reason.isEmpty
        }
    }

    @Test func invalidUTF8() {
        #expect(throws: TokenizerError.invalidUTF8(file: "x")) {
            try Tokenizer(json: [0x22, 0xFF, 0x22], name: "x")
        }
    }

    @Test(arguments: [
        ("", 0, "the text ends early"),
        ("{", 1, "expected a key"),
        ("{1", 1, "expected a key"),
        (#"{"a" 1}"#, 5, "expected ':'"),
        (#"{"a":1"#, 6, "expected '}'"),
        ("[1,", 3, "the text ends early"),
        ("[1 2]", 3, "expected ']'"),
        ("[] []", 3, "text after the value"),
        (#"["a"#, 3, "the text ends inside a string"),
        (#"["\"#, 3, "the text ends inside a string"),
        (#"["\x"]"#, 4, "unknown escape"),
        (#"["\u12g4"]"#, 6, "expected four hexadecimal digits"),
        (#"["\ud83d"]"#, 8, "lone surrogate"),
        (#"["\ude00"]"#, 8, "lone surrogate"),
        (#"["\ud83dA"]"#, 8, "lone surrogate"),
        (#"["\ud83d\u0041"]"#, 14, "lone surrogate"),
        ("[\"\n\"]", 2, "control character in a string"),
        ("[tru]", 1, "expected true"),
        ("[nul", 1, "expected null"),
        ("[01]", 3, "number with a leading zero"),
        ("[-]", 2, "expected a value"),
        ("[1.]", 3, "expected a digit"),
        ("[1e+]", 4, "expected a digit"),
        ("[+1]", 1, "expected a value"),
        (String(repeating: "[", count: 100_000), 64, "nested deeper than 64"),
    ])
    func invalidJSON(text: String, offset: Int, reason: String) {
        #expect(throws: TokenizerError.invalidJSON(file: Self.file, offset: offset, reason: reason)) {
            try load(text)
        }
    }

    @Test(arguments: [
        (#"{"decoder":{"type":"ByteLevel"}}"#, TokenizerError.missingKey(file: file, key: "pre_tokenizer")),
        (tokenizerJSON(decoder: "null"), .missingKey(file: file, key: "decoder")),
        (tokenizerJSON(normalizer: "{}"), .missingKey(file: file, key: "normalizer.type")),
        (
            tokenizerJSON(preTokenizer: #"{"type":"Sequence"}"#),
            .missingKey(file: file, key: "pre_tokenizer.pretokenizers")
        ),
        (tokenizerJSON(addedTokens: #"[{"id":6}]"#), .missingKey(file: file, key: "added_tokens[0].content")),
        (
            tokenizerJSON(options: #","byte_fallback":false,"byte_fallback":true"#),
            .duplicateKey(file: file, key: "model.byte_fallback")
        ),
        ("[]", .invalidValue(file: file, key: "the top level", expected: "an object")),
        (tokenizerJSON(vocabulary: "[]"), .invalidValue(file: file, key: "model.vocab", expected: "an object")),
        (
            tokenizerJSON(vocabulary: #"{"a":1.5}"#),
            .invalidValue(file: file, key: "model.vocab.a", expected: "an integer")
        ),
        (tokenizerJSON(merges: "{}"), .invalidValue(file: file, key: "model.merges", expected: "an array")),
        (
            tokenizerJSON(options: #","ignore_merges":1"#),
            .invalidValue(file: file, key: "model.ignore_merges", expected: "true or false")
        ),
        (tokenizerJSON(type: "3"), .invalidValue(file: file, key: "model.type", expected: "a string")),
    ])
    func structure(json: String, error: TokenizerError) {
        #expect(throws: error) { try load(json) }
    }

    @Test(arguments: [
        (tokenizerJSON(type: #""WordPiece""#), TokenizerError.unsupportedModel(file: file, type: "WordPiece")),
        (tokenizerJSON(type: #""Unigram""#), .unsupportedModel(file: file, type: "Unigram")),
        (
            tokenizerJSON(options: #","byte_fallback":true"#),
            .unsupportedModelOption(file: file, option: "byte_fallback")
        ),
        (tokenizerJSON(options: #","dropout":0.1"#), .unsupportedModelOption(file: file, option: "dropout")),
        (
            tokenizerJSON(options: #","end_of_word_suffix":"</w>""#),
            .unsupportedModelOption(file: file, option: "end_of_word_suffix")
        ),
        (
            tokenizerJSON(options: #","continuing_subword_prefix":"@""#),
            .unsupportedModelOption(file: file, option: "continuing_subword_prefix")
        ),
        (tokenizerJSON(normalizer: #"{"type":"Lowercase"}"#), .unsupportedNormalizer(file: file, type: "Lowercase")),
        (
            tokenizerJSON(preTokenizer: #"{"type":"Metaspace"}"#),
            .unsupportedPreTokenizer(file: file, type: "that does not end in ByteLevel")
        ),
        (
            tokenizerJSON(preTokenizer: sequence(#"{"type":"Punctuation"}"#)),
            .unsupportedPreTokenizer(file: file, type: "Punctuation")
        ),
        (
            tokenizerJSON(preTokenizer: sequence(#"{"type":"Split","pattern":{"Regex":"x"},"behavior":"Removed"}"#)),
            .unsupportedPreTokenizer(file: file, type: "Split with behavior Removed or inverted")
        ),
        (
            tokenizerJSON(
                preTokenizer: sequence(#"{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Isolated"}"#)),
            .unsupportedPattern(file: file, pattern: #"\w+"#)
        ),
        (
            tokenizerJSON(postProcessor: #"{"type":"BertProcessing"}"#),
            .unsupportedPostProcessor(file: file, type: "BertProcessing")
        ),
        (
            tokenizerJSON(postProcessor: template("[\(textA),\(textA)]", tokens: "{}")),
            .unsupportedPostProcessor(file: file, type: "TemplateProcessing with 2 sequences")
        ),
        (tokenizerJSON(decoder: #"{"type":"WordPiece"}"#), .unsupportedDecoder(file: file, type: "WordPiece")),
    ])
    func unsupported(json: String, error: TokenizerError) {
        #expect(throws: error) { try load(json) }
    }

    @Test(arguments: [
        (
            tokenizerJSON(vocabulary: #"{"a":0,"b":0}"#),
            TokenizerError.duplicateTokenID(file: file, id: 0, first: "a", second: "b")
        ),
        (
            tokenizerJSON(addedTokens: addedToken(id: 5, content: "<s>")),
            .duplicateTokenID(file: file, id: 5, first: "Ġ", second: "<s>")
        ),
        (tokenizerJSON(vocabulary: #"{"a":0,"\u0061":1}"#), .duplicateToken(file: file, token: "a")),
        (tokenizerJSON(vocabulary: #"{"a":-1}"#), .tokenIDOutOfRange(file: file, token: "a", id: -1)),
        (tokenizerJSON(vocabulary: #"{"a":4194305}"#), .tokenIDOutOfRange(file: file, token: "a", id: 4_194_305)),
        (
            tokenizerJSON(addedTokens: addedToken(id: 9, content: "a")),
            .conflictingTokenID(file: file, token: "a", vocabularyID: 0, addedID: 9)
        ),
        (tokenizerJSON(addedTokens: addedToken(id: 9, content: "")), .emptyAddedToken(file: file, id: 9)),
        (tokenizerJSON(merges: #"[["a","b"],["a"]]"#), .malformedMerge(file: file, index: 1)),
        (tokenizerJSON(merges: #"["a b","ab"]"#), .malformedMerge(file: file, index: 1)),
        (tokenizerJSON(merges: #"["a b c"]"#), .malformedMerge(file: file, index: 0)),
        (tokenizerJSON(merges: #"[["x","b"]]"#), .unknownMergeToken(file: file, index: 0, token: "xb")),
        (tokenizerJSON(vocabulary: #"{"a":0,"ab":1}"#), .unknownMergeToken(file: file, index: 0, token: "b")),
        (tokenizerJSON(merges: #"[["a","b"],["b","a"]]"#), .unknownMergeToken(file: file, index: 1, token: "ba")),
        (tokenizerJSON(options: #","unk_token":"<unk>""#), .missingUnknownToken(file: file, token: "<unk>")),
        (
            tokenizerJSON(postProcessor: template("[\(special),\(textA)]", tokens: #"{"<s>":{"ids":[77]}}"#)),
            .unknownTemplateToken(file: file, id: 77)
        ),
        (
            tokenizerJSON(postProcessor: template("[\(special),\(textA)]", tokens: "{}")),
            .missingKey(file: file, key: "post_processor.special_tokens.<s>")
        ),
    ])
    func inconsistent(json: String, error: TokenizerError) {
        #expect(throws: error) { try load(json) }
    }

    @Test func descriptionsNameTheFileAndTheCulprit() {
        let error = TokenizerError.unknownMergeToken(file: "dir/tokenizer.json", index: 12, token: "Ġx")
        #expect("\(error)".contains("dir/tokenizer.json") && "\(error)".contains("12") && "\(error)".contains("Ġx"))
        #expect((error as any Error).localizedDescription == error.description)
    }
}
