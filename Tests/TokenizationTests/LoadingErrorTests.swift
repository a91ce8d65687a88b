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

    private static func split(_ pattern: String, behavior: String = "Isolated") -> String {
        #"{"type":"Split","pattern":\#(pattern),"behavior":"\#(behavior)"}"#
    }

    private static func decoders(_ parts: String...) -> String {
        #"{"type":"Sequence","decoders":[\#(parts.joined(separator: ","))]}"#
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
            error as? TokenizerError == .unreadableFile(file: "/nonexistent/tokenizer.json", reason: "no such file")
        }
    }

    @Test func invalidUTF8() {
        #expect(throws: TokenizerError.invalidUTF8(file: "x")) {
            try Tokenizer(json: [0x22, 0xFF, 0x22], name: "x")
        }
    }

    /// The grammar is StrictJSON's; that its errors arrive with their places is this module's.
    @Test(arguments: [
        ("", 1, 1, "expected a value, but the text ends here"),
        ("{\n  \"a\" 1}", 2, 7, "expected ':'"),
        ("[1,\n\n2 3]", 3, 3, "expected ',' or ']'"),
        ("[] []", 1, 4, "unexpected text after the end"),
        ("[\"é\", NaN]", 1, 7, "NaN is not a JSON number"),
        (#"["\ud83d"]"#, 1, 9, "half a surrogate pair"),
        (String(repeating: "[", count: 100_000), 1, 65, "nested deeper than 64 levels"),
    ])
    func invalidJSON(text: String, line: Int, column: Int, reason: String) {
        #expect(throws: TokenizerError.invalidJSON(file: Self.file, line: line, column: column, reason: reason)) {
            try load(text)
        }
    }

    @Test(arguments: [
        (#"{"decoder":{"type":"ByteLevel"}}"#, TokenizerError.missingKey(file: file, key: "model")),
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
        // A key that nothing reads, too.
        (
            tokenizerJSON(addedTokens: #"[{"id":6,"note":1,"note":1}]"#),
            .duplicateKey(file: file, key: "added_tokens[0].note")
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
        (tokenizerJSON(options: #","dropout":0.1"#), .unsupportedModelOption(file: file, option: "dropout")),
        (
            tokenizerJSON(options: #","end_of_word_suffix":"</w>""#),
            .unsupportedModelOption(file: file, option: "end_of_word_suffix")
        ),
        (
            tokenizerJSON(options: #","continuing_subword_prefix":"@""#),
            .unsupportedModelOption(file: file, option: "continuing_subword_prefix")
        ),
        (
            tokenizerJSON(options: #","byte_fall":true"#), .unsupportedOption(file: file, key: "model.byte_fall")
        ),
        (
            tokenizerJSON(normalizer: #"{"type":"NFC","version":3}"#),
            .unsupportedOption(file: file, key: "normalizer.version")
        ),
        (
            tokenizerJSON(preTokenizer: sequence(#"{"type":"Digits","invert":true,"other":null}"#)),
            .unsupportedOption(file: file, key: "pre_tokenizer.pretokenizers[0].invert")
        ),
        (tokenizerJSON(normalizer: #"{"type":"Nmt"}"#), .unsupportedNormalizer(file: file, type: "Nmt")),
        (
            tokenizerJSON(normalizer: #"{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Precompiled"}]}"#),
            .unsupportedNormalizer(file: file, type: "Precompiled")
        ),
        (
            tokenizerJSON(preTokenizer: #"{"type":"UnicodeScripts"}"#),
            .unsupportedPreTokenizer(file: file, type: "UnicodeScripts")
        ),
        (
            tokenizerJSON(preTokenizer: sequence(#"{"type":"BertPreTokenizer"}"#)),
            .unsupportedPreTokenizer(file: file, type: "BertPreTokenizer")
        ),
        (
            tokenizerJSON(preTokenizer: split(#"{"String":"x"}"#, behavior: "Dropped")),
            .invalidValue(file: file, key: "pre_tokenizer.behavior", expected: "a known behavior")
        ),
        (
            tokenizerJSON(preTokenizer: split(#"{"String":""}"#)),
            .invalidValue(file: file, key: "pre_tokenizer.pattern.String", expected: "a text of 1 to 256 characters")
        ),
        (
            tokenizerJSON(preTokenizer: #"{"type":"Metaspace","replacement":"__"}"#),
            .invalidValue(file: file, key: "pre_tokenizer.replacement", expected: "one character")
        ),
        (
            tokenizerJSON(
                preTokenizer:
                    #"{"type":"Metaspace","replacement":"_","add_prefix_space":false,"prepend_scheme":"first"}"#),
            .invalidValue(
                file: file, key: "pre_tokenizer.prepend_scheme",
                expected: "always, first or never, in agreement with add_prefix_space")
        ),
        (
            tokenizerJSON(postProcessor: #"{"type":"BertProcessing"}"#),
            .unsupportedPostProcessor(file: file, type: "BertProcessing")
        ),
        (
            tokenizerJSON(postProcessor: template("[\(textA),\(textA)]", tokens: "{}")),
            .unsupportedPostProcessor(file: file, type: "TemplateProcessing with 2 sequences")
        ),
        (
            tokenizerJSON(postProcessor: template(#"[{"Sequence":{"id":"B","type_id":0}}]"#, tokens: "{}")),
            .invalidValue(file: file, key: "post_processor.single[0].Sequence", expected: "the sequence A")
        ),
        (tokenizerJSON(decoder: #"{"type":"WordPiece"}"#), .unsupportedDecoder(file: file, type: "WordPiece")),
        (
            tokenizerJSON(decoder: decoders(#"{"type":"Fuse"}"#, #"{"type":"ByteFallback"}"#)),
            .unsupportedDecoder(file: file, type: "ByteFallback after Fuse")
        ),
        (
            tokenizerJSON(decoder: decoders(#"{"type":"Fuse"}"#, #"{"type":"ByteLevel"}"#)),
            .unsupportedDecoder(file: file, type: "ByteLevel after Fuse")
        ),
        (
            tokenizerJSON(decoder: #"{"type":"Replace","pattern":{"Regex":"a"},"content":"b"}"#),
            .unsupportedDecoder(file: file, type: "Replace with a regular expression")
        ),
        (
            tokenizerJSON(decoder: #"{"type":"Strip","content":" ","start":-1,"stop":0}"#),
            .invalidValue(file: file, key: "decoder.start", expected: "a count up to 1000")
        ),
    ])
    func unsupported(json: String, error: TokenizerError) {
        #expect(throws: error) { try load(json) }
    }

    /// What ``Pattern`` does not know, and what is too large.
    @Test(arguments: [
        "a**", "(?<=a)b", "(?!a)+", "(?=a)*", "$+", "(a*)*", "(a|b?)+", "(ab)++", "(ab){2}+", "a{,2}+", "a{2}?",
        "(?>a)",
        "(?i)a", #"\\1"#, #"\\p{Han}"#, #"\\p{}"#, #"\\pL"#, "[a&&b]", "[[a]]", "[", "[]", "[z-a]", #"[a-\\s]"#, "(a",
        "a)",
        "*", "(?i:ä)", "(?i:[a-b])", "a{3,2}", "a{", "a{,}", "a{1001}", "(?<n>a)", "(?:ab){90}(?:cd){90}",
        "(?:a{100}){100}",
        "(?:(?:(?:(?:a{999}){999}){999}){999}){999}", String(repeating: "a", count: 4001),
        String(repeating: "(a)", count: 33),
    ])
    func patternsThatAreNotKnown(pattern: String) {
        let json = tokenizerJSON(preTokenizer: Self.split(#"{"Regex":"\#(pattern)"}"#))
        let source = pattern.replacing(#"\\"#, with: #"\"#)
        #expect(throws: TokenizerError.unsupportedPattern(file: Self.file, pattern: source)) { try load(json) }
    }

    @Test(arguments: [
        (
            tokenizerJSON(vocabulary: #"{"a":0,"b":0}"#),
            TokenizerError.duplicateTokenID(file: file, id: 0, first: "a", second: "b")
        ),
        (
            tokenizerJSON(vocabulary: #"{"a":0,"b":3,"ab":2}"#),
            .duplicateTokenID(file: file, id: 3, first: "b", second: "<s>")
        ),
        (tokenizerJSON(vocabulary: #"{"a":0,"\u0061":1}"#), .duplicateKey(file: file, key: "model.vocab.a")),
        (tokenizerJSON(vocabulary: #"{"a":-1}"#), .tokenIDOutOfRange(file: file, token: "a", id: -1)),
        (tokenizerJSON(vocabulary: #"{"a":4194305}"#), .tokenIDOutOfRange(file: file, token: "a", id: 4_194_305)),
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
