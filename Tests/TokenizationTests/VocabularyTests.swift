import Foundation
import TestSupport
import Testing
import Tokenization

/// Tokenizers made of small vocabularies of GGUF files.
@Suite struct VocabularyTests {
    private static let byteLevel = SmallVocabulary.byteLevel
    private static let sentencePiece = SmallVocabulary.sentencePiece

    /// The tokenizers that the Python package has trained, as a GGUF file would hold them.
    @Test(arguments: [
        ("gpt2", "gpt-2"), ("gpt2", "phi-2"), ("smollm2", "smollm"), ("llama3", "llama-bpe"), ("qwen2", "qwen2"),
        ("qwen2", "stablelm2"), ("neox", "olmo"), ("o200k", "gpt-4o"),
    ])
    func byteLevelGoldens(name: String, pre: String) throws {
        struct File: Decodable {
            struct AddedToken: Decodable {
                let id: Int
                let special: Bool
            }
            struct Model: Decodable {
                let merges: [Merge]
            }
            struct Merge: Decodable {
                let text: String
                init(from decoder: any Decoder) throws {
                    let container = try decoder.singleValueContainer()
                    text =
                        try (try? container.decode(String.self))
                        ?? container.decode([String].self).joined(separator: " ")
                }
            }
            let addedTokens: [AddedToken]
            let model: Model
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let file = try decoder.decode(File.self, from: Data(contentsOf: Goldens.url("\(name).tokenizer")))
        let json = try Goldens.tokenizer(name)
        var types = [Int32](repeating: 1, count: json.vocabularySize)
        for token in file.addedTokens { types[token.id] = token.special ? 3 : 4 }
        let tokens = try (0..<json.vocabularySize).map { try #require(json.token(id: $0)) }
        let begin = json.encode("").first
        let tokenizer = try Tokenizer(
            vocabulary: TokenizerVocabulary(
                file: name, model: "gpt2", pre: pre, tokens: tokens, tokenTypes: types,
                merges: file.model.merges.map(\.text),
                beginningID: begin))
        for text in try Goldens.texts.get().written + Goldens.texts.get().others {
            let ids = json.encode(text)
            #expect(tokenizer.encode(text) == ids, "\(name): \(scalars(text).prefix(60))")
            let plain = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
            #expect(plain == json.encode(text, addSpecialTokens: false, parseSpecialTokens: false))
            #expect(try scalars(tokenizer.decode(ids)) == scalars(json.decode(ids)))
        }
    }

    @Test func byteLevelTokens() throws {
        let vocabulary = Self.byteLevel
        let tokenizer = try Tokenizer(vocabulary: vocabulary)
        #expect(tokenizer.encode("hello the é12") == vocabulary.ids("hello", "Ġthe", "Ġ", "Ã©", "12"))
        #expect(try tokenizer.decode(tokenizer.encode("hello the é12 字")) == "hello the é12 字")
        #expect(tokenizer.unencodableBytes.isEmpty)
        #expect(tokenizer.vocabularySize == vocabulary.tokens.count)
    }

    @Test func controlTokensAreSpecialAndUserDefinedOnesAreNot() throws {
        let vocabulary = Self.byteLevel
        let tokenizer = try Tokenizer(vocabulary: vocabulary)
        let (end, tool) = (vocabulary.ids("<|end|>")[0], vocabulary.ids("<tool>")[0])
        #expect(tokenizer.isSpecial(end) && !tokenizer.isSpecial(tool))
        #expect(tokenizer.encode("he<|end|><tool>he") == vocabulary.ids("he") + [end, tool] + vocabulary.ids("he"))
        let plain = tokenizer.encode("<|end|><tool>", parseSpecialTokens: false)
        #expect(!plain.contains(end) && plain.last == tool)
        #expect(try tokenizer.decode([end, tool], skipSpecialTokens: true) == "<tool>")
        // The end of a turn is a control token, even as a user-defined one.
        let turn = try Tokenizer(vocabulary: vocabulary.with { $0.endOfTurnID = tool })
        #expect(turn.isSpecial(tool))
    }

    @Test func unusedTokensAreOnlyDecoded() throws {
        let vocabulary = Self.byteLevel
        let tokenizer = try Tokenizer(vocabulary: vocabulary)
        let filler = vocabulary.tokens.count - 1
        #expect(!tokenizer.encode(vocabulary.tokens[filler]).contains(filler))
        #expect(try tokenizer.decode([filler]) == vocabulary.tokens[filler])
        let pieces = Self.sentencePiece
        let unused = pieces.ids("unused")
        #expect(try !Tokenizer(vocabulary: pieces).encode("unused").contains(unused[0]))
        #expect(try Tokenizer(vocabulary: pieces).decode(unused) == "unused")
    }

    @Test func theNameOfThePreTokenizerTellsMore() throws {
        let vocabulary = Self.byteLevel
        let begin = vocabulary.beginningID ?? -1
        // Llama 3: numbers of three digits, whole words in spite of the merges, and a beginning token.
        let llama = vocabulary.with { $0.pre = "llama-bpe" }
        #expect(try Tokenizer(vocabulary: llama).encode("12") == [begin] + vocabulary.ids("12"))
        #expect(try Tokenizer(vocabulary: llama.with { $0.addsBeginning = false }).encode("12") == vocabulary.ids("12"))
        let whole = llama.with { $0.merges?.removeAll { $0 == "hell o" } }
        #expect(try Tokenizer(vocabulary: whole).encode("hello", addSpecialTokens: false) == vocabulary.ids("hello"))
        let merged = whole.with { $0.pre = "dbrx" }
        #expect(try Tokenizer(vocabulary: merged).encode("hello") == vocabulary.ids("hell", "o"))
        // SmolLM and Qwen 2: every digit by itself.
        for pre in ["smollm", "qwen2", "tekken"] {
            let tokenizer = try Tokenizer(vocabulary: vocabulary.with { $0.pre = pre })
            #expect(tokenizer.encode("12", addSpecialTokens: false) == vocabulary.ids("1", "2"), "\(pre)")
        }
        // Qwen 2 and GPT-NeoX: the normalization form NFC.
        for (pre, isComposed) in [("qwen2", true), ("olmo", true), ("gpt-2", false), ("llama-bpe", false)] {
            let tokenizer = try Tokenizer(vocabulary: vocabulary.with { $0.pre = pre })
            let ids = tokenizer.encode("e\u{301}", addSpecialTokens: false)
            #expect((ids == vocabulary.ids("Ã©")) == isComposed, "\(pre)")
        }
    }

    /// The pre-tokenizer of files without a name: punctuation, then GPT-2's words, then runs of digits by threes.
    @Test func theDefaultPreTokenizer() throws {
        let vocabulary = Self.byteLevel.with {
            $0.pre = nil
            $0.merges? += ["12 3", "Ġ 1", "Ġ 123", ". ."]
            $0.tokens += ["123", "Ġ1", "Ġ123", ".."]
            $0.tokenTypes? += [1, 1, 1, 1]
        }
        for pre in [nil, "default"] {
            let tokenizer = try Tokenizer(vocabulary: vocabulary.with { $0.pre = pre })
            #expect(tokenizer.encode("123123 12312he") == vocabulary.ids("123", "123", "Ġ", "123", "12", "he"))
            #expect(tokenizer.encode("he..the") == vocabulary.ids("he", "..", "t", "he"))
        }
    }

    @Test func tokensAroundTheText() throws {
        let (begin, end) = (Self.byteLevel.beginningID ?? -1, Self.byteLevel.endID ?? -1)
        let both = Self.byteLevel.with { ($0.addsBeginning, $0.addsEnd) = (true, true) }
        #expect(try Tokenizer(vocabulary: both).encode("") == [begin, end])
        #expect(try Tokenizer(vocabulary: Self.byteLevel).encode("") == [])
        // A "llama" model begins with its beginning token, and has usual ids.
        #expect(try Tokenizer(vocabulary: Self.sentencePiece).encode("") == [1])
        let usual = Self.sentencePiece.with { ($0.beginningID, $0.endID, $0.addsEnd) = (nil, nil, true) }
        #expect(try Tokenizer(vocabulary: usual).encode("") == [1, 2])
        let none = Self.sentencePiece.with { $0.addsBeginning = false }
        #expect(try Tokenizer(vocabulary: none).encode("") == [])
    }

    @Test func vocabulariesWithoutTypes() throws {
        let byteLevel = Self.byteLevel.with { $0.tokenTypes = nil }
        let tokenizer = try Tokenizer(vocabulary: byteLevel)
        #expect(tokenizer.encode("<|end|>") == byteLevel.ids("<|end|>"))
        #expect(tokenizer.isSpecial(byteLevel.ids("<|start|>")[0]) && !tokenizer.isSpecial(byteLevel.ids("<tool>")[0]))
        let pieces = try Tokenizer(vocabulary: Self.sentencePiece.with { $0.tokenTypes = nil })
        #expect(pieces.isSpecial(0) && pieces.isSpecial(1) && pieces.isSpecial(2) && !pieces.isSpecial(3))
        #expect(pieces.encode("the字") == [1] + Self.sentencePiece.ids("▁the", "<0xE5>", "<0xAD>", "<0x97>"))
    }
}

// MARK: - "llama" models

extension VocabularyTests {
    @Test func spacesAndBytes() throws {
        let vocabulary = Self.sentencePiece.with { $0.addsBeginning = false }
        let tokenizer = try Tokenizer(vocabulary: vocabulary)
        #expect(tokenizer.encode("the ab é") == vocabulary.ids("▁the", "▁a", "b", "▁", "é"))
        #expect(tokenizer.encode("z") == vocabulary.ids("▁", "<0x7A>"))
        #expect(try tokenizer.decode(tokenizer.encode("the abz\n字 é")) == "the abz\n字 é")
        // The space comes after each added token, too.
        #expect(tokenizer.encode("a<s>a") == vocabulary.ids("▁a", "<s>", "▁a"))
        let bare = try Tokenizer(vocabulary: vocabulary.with { $0.addsSpacePrefix = false })
        #expect(bare.encode("the<s>a a") == vocabulary.ids("t", "he", "<s>", "a", "▁a"))
        #expect(try bare.decode(bare.encode(" the")) == " the")
    }

    @Test func userDefinedTokensWithSpaces() throws {
        let vocabulary = Self.sentencePiece.with { ($0.addsBeginning, $0.addsSpacePrefix) = (false, false) }
        let tokenizer = try Tokenizer(vocabulary: vocabulary)
        let spaces = vocabulary.ids("  ")
        // Runs of spaces come before other merges, and are found by their own spelling, too.
        #expect(tokenizer.token(id: spaces[0]) == "▁▁")
        #expect(tokenizer.encode("a  the") == vocabulary.ids("a") + spaces + vocabulary.ids("t", "he"))
        #expect(tokenizer.encode("a▁▁b") == vocabulary.ids("a") + spaces + vocabulary.ids("b"))
        #expect(try tokenizer.decode(spaces) == "  ")
        // One with other characters is found as it is.
        #expect(tokenizer.encode("ax yb") == vocabulary.ids("a", "x y", "b"))
        #expect(try tokenizer.decode(vocabulary.ids("x y")) == "x y")
        #expect(tokenizer.encode("<tag>", parseSpecialTokens: false) == vocabulary.ids("<tag>"))
    }

    /// A twin that looks at all neighbours before each merge.
    @Test func scoresOrderTheMerges() throws {
        var generator = SeededGenerator(seed: 19)
        for _ in 0..<300 {
            var words: [String: Float] = ["a": 0, "b": 0, "é": 0]
            for _ in 0..<Int.random(in: 1...40, using: &generator) {
                let length = Int.random(in: 2...5, using: &generator)
                let word = String((0..<length).map { _ in "abé".randomElement(using: &generator) ?? "a" })
                words[word] = Float(Int.random(in: -9...0, using: &generator))
            }
            let vocabulary = SmallVocabulary.sentencePiece.with {
                $0.addsSpacePrefix = false
                $0.tokens = Array($0.tokens[..<259]) + words.keys.sorted()
                $0.tokenTypes = $0.tokenTypes.map { $0[..<259] + Array(repeating: 1, count: words.count) }
                $0.scores = Array(repeating: 0, count: 259) + words.keys.sorted().compactMap { words[$0] }
            }
            let tokenizer = try Tokenizer(vocabulary: vocabulary)
            for _ in 0..<10 {
                let length = Int.random(in: 1...20, using: &generator)
                let text = String((0..<length).map { _ in "abé".randomElement(using: &generator) ?? "a" })
                let expected = merge(text, words, vocabulary)
                #expect(tokenizer.encode(text, addSpecialTokens: false) == expected, "\(text) \(words)")
            }
        }
    }

    private func merge(_ text: String, _ scores: [String: Float], _ vocabulary: TokenizerVocabulary) -> [Int] {
        let ids = Dictionary(uniqueKeysWithValues: scores.keys.map { ($0, vocabulary.ids($0)[0]) })
        var parts = text.map { String($0) }
        while true {
            var best: (key: (Float, Int, Int, Int), position: Int)?
            for position in parts.indices.dropLast() {
                let (left, right) = (parts[position], parts[position + 1])
                guard let score = scores[left + right], let id = ids[left + right] else { continue }
                let key = (score, left.count, right.count, -id)
                if best.map({ key > $0.key }) ?? true { best = (key, position) }
            }
            guard let (_, position) = best else { return parts.compactMap { ids[$0] } }
            parts[position] += parts.remove(at: position + 1)
        }
    }
}

// MARK: - Chat templates

extension VocabularyTests {
    @Test func chatTemplates() throws {
        for format in try ChatFormatTests.Format.all.get() {
            var vocabulary = Self.byteLevel
            vocabulary.chatTemplate = format.template
            vocabulary.tokens += [format.beginToken ?? "<no>", format.endToken]
            (vocabulary.beginningID, vocabulary.endID) = (vocabulary.tokens.count - 2, vocabulary.tokens.count - 1)
            let made = try ChatFormat(vocabulary: vocabulary, today: #require(ChatFormatTests.Format.today))
            #expect(try made == format.chatFormat(), "\(format.name)")
        }
        #expect(throws: TokenizerError.missingKey(file: "v.gguf", key: "tokenizer.chat_template")) {
            try ChatFormat(vocabulary: Self.byteLevel)
        }
        let unclosed = TokenizerError.unsupportedChatTemplate(
            file: "v.gguf", line: 2, reason: "unexpected }")
        #expect(throws: unclosed) {
            try ChatFormat(vocabulary: Self.byteLevel.with { $0.chatTemplate = "a\n{{ x }" })
        }
        let error = TokenizerError.invalidValue(
            file: "v.gguf", key: "tokenizer.ggml.eos_token_id", expected: "the id of a token")
        #expect(throws: error) {
            try ChatFormat(
                vocabulary: Self.byteLevel.with {
                    $0.chatTemplate = ""
                    $0.endID = -1
                })
        }
    }
}
