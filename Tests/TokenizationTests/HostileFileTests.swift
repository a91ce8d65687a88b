import TestSupport
import Testing
import Tokenization

/// Small files that could take for ever, fill the memory or exhaust the stack.
@Suite struct HostileFileTests {
    private static func sequence(_ name: String, _ parts: [String]) -> String {
        #"{"type":"Sequence","\#(name)":[\#(parts.joined(separator: ","))]}"#
    }

    private static func replace(_ pattern: String, _ content: String) -> String {
        #"{"type":"Replace","pattern":{"String":"\#(pattern)"},"content":"\#(content)"}"#
    }

    private static func isExcessive(_ component: String, _ json: String) -> Bool {
        do throws(TokenizerError) {
            _ = try load(json)
        } catch .excessiveComponent(_, component, _) {
            return true
        } catch {}
        return false
    }

    /// Texts in which a backtracking matcher takes a number of steps that is a power of their length, or worse.
    @Test(arguments: [
        (#"\\s+\\s+\\s+\\s+x"#, " "), (#"\\s+$"#, " "), (#"\\s++$"#, " "), (#"(\\s*)\\s*\\s*x|\\s*y"#, " "),
        ("(?:a+)+b", "a"),
        ("(?:a|aa)+b", "a"), ("(?:a|aa|aaa){1,30}b", "a"), ("(?:x+x+)+y", "x"), ("a*+b", "a"), ("a*?b", "a"),
        ("a(?=a*b)", "a"), ("a(?!a*b)c", "a"), ("a(?=a*c)b", "a"), ("(?:a(?=(?:aa)*b)|a(?=(?:aaa)*b))c", "a"),
        ("a{0,100}b", "a"),
        ("(a?){30}a{30}b", "a"), (".*.*=.*", "a"), ("(?:a(?!.*x)|b)+c", "a"), (#"\\b\\w+@"#, "a"),
        ("(?:^.+\\n?)+$x", "a"), ("a{0,900}b", "a"), ("a{0,900}?b", "a"), ("(?:a{3,500}b|a{0,1000}c)x", "a"),
        ("(?=a{9,900}b)a", "a"), ("(?:a{0,99}x|a{1,300}y){1,9}z", "a"), ("(?:a{20,}b)?a{1,30}c", "a"),
    ])
    func matchingTakesLinearTime(pattern: String, unit: String) throws {
        let split = #"{"type":"Split","pattern":{"Regex":"\#(pattern)"},"behavior":"Isolated"}"#
        let vocabulary = #"{"a":0,"x":1,"y":2," ":3,"!":4}"#
        let tokenizer = try load(
            tokenizerJSON(addedTokens: "[]", preTokenizer: split, vocabulary: vocabulary, merges: "[]"))
        for end in ["", "!", "y"] {
            let text = String(repeating: unit, count: 50_000) + end
            #expect(tokenizer.encode(text).count == text.count)
        }
    }

    /// Added tokens that nearly match everywhere, and white space that each of many tokens would take.
    @Test func addedTokensAreFoundInLinearTime() throws {
        func added(_ contents: [String]) -> String {
            let tokens = contents.map {
                #"{"id":9,"content":"\#($0)","single_word":false,"lstrip":true,"rstrip":true,"normalized":false,"special":false}"#
            }
            return "[" + tokens.joined(separator: ",") + "]"
        }
        let long = String(repeating: "a", count: 20_000)
        let tokenizer = try load(tokenizerJSON(addedTokens: added([long + "b", "b" + long, " ", "  c"])))
        #expect(tokenizer.encode(String(repeating: "a", count: 300_000)).count == 300_000)
        #expect(tokenizer.encode(String(repeating: " ", count: 300_000)).count == 1)
        #expect(tokenizer.encode("a" + String(repeating: " ", count: 300_000) + "a").count == 3)
    }

    @Test func textsDoNotGrowBeyondBounds() {
        let doubling = Self.replace("a", "aa")
        let metaspaces = ["_", "-", "+", "=", ".", ",", ";"].map {
            #"{"type":"Metaspace","replacement":"\#($0)","prepend_scheme":"always"}"#
        }
        let byteLevel = #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}"#
        for (component, json) in [
            (
                "normalizer",
                tokenizerJSON(normalizer: Self.sequence("normalizers", Array(repeating: doubling, count: 8)))
            ),
            ("normalizer", tokenizerJSON(normalizer: Self.replace("a", String(repeating: "a", count: 41)))),
            (
                "normalizer",
                tokenizerJSON(
                    normalizer: Self.sequence(
                        "normalizers",
                        Array(repeating: [Self.replace("a", "ﷺ"), #"{"type":"NFKC"}"#], count: 2).flatMap { $0 }))
            ),
            (
                "normalizer",
                tokenizerJSON(normalizer: #"{"type":"Prepend","prepend":"\#(String(repeating: "a", count: 65))"}"#)
            ),
            ("pre_tokenizer", tokenizerJSON(preTokenizer: Self.sequence("pretokenizers", metaspaces))),
            (
                "pre_tokenizer",
                tokenizerJSON(preTokenizer: Self.sequence("pretokenizers", Array(repeating: byteLevel, count: 4)))
            ),
            ("decoder", tokenizerJSON(decoder: Self.sequence("decoders", Array(repeating: doubling, count: 7)))),
            ("decoder", tokenizerJSON(decoder: Self.replace("a", String(repeating: "a", count: 65)))),
        ] {
            #expect(Self.isExcessive(component, json), "\(json)")
        }
        #expect(throws: Never.self) {
            try load(tokenizerJSON(normalizer: Self.sequence("normalizers", Array(repeating: doubling, count: 5))))
        }
    }

    @Test func componentsHaveBoundedNumbersOfSteps() {
        for count in [65, 15_000] {
            let lowercase = Array(repeating: #"{"type":"Strip","strip_left":true,"strip_right":true}"#, count: count)
            let digits = Array(repeating: #"{"type":"Digits"}"#, count: count)
            let fuse = Array(repeating: #"{"type":"Fuse"}"#, count: count)
            #expect(Self.isExcessive("normalizer", tokenizerJSON(normalizer: Self.sequence("normalizers", lowercase))))
            #expect(
                Self.isExcessive("pre_tokenizer", tokenizerJSON(preTokenizer: Self.sequence("pretokenizers", digits))))
            #expect(Self.isExcessive("decoder", tokenizerJSON(decoder: Self.sequence("decoders", fuse))))
        }
        let counts = #"{"type":"Split","pattern":{"Regex":"(?:a|ab|b|ba){0,150}c"},"behavior":"Isolated"}"#
        #expect(throws: TokenizerError.self) { try load(tokenizerJSON(preTokenizer: counts)) }
        let pattern = #"{"type":"Split","pattern":{"Regex":"(?:ab){75}"},"behavior":"Isolated"}"#
        #expect(
            Self.isExcessive(
                "pre_tokenizer", tokenizerJSON(preTokenizer: Self.sequence("pretokenizers", [pattern, pattern]))))
    }

    @Test(arguments: [("normalizer", "normalizers"), ("pre_tokenizer", "pretokenizers"), ("decoder", "decoders")])
    func nestingIsBounded(component: String, name: String) throws {
        for depth in [40, 15_000] {
            let nested =
                String(repeating: #"{"type":"Sequence","\#(name)":["#, count: depth)
                + String(repeating: "]}", count: depth)
            let json = #"{"\#(component)":"# + nested + "," + String(tokenizerJSON().dropFirst(1))
            #expect(throws: TokenizerError.self, "\(depth)") { try load(json) }
        }
        let flat = Self.sequence(name, [Self.sequence(name, []), Self.sequence(name, [])])
        let json =
            switch component {
            case "normalizer": tokenizerJSON(normalizer: flat)
            case "decoder": tokenizerJSON(decoder: flat)
            default: tokenizerJSON(preTokenizer: flat)
            }
        #expect(try load(json).encode("a") == [0])
    }

    @Test func postProcessorsAddBoundedNumbersOfTokens() {
        let ids = Array(repeating: "6", count: 1_000).joined(separator: ",")
        let single = Array(repeating: #"{"SpecialToken":{"id":"<s>","type_id":0}}"#, count: 1_000).joined(
            separator: ",")
        let text = #"{"Sequence":{"id":"A","type_id":0}}"#
        for (single, ids) in [(single, ids), (single + "," + single, "6")] {
            let template =
                #"{"type":"TemplateProcessing","single":[\#(single),\#(text)],"special_tokens":{"<s>":{"ids":[\#(ids)]}}}"#
            #expect(Self.isExcessive("post_processor", tokenizerJSON(postProcessor: template)))
        }
    }

    @Test func postProcessorsAreReadInLinearTime() throws {
        let single = Array(repeating: #"{"SpecialToken":{"id":"<s>","type_id":0}}"#, count: 1_000).joined(
            separator: ",")
        let others = (0..<60_000).map { #""k\#($0)":{"ids":[]},"# }.joined()
        let template =
            #"{"type":"TemplateProcessing","single":[\#(single),{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{\#(others)"<s>":{"ids":[0]}}}"#
        #expect(try load(tokenizerJSON(postProcessor: template)).encode("").count == 1_000)
    }

    /// An added token of which normalization leaves nothing would be found everywhere.
    @Test func addedTokensThatNormalizationEmpties() {
        let added =
            #"[{"id":6,"content":" ","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false}]"#
        let json = tokenizerJSON(
            addedTokens: added, normalizer: #"{"type":"Strip","strip_left":true,"strip_right":true}"#)
        #expect(throws: TokenizerError.emptyAddedToken(file: "t.json", id: 6)) { try load(json) }
    }

    /// Many keys, and many deep objects one after another.
    @Test func largeObjectsAreReadInLinearTime() {
        let members = (0..<300_000).map { #""\#($0)":0"# }.joined(separator: ",")
        #expect(throws: TokenizerError.missingKey(file: "t.json", key: "model")) { try load("{" + members + "}") }
        let deep = String(repeating: #"{"a":"#, count: 500) + "1" + String(repeating: "}", count: 500)
        #expect(throws: TokenizerError.self) {
            try load(#"{"zz":["# + Array(repeating: deep, count: 200).joined(separator: ",") + "]}")
        }
    }
}
