import Foundation
import TestSupport
import Testing
import Tokenization

/// What a tokenizer.json does, said in GGUF's words.
@Suite struct VocabularyWriterTests {
    /// The goldens' tokenizers, and how the error begins where GGUF has no words for one; nil: it has them.
    private static let cases: [(name: String, refusal: String?)] = [
        ("gpt2", nil), ("smollm2", nil), ("llama3", nil), ("qwen2", nil), ("neox", nil), ("llama2", nil), ("phi3", nil),
        ("mistral", nil),
        ("o200k", "F/tokenizer.json: GGUF can't express its pre-tokenizer: no name in GGUF stands for [^"),
        ("metaspace", "F/tokenizer.json: the vocabulary lacks the byte token "),
        // Its merges don't make the tokens that are found as they are.
        ("gemma", "F/tokenizer.json: GGUF can't express its tokenizer: \"  two  spaces"),
        (
            "flags",
            "F/tokenizer.json: GGUF can't express a post-processor that adds several tokens before or after a text"
        ),
        ("composed", "F/tokenizer.json: GGUF can't express the normalizer of a vocabulary of characters"),
        ("decomposed", "F/tokenizer.json: GGUF can't express the normalizer of a vocabulary of characters"),
    ]

    /// The vocabulary of a directory that holds a golden's tokenizer.
    private func vocabulary(_ name: String) throws -> (TokenizerVocabulary, Tokenizer) {
        let folder = try TemporaryDirectory()
        let path = Goldens.url("\(name).tokenizer").path(percentEncoded: false)
        try folder.write(Array(Data(contentsOf: URL(filePath: path))), to: "tokenizer.json")
        let tokenizer = try Goldens.tokenizer(name)
        do {
            return (
                try TokenizerVocabulary(
                    directory: folder.path, tokenCount: tokenizer.vocabularySize + 3, beginning: nil, ends: []),
                tokenizer
            )
        } catch {
            throw Refusal(text: "\(error)".replacingOccurrences(of: folder.path, with: "F"))
        }
    }

    private struct Refusal: Error { let text: String }

    @Test(arguments: cases.indices) func sameIDs(_ index: Int) throws {
        let (name, refusal) = Self.cases[index]
        let result = Result { try self.vocabulary(name) }
        if case .failure(let error as Refusal) = result {
            #expect(refusal.map { error.text.hasPrefix($0) } == true, "\(name): \(error.text)")
            return
        }
        #expect(refusal == nil)
        let (vocabulary, expected) = try result.get()
        let tokenizer = try Tokenizer(vocabulary: vocabulary)
        #expect(vocabulary.tokens.count == expected.vocabularySize + 3)
        #expect(vocabulary.tokens.last == "[PAD\(expected.vocabularySize + 2)]" && vocabulary.tokenTypes?.last == 5)
        var count = 0
        // Only Mistral's pre-tokenizer puts no space before one.
        for text in try Goldens.texts.get().written + Goldens.texts.get().others
        where name != "mistral" || text.unicodeScalars.first != " " && text.unicodeScalars.first != "▁" {
            let ids = expected.encode(text, parseSpecialTokens: false)
            #expect(tokenizer.encode(text, parseSpecialTokens: false) == ids, "\(name): \(text.prefix(40))")
            count += 1
        }
        #expect(count > 1000)
    }

    /// Which token ends a text, and what chats look like.
    @Test func files() throws {
        let folder = try TemporaryDirectory()
        let path = Goldens.url("smollm2.tokenizer").path(percentEncoded: false)
        try folder.write(Array(Data(contentsOf: URL(filePath: path))), to: "tokenizer.json")
        let tokenizer = try Goldens.tokenizer("smollm2")
        let count = tokenizer.vocabularySize
        func vocabulary(_ ends: [Int], beginning: Int? = nil) throws -> TokenizerVocabulary {
            try TokenizerVocabulary(directory: folder.path, tokenCount: count, beginning: beginning, ends: ends)
        }
        let (start, end) = (
            try #require(tokenizer.id(token: "<|im_start|>")), try #require(tokenizer.id(token: "<|im_end|>"))
        )
        var written = try vocabulary([7, 5, 6, 4])
        #expect(written.endID == 7 && written.endOfTurnID == 5 && written.endOfMessageID == 6)
        #expect(written.chatTemplate == nil && written.beginningID == nil && written.pre == "smollm")
        #expect(written.addsBeginning == false && written.addsEnd == false)
        try folder.write(
            #"{"bos_token":"<|im_start|>","eos_token":{"content":"<|im_end|>"},"pad_token":"none","chat_template":"C"}"#,
            to: "tokenizer_config.json")
        // The token that the chat template takes goes first.
        written = try vocabulary([7, end])
        #expect(written.endID == end && written.endOfTurnID == 7 && written.endOfMessageID == nil)
        #expect(written.chatTemplate == "C" && written.beginningID == start && written.paddingID == nil)
        #expect(try vocabulary([]).endID == end)
        // What the model says is right where both disagree.
        #expect(try vocabulary([7]).endID == 7 && vocabulary([7]).endOfTurnID == nil)
        #expect(try vocabulary([7], beginning: 9).beginningID == 9)
    }
}
