import Foundation
import TestSupport
import Testing
import Tokenization

/// Vocabularies of GGUF files that are refused, and broken ones.
@Suite struct VocabularyErrorTests {
    private static let file = "v.gguf"

    private static func invalid(_ key: String, _ expected: String) -> TokenizerError {
        .invalidValue(file: file, key: "tokenizer.ggml.\(key)", expected: expected)
    }

    private typealias Change = (inout TokenizerVocabulary) -> Void

    private static var byteLevelCases: [(Change, TokenizerError)] {
        let count = SmallVocabulary.byteLevel.tokens.count
        let oneOf = "the id of one of the \(count) tokens"
        return [
            ({ $0.model = "t5" }, .unsupportedModel(file: file, type: "t5")),
            ({ ($0.tokens, $0.tokenTypes) = ([], []) }, invalid("tokens", "a list of at least one token")),
            ({ $0.tokenTypes?.removeLast() }, invalid("token_type", "a list of \(count) types, one for each token")),
            ({ $0.tokenTypes?[2] = 7 }, invalid("token_type[2]", "a type from 1 to 6")),
            ({ $0.tokenTypes?[0] = 0 }, invalid("token_type[0]", "a type from 1 to 6")),
            ({ $0.beginningID = count }, invalid("bos_token_id", oneOf)),
            ({ $0.endID = -1 }, invalid("eos_token_id", oneOf)),
            ({ $0.endOfTurnID = .max }, invalid("eot_token_id", oneOf)),
            ({ $0.endOfMessageID = .min }, invalid("eom_token_id", oneOf)),
            ({ $0.unknownID = 1 << 40 }, invalid("unknown_token_id", oneOf)),
            ({ $0.paddingID = 4_294_967_295 }, invalid("padding_token_id", oneOf)),
            ({ $0.merges = nil }, .missingKey(file: file, key: "tokenizer.ggml.merges")),
            ({ $0.merges = ["h e", "ll"] }, .malformedMerge(file: file, index: 1)),
            ({ $0.merges = [""] }, .malformedMerge(file: file, index: 0)),
            ({ $0.merges = [" h"] }, .malformedMerge(file: file, index: 0)),
            ({ $0.merges = ["h "] }, .malformedMerge(file: file, index: 0)),
            ({ $0.merges = ["h e l"] }, .unknownMergeToken(file: file, index: 0, token: "he l")),
            ({ $0.merges = ["h e", "q q"] }, .unknownMergeToken(file: file, index: 1, token: "qq")),
            ({ $0.merges = ["hel lo"] }, .unknownMergeToken(file: file, index: 0, token: "hel")),
            ({ $0.merges = ["h e", "l l", "h e"] }, .duplicateMerge(file: file, index: 2)),
            // Merges must not make control tokens.
            (
                {
                    $0.tokens += ["<|", "end|>"]
                    $0.tokenTypes? += [1, 1]
                    $0.merges = ["<| end|>"]
                }, .unknownMergeToken(file: file, index: 0, token: "<|end|>")
            ),
            ({ $0.tokens[5] = "a" }, .duplicateToken(file: file, token: "a")),
            ({ $0.tokens[count - 2] = "<|end|>" }, .duplicateToken(file: file, token: "<|end|>")),
            ({ $0.tokens[count - 2] = "" }, .emptyAddedToken(file: file, id: count - 2)),
            (
                { ($0.addsBeginning, $0.beginningID) = (true, nil) },
                .missingKey(file: file, key: "tokenizer.ggml.bos_token_id")
            ),
            ({ ($0.addsEnd, $0.endID) = (true, nil) }, .missingKey(file: file, key: "tokenizer.ggml.eos_token_id")),
            (
                { ($0.pre, $0.beginningID) = ("llama-bpe", nil) },
                .missingKey(file: file, key: "tokenizer.ggml.bos_token_id")
            ),
        ]
    }

