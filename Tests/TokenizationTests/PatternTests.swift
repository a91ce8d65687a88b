import Foundation
import TestSupport
import Testing
import Tokenization

/// Regular expressions beyond those of the goldens: each matches as Oniguruma would.
@Suite struct PatternTests {
    /// The pieces that a pattern cuts a text into: the vocabulary has every piece of the text as a token, and words that
    /// are tokens are found whole.
    static func pieces(_ pattern: String, of text: String, behavior: String = "Isolated") throws -> [String] {
        let scalars = Array(text.unicodeScalars)
        var spellings: Set<String> = []
        for start in scalars.indices {
            for end in start..<scalars.count {
                spellings.insert(String(String.UnicodeScalarView(scalars[start...end])))
            }
        }
        func quoted(_ text: String) throws -> String { String(decoding: try JSONEncoder().encode(text), as: UTF8.self) }
        let vocabulary = try spellings.sorted().enumerated().map { "\(try quoted($1)):\($0)" }.joined(separator: ",")
        let split = #"{"type":"Split","pattern":{"Regex":\#(try quoted(pattern))},"behavior":"\#(behavior)"}"#
        let tokenizer = try load(
            tokenizerJSON(
                addedTokens: "[]", preTokenizer: split, decoder: #"{"type":"Fuse"}"#,
                options: #","ignore_merges":true"#, vocabulary: "{\(vocabulary)}", merges: "[]"))
        return tokenizer.encode(text).compactMap(tokenizer.token)
    }

    /// A repetition that counts and one that has an instruction for each scalar find the same.
    @Test(arguments: [
        ("(?:a{0,9}b|c)+", "(?:(?:a){0,9}b|c)+"), ("(?:a{2,9}?b|[ab]c)+", "(?:(?:a){2,9}?b|[ab]c)+"),
        ("(?:[ab]{3,9}(?=c)|c|a)+", "(?:(?:[ab]){3,9}(?=c)|c|a)+"),
        ("(?:[ab]{1,9}?c|b[abc]{9})+", "(?:(?:[ab]){1,9}?c|b(?:[abc]){9})+"),
        ("(?:a{9,}b|a)+", "(?:a(?:a){8}a*b|a)+"),
        ("(?:(?=[ab]{1,9}c)[ab]|c[bc]{0,9})+", "(?:(?=(?:[ab]){1,9}c)[ab]|c(?:[bc]){0,9})+"),
    ])
    func counting(pattern: String, expanded: String) throws {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<60 {
            let text = String(
                (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                    "aaabbc".randomElement(using: &generator) ?? "a"
                })
            #expect(try Self.pieces(pattern, of: text) == Self.pieces(expanded, of: text), "\(text)")
        }
    }

    /// Counts that are too large are refused, not left out.
    @Test(arguments: [
        "a{2,5000}", "a{5000,6}", "a{5000}", "a{5000,}", "a{,5000}", "a{2,1001}", "a{99999999999999999999}", "a{3,2}",
    ])
    func largeCounts(pattern: String) {
        #expect(throws: TokenizerError.self) { try Self.pieces(pattern, of: "aaa") }
    }

    @Test(arguments: [
        (#"\d{2}"#, "12345", ["12", "34", "5"]),
        (#"\d{2,}"#, "1a23456", ["1a", "23456"]),
        (#"\d{,2}a"#, "1234a", ["12", "34a"]),
        (#"a{1,2}"#, "aaaaa", ["aa", "aa", "a"]),
        ("a*b", "aabab", ["aab", "ab"]),
        ("a?ab", "aab", ["aab"]),
        ("a*+ab", "aab", ["aab"]),
        ("a*ab", "aab", ["aab"]),
        ("a++b", "caab", ["c", "aab"]),
        ("(ab|a)(c|bcd)", "abcd", ["abc", "d"]),
        ("(a|ab)(c|bcd)?", "abcd", ["abcd"]),
        ("x(?:a|b)?c", "xacxc", ["xac", "xc"]),
        ("a(?!b)", "abac", ["ab", "a", "c"]),
        ("a(?=b)", "acab", ["ac", "a", "b"]),
        ("(?i:sk)", "xſKSK", ["x", "ſK", "SK"]),
        ("(?i:[ab])x", "Ax", ["Ax"]),
        ("[^a-c]+", "abxyc", ["ab", "xy", "c"]),
        ("[a-]+", "xa-b", ["x", "a-", "b"]),
        (#"[\]x]+"#, "a]xb", ["a", "]x", "b"]),
        (#"\."#, "a.b", ["a", ".", "b"]),
        (".", "ab", ["a", "b"]),
        (#"\P{L}+"#, "a12b", ["a", "12", "b"]),
        (#"\p{^Lu}+"#, "Aab1B", ["A", "ab1", "B"]),
        (#"\w+"#, "a_1-é", ["a_1", "-", "é"]),
        (#"\W+"#, "a--b", ["a", "--", "b"]),
        (#"[\S]+"#, "a b", ["a", " ", "b"]),
        (#"\D"#, "1a2", ["1", "a", "2"]),
        (#"\p{M}"#, "e\u{301}x", ["e", "\u{301}", "x"]),
    ])
    func matches(pattern: String, text: String, expected: [String]) throws {
        let found = try Self.pieces(pattern, of: text)
        #expect(found.map(scalars) == expected.map(scalars))
    }

    /// A quantifier that keeps what it took leaves nothing for the rest: no match, so nothing is cut.
    @Test func possessiveQuantifiersGiveNothingBack() throws {
        #expect(try Self.pieces("a++a", of: "baaa") == ["baaa"])
        #expect(try Self.pieces("a+a", of: "baaa") == ["b", "aaa"])
    }

    @Test(arguments: [
        ("Isolated", ["a", "-", "-", "b", "-"]), ("Removed", ["a", "b"]), ("Contiguous", ["a", "--", "b", "-"]),
        ("MergedWithPrevious", ["a-", "-", "b-"]), ("MergedWithNext", ["a", "-", "-b", "-"]),
    ])
    func behaviors(behavior: String, expected: [String]) throws {
        #expect(try Self.pieces("-", of: "a--b-", behavior: behavior) == expected)
    }
}
