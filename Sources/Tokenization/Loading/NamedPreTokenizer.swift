/// A pre-tokenizer of byte-level BPE that a GGUF file calls by a name, and what else the name says about the tokenizer.
struct NamedPreTokenizer: Sendable {
    /// The names, the best-known one first.
    let names: [String]
    /// Each cuts the pieces that those before it have left. What a pattern doesn't match is a piece, too.
    let patterns: [String]
    /// Whether the families' tokenizers bring text to the normalization form NFC. GGUF files don't say so.
    var isComposed = false
    /// Whether a word that is a token becomes that token, whatever the merges would make of it.
    var ignoresMerges = false
    /// Whether encoding begins with the beginning token, unless the file says something else.
    var addsBeginning = false

    /// GPT-2's pattern. A ByteLevel pre-tokenizer of a tokenizer.json uses it unless `use_regex` is false.
    static let gpt2Pattern = #"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    private static let words = contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+"#
    private static let rest = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let restWithSlash = #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let llama3Pattern = words + #"|\p{N}{1,3}"# + rest

    /// Words by upper and lower case, as Tekken and GPT-4o have them.
    private static func casedWords(ending: String) -> String {
        let (start, upper, lower) = (
            #"[^\r\n\p{L}\p{N}]?"#, #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#, #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
        )
        return start + upper + "*" + lower + "+" + ending + "|" + start + upper + "+" + lower + "*" + ending
    }

    /// All that are known.
    private static let all = [
        // Files whose converter knew no name, and older ones, which have none.
        NamedPreTokenizer(
            names: ["default"], patterns: [#"[\p{P}$+<=>^~|]+"#, gpt2Pattern, #"\p{N}+"#, "[0-9][0-9][0-9]"]),
        NamedPreTokenizer(
            names: ["llama-bpe", "llama3", "llama-v3", "falcon3"], patterns: [llama3Pattern], ignoresMerges: true,
            addsBeginning: true),
        // Phi-4's.
        NamedPreTokenizer(names: ["dbrx", "smaug-bpe"], patterns: [llama3Pattern]),
        NamedPreTokenizer(
            names: ["qwen2", "stablelm2", "megrez", "deepseek-r1-qwen"], patterns: [words + #"|\p{N}"# + rest],
            isComposed: true),
        NamedPreTokenizer(
            names: ["smollm", "starcoder", "refact", "command-r"], patterns: [#"\p{N}"#, gpt2Pattern]),
        NamedPreTokenizer(names: ["gpt-2", "phi-2"], patterns: [gpt2Pattern]),
        // That of GPT-NeoX.
        NamedPreTokenizer(names: ["olmo", "mpt"], patterns: [gpt2Pattern], isComposed: true),
        NamedPreTokenizer(
            names: ["tekken"], patterns: [casedWords(ending: "") + #"|\p{N}"# + restWithSlash], ignoresMerges: true,
            addsBeginning: true),
        NamedPreTokenizer(
            names: ["gpt-4o"], patterns: [casedWords(ending: contractions + "?") + #"|\p{N}{1,3}"# + restWithSlash]),
    ]

    /// The one with a name; nil for a name that isn't known.
    static func named(_ name: String) -> NamedPreTokenizer? {
        all.first { $0.names.contains(name) }
    }

    /// The one that cuts text by these patterns, each isolated; nil if none does.
    static func named(
        patterns: [String], isComposed: Bool, ignoresMerges: Bool
    ) -> NamedPreTokenizer? {
        all.first {
            $0.patterns == patterns && $0.isComposed == isComposed && $0.ignoresMerges == ignoresMerges
        }
    }

    /// The names that are known.
    static var knownNames: [String] { all.flatMap(\.names) }

    /// The steps that cut a text into words and spell them in bytes.
    func preTokenizer(file: String) throws(TokenizerError) -> PreTokenizer {
        var steps: [PreTokenizer.Step] = []
        for pattern in patterns {
            guard let compiled = Pattern(Array(pattern.utf8)) else {
                throw .unsupportedPattern(file: file, pattern: pattern)
            }
            steps.append(.split(Splitter(matcher: .pattern(compiled), behavior: .isolated)))
        }
        return PreTokenizer(steps: steps + [.byteLevel])
    }
}