    @Test func byteLevelVocabularies() {
        for (index, (change, error)) in Self.byteLevelCases.enumerated() {
            #expect(throws: error, "\(index)") {
                try Tokenizer(vocabulary: SmallVocabulary.byteLevel.with(change))
            }
        }
    }

    private static var sentencePieceCases: [(Change, TokenizerError)] {
        let count = SmallVocabulary.sentencePiece.tokens.count
        return [
            ({ $0.scores = nil }, .missingKey(file: file, key: "tokenizer.ggml.scores")),
            ({ $0.scores?.append(0) }, invalid("scores", "a list of \(count) scores, one for each token")),
            ({ $0.scores?[3] = .nan }, invalid("scores[3]", "a number")),
            ({ $0.tokens[3 + 0x41] = "other" }, .missingByteToken(file: file, token: "<0x41>")),
            ({ $0.tokenTypes?[3] = 3 }, .missingByteToken(file: file, token: "<0x00>")),
            ({ $0.tokens[260] = "▁t" }, .duplicateToken(file: file, token: "▁t")),
            // Two spaces, and their replacements.
            ({ $0.tokens[260] = "▁▁" }, .duplicateToken(file: file, token: "▁▁")),
            (
                { ($0.tokens, $0.tokenTypes, $0.scores, $0.beginningID, $0.endID) = (["a"], [1], [0], nil, nil) },
                .missingByteToken(file: file, token: "<0x00>")
            ),
        ]
    }

    @Test func sentencePieceVocabularies() {
        for (index, (change, error)) in Self.sentencePieceCases.enumerated() {
            #expect(throws: error, "\(index)") {
                try Tokenizer(vocabulary: SmallVocabulary.sentencePiece.with(change))
            }
        }
    }

    @Test func anUnknownPreTokenizerIsNamedWithTheKnownOnes() {
        #expect {
            try Tokenizer(vocabulary: SmallVocabulary.byteLevel.with { $0.pre = "bloom" })
        } throws: { error in
            guard case .unknownPreTokenizer(Self.file, "bloom", let known)? = error as? TokenizerError else {
                return false
            }
            return Set(known).count == known.count && known.contains("llama-bpe") && known.contains("default")
                && "\(error)".contains("bloom") && "\(error)".contains("tekken")
        }
    }

    /// Canonically equivalent tokens are two tokens.
    @Test func spellingsAreComparedByBytes() throws {
        let vocabulary = SmallVocabulary.sentencePiece.with {
            $0.tokens += ["e\u{301}"]
            $0.tokenTypes? += [1]
            $0.scores? += [-50]
        }
        #expect(try Tokenizer(vocabulary: vocabulary).token(id: vocabulary.tokens.count - 1)?.unicodeScalars.count == 2)
    }

    /// A token of a million characters takes no longer than its length asks for.
    @Test func longTokens() throws {
        let long = String(repeating: "ab", count: 500_000)
        let vocabulary = SmallVocabulary.sentencePiece.with {
            $0.tokens += [long, String(long.dropLast())]
            $0.tokenTypes? += [1, 1]
            $0.scores? += [5, 6]
        }
        let tokenizer = try Tokenizer(vocabulary: vocabulary)
        #expect(tokenizer.encode("abab") == [1] + vocabulary.ids("▁a", "b", "ab"))
    }

    // MARK: Mutations

    /// Broken vocabularies give an error or a tokenizer that works; a crash would end the test process.
    @Test(arguments: ["gpt2", "llama"])
    func mutatedVocabularies(model: String) throws {
        let original = model == "gpt2" ? SmallVocabulary.byteLevel : SmallVocabulary.sentencePiece
        var generator = SeededGenerator(seed: 77)
        var (loaded, refused) = (0, 0)
        for _ in 0..<8000 {
            var vocabulary = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) { Self.mutate(&vocabulary, using: &generator) }
            do throws(TokenizerError) {
                let tokenizer = try Tokenizer(vocabulary: vocabulary)
                loaded += 1
                try Self.use(tokenizer, using: &generator)
            } catch {
                #expect(!error.description.isEmpty)
                refused += 1
            }
        }
        #expect(loaded > 1000 && refused > 1000, "\(loaded), \(refused)")
    }

    /// Vocabularies of random tokens, types, scores and merges.
    @Test func randomVocabularies() throws {
        var generator = SeededGenerator(seed: 78)
        var loaded = 0
        for _ in 0..<4000 {
            var vocabulary = Bool.random(using: &generator) ? SmallVocabulary.byteLevel : SmallVocabulary.sentencePiece
            for _ in 0..<Int.random(in: 0...40, using: &generator) {
                let isPair = Bool.random(using: &generator)
                let pair = (0..<2).map { _ in vocabulary.tokens.randomElement(using: &generator) ?? "" }
                let token = isPair ? pair.joined() : generator.text(maximumCount: 6)
                guard !token.isEmpty, !vocabulary.tokens.contains(token) else { continue }
                vocabulary.tokens.append(token)
                vocabulary.tokenTypes?.append(Int.random(in: 0..<9, using: &generator) > 6 ? 4 : 1)
                vocabulary.scores?.append(Float(Int.random(in: -20...20, using: &generator)))
                if isPair { vocabulary.merges?.append(pair.joined(separator: " ")) }
            }
            do throws(TokenizerError) {
                let tokenizer = try Tokenizer(vocabulary: vocabulary)
                loaded += 1
                try Self.use(tokenizer, using: &generator)
            } catch {}
        }
        #expect(loaded > 1000)
    }

    private static func use(
        _ tokenizer: Tokenizer, using generator: inout SeededGenerator
    ) throws(TokenizerError) {
        for text in ["hello the  <|end|><s> ab é12\n▁▁[PAD5]", generator.text(maximumCount: 20)] {
            let ids = tokenizer.encode(text)
            #expect(ids.allSatisfy { tokenizer.token(id: $0) != nil })
            _ = try tokenizer.decode(ids)
            let plain = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
            #expect(!plain.contains { tokenizer.isSpecial($0) })
        }
    }

    private static func mutate(_ vocabulary: inout TokenizerVocabulary, using generator: inout SeededGenerator) {
        let index = Int.random(in: vocabulary.tokens.indices, using: &generator)
        let other = Int.random(in: vocabulary.tokens.indices, using: &generator)
        let id = [nil, -1, 0, 1, index, vocabulary.tokens.count, .max].randomElement(using: &generator) ?? nil
        switch Int.random(in: 0..<20, using: &generator) {
        case 0: vocabulary.tokens[index] = vocabulary.tokens[other]
        case 1: vocabulary.tokens[index] = generator.text(maximumCount: 4)
        case 2: vocabulary.tokens[index] += vocabulary.tokens[other]
        case 3: vocabulary.tokens.swapAt(index, other)
        case 4: vocabulary.tokens.remove(at: index)
        case 5: vocabulary.tokens.append(generator.text(maximumCount: 4))
        case 6 where index < vocabulary.tokenTypes?.count ?? 0:
            vocabulary.tokenTypes?[index] = Int32.random(in: -1...7, using: &generator)
        case 7: vocabulary.tokenTypes = vocabulary.tokenTypes?.dropLast()
        case 8: vocabulary.tokenTypes = nil
        case 9 where index < vocabulary.scores?.count ?? 0:
            vocabulary.scores?[index] = [.nan, .infinity, -.infinity, -0.0, 3].randomElement(using: &generator) ?? 0
        case 10: vocabulary.scores = Bool.random(using: &generator) ? nil : []
        case 11: vocabulary.merges?.append("\(vocabulary.tokens[index]) \(vocabulary.tokens[other])")
        case 12: vocabulary.merges?.append(generator.text(maximumCount: 4))
        case 13: vocabulary.merges?.shuffle(using: &generator)
        case 14: vocabulary.pre = [nil, "default", "llama-bpe", "tekken", "x"].randomElement(using: &generator) ?? nil
        case 15: vocabulary.model = ["gpt2", "llama", "bert"].randomElement(using: &generator) ?? ""
        case 16: (vocabulary.beginningID, vocabulary.addsBeginning) = (id, Bool.random(using: &generator))
        case 17: (vocabulary.endID, vocabulary.addsEnd) = (id, Bool.random(using: &generator))
        case 18: (vocabulary.endOfTurnID, vocabulary.unknownID) = (id, id)
        default: vocabulary.addsSpacePrefix = Bool.random(using: &generator)
        }
    }
}
