import Testing
import Tokenization

/// How long runs of one character are cut. Splitting costs O(n): scanning such a run anew for each of its pieces would take
/// seconds here.
@Suite struct SplitRunTests {
    enum Rule: CaseIterable {
        case digits, gpt2, llama3, qwen2

        var preTokenizer: String {
            switch self {
            case .digits: Self.sequence(#"{"type":"Digits","individual_digits":true}"#)
            case .gpt2: #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}"#
            case .llama3: Self.split(numbers: #"\\p{N}{1,3}"#)
            case .qwen2: Self.split(numbers: #"\\p{N}"#)
            }
        }

        private static func sequence(_ first: String) -> String {
            #"{"type":"Sequence","pretokenizers":[\#(first),"#
                + #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}"#
        }

        private static func split(numbers: String) -> String {
            let pattern =
                #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\#(numbers)"#
                + #"| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"#
            return sequence(#"{"type":"Split","pattern":{"Regex":"\#(pattern)"},"behavior":"Isolated"}"#)
        }
    }

    private static let count = 200_000

    /// Every character of the vocabulary by itself, twice and, but for b, four times; and " b". The ids tell where a
    /// run was cut: n characters become n / 4 tokens, then one of two, then one, as far as they are left over.
    private func tokenizer(_ rule: Rule) throws -> Tokenizer {
        try load(
            tokenizerJSON(
                addedTokens: "[]", preTokenizer: rule.preTokenizer,
                vocabulary: #"{"b":0,"Ġb":1,"1":11,"11":12,"1111":14,"a":21,"aa":22,"aaaa":24,"Ġ":31,"ĠĠ":32,"#
                    + #""ĠĠĠĠ":34,"Ċ":41,"ĊĊ":42,"ĊĊĊĊ":44,"'":51,"''":52,"''''":54}"#,
                merges: #"["1 1","11 11","a a","aa aa","Ġ Ġ","ĠĠ ĠĠ","Ċ Ċ","ĊĊ ĊĊ","' '","'' ''","Ġ b"]"#))
    }

    /// The ids of a word that is a run of the character whose ids begin with `first`.
    private func run(_ first: Int, _ count: Int) -> [Int] {
        Array(repeating: first + 4, count: count / 4) + (count & 2 == 2 ? [first + 2] : [])
            + (count & 1 == 1 ? [first + 1] : [])
    }

    @Test(arguments: Rule.allCases)
    func digits(rule: Rule) throws {
        let ids = try tokenizer(rule).encode("b" + String(repeating: "1", count: Self.count) + "b")
        let expected =
            switch rule {
            case .digits, .qwen2: Array(repeating: 11, count: Self.count)
            case .gpt2: run(10, Self.count)
            case .llama3: (0..<Self.count / 3).flatMap { _ in run(10, 3) } + run(10, Self.count % 3)
            }
        #expect(ids.elementsEqual([0] + expected + [0]))
    }

    @Test(arguments: [Rule.gpt2, .llama3, .qwen2])
    func otherCharacters(rule: Rule) throws {
        let tokenizer = try tokenizer(rule)
        let encode = { (character: Character, end: String) in
            tokenizer.encode(String(repeating: character, count: Self.count) + end)
        }
        #expect(encode("a", "1").elementsEqual(run(20, Self.count) + [11]))
        #expect(encode("'", "1").elementsEqual(run(50, Self.count) + [11]))
        #expect(encode(" ", "").elementsEqual(run(30, Self.count)))
        #expect(encode(" ", "b").elementsEqual(run(30, Self.count - 1) + [1]), "the last space is the word's")
        let lines = rule == .gpt2 ? run(40, Self.count - 1) + run(40, 1) : run(40, Self.count)
        #expect(encode("\n", "b").elementsEqual(lines + [0]))
    }
}
