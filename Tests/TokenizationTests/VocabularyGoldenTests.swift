import Foundation
import TestSupport
import Testing
import Tokenization

/// Vocabularies of published GGUF files.
@Suite(
    .enabled(if: FetchedModel.vocabularies.isExpected, Comment(rawValue: FetchedModel.vocabularies.absence)))
struct VocabularyGoldenTests {
    @Test(arguments: [
        "llama-spm", "phi-3", "llama-bpe", "qwen2", "gpt-2", "mpt", "starcoder", "refact", "command-r",
    ])
    func idsEqualTheOriginalTokenizers(name: String) throws {
        let tokenizer = try Tokenizer(vocabulary: FetchedVocabularies.vocabulary(name))
        let texts = try FetchedVocabularies.texts(name)
        #expect(texts.count == 46)
        for (text, ids) in texts {
            let encoded = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
            #expect(encoded == ids, "\(name): \(text.debugDescription)")
        }
    }

    @Test func filesWithoutTexts() throws {
        let tokenizer = try Tokenizer(vocabulary: FetchedVocabularies.vocabulary("gpt-neox"))
        #expect(try tokenizer.decode(tokenizer.encode("Hello  world, 12345\n\n\tx")) == "Hello  world, 12345\n\n\tx")
    }

    /// The same model, once as tokenizer.json and once as the GGUF file that it was made from.
    @Test(
        .enabled(if: FetchedModel.smolLM2.isExpected, Comment(rawValue: FetchedModel.smolLM2.absence)),
        .enabled(if: FetchedModel.gemma3.isExpected, Comment(rawValue: FetchedModel.gemma3.absence)),
        arguments: [("smollm2", FetchedModel.smolLM2), ("gemma3", .gemma3)])
    func idsEqualTokenizerJSON(name: String, model: FetchedModel) throws {
        let json = try Tokenizer(contentsOfFile: model.directory + "/tokenizer.json")
        let tokenizer = try Tokenizer(vocabulary: FetchedVocabularies.vocabulary(name))
        #expect(tokenizer.vocabularySize == json.vocabularySize)
        for id in 0..<json.vocabularySize {
            #expect(tokenizer.token(id: id) == json.token(id: id))
            #expect(
                tokenizer.isSpecial(id) == json.isSpecial(id) || tokenizer.token(id: id)?.hasPrefix("<unused") == true)
        }
        for text in try Self.wideTexts() {
            let ids = json.encode(text)
            #expect(tokenizer.encode(text) == ids, "\(name): \(scalars(text).prefix(60))")
            let plain = json.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
            #expect(
                tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false) == plain,
                "\(name): \(scalars(text).prefix(60))")
            #expect(try scalars(tokenizer.decode(ids)) == scalars(json.decode(ids)))
        }
    }

    /// The texts of the other goldens, a book, and random ones.
    static func wideTexts() throws -> [String] {
        let golden = try Goldens.texts.get()
        let book = try String(
            decoding: Data(contentsOf: URL(filePath: Fixtures.path("haystack/alice.txt"))), as: UTF8.self)
        var texts = golden.written + golden.others + book.components(separatedBy: "\n") + [book]
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<3000 { texts.append(generator.text(maximumCount: 60)) }
        // Spaces, their replacements and what may stand between them.
        let parts = [" ", "  ", "   ", "▁", "▁▁", "\n", "\n\n", "\t", "a", "the", "<b>", "<bos>", "12", ".", "é"]
        for _ in 0..<3000 {
            let count = Int.random(in: 1...12, using: &generator)
            texts.append((0..<count).map { _ in parts.randomElement(using: &generator) ?? "" }.joined())
        }
        return texts
    }
}
