import Foundation
import TestSupport
import Testing
import Tokenization

/// Decoding a continuation: a text, cut anywhere between its tokens, is the text of the prompt and what follows it.
@Suite struct ContinuationTests {
    private func check(_ tokenizer: Tokenizer, _ text: String, _ name: String, _ generator: inout SeededGenerator)
        throws
    {
        let ids = tokenizer.encode(text)
        guard !ids.isEmpty else { return }
        let skips = Bool.random(using: &generator)
        let all = try tokenizer.decode(ids, skipSpecialTokens: skips)
        for _ in 0..<6 {
            let cut = Int.random(in: 0...ids.count, using: &generator)
            let prompt = try tokenizer.decode(Array(ids[..<cut]), skipSpecialTokens: skips)
            var detokenizer = tokenizer.makeDetokenizer(after: Array(ids[..<cut]), skipSpecialTokens: skips)
            var continuation = ""
            for id in ids[cut...] { continuation += try detokenizer.append(id) }
            continuation += detokenizer.finish()
            // A cut within a character, or within something that the decoder replaces: the prompt alone ends otherwise.
            guard scalars(all).starts(with: scalars(prompt)) else {
                #expect(
                    prompt.unicodeScalars.contains("\u{FFFD}") || name == "decomposed",
                    "\(name): \(text.debugDescription), \(cut)")
                continue
            }
            #expect(
                scalars(prompt + continuation) == scalars(all),
                "\(name): \(text.debugDescription), cut at \(cut) of \(ids)")
        }
    }

    @Test(arguments: Goldens.names)
    func promptAndContinuationAreTheWholeText(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        let texts = try Goldens.texts.get()
        var generator = SeededGenerator(seed: 17)
        for text in texts.written + texts.others.prefix(1_500) { try check(tokenizer, text, name, &generator) }
    }

    @Test(
        .enabled(if: FetchedModel.vocabularies.isExpected, Comment(rawValue: FetchedModel.vocabularies.absence)),
        arguments: ["llama-spm", "phi-3", "llama-bpe", "qwen2", "gpt-2", "gemma3"])
    func promptAndContinuationOfPublishedVocabularies(name: String) throws {
        let tokenizer = try Tokenizer(vocabulary: FetchedVocabularies.vocabulary(name))
        let book = try String(
            decoding: Data(contentsOf: URL(filePath: Fixtures.path("haystack/alice.txt"))), as: UTF8.self)
        var generator = SeededGenerator(seed: 19)
        for line in book.components(separatedBy: "\n\n").prefix(300) { try check(tokenizer, line, name, &generator) }
        for text in try Goldens.texts.get().written { try check(tokenizer, text, name, &generator) }
    }

    @Test(arguments: ["llama2", "phi3", "mistral"])
    func theFirstSpaceOfAContinuationStays(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        for (prompt, continuation) in [
            ("the window is", " the text"), ("def f(x):\n", "    return x"), ("a\n\n", " b"), ("the", "  the"),
        ] {
            let promptIDs = tokenizer.encode(prompt)
            let ids = Array(tokenizer.encode(prompt + continuation).dropFirst(promptIDs.count))
            var detokenizer = tokenizer.makeDetokenizer(after: promptIDs)
            var text = ""
            for id in ids { text += try detokenizer.append(id) }
            #expect(text + detokenizer.finish() == continuation, "\(name)")
            // An answer of its own has the tokenizer's form instead.
            var answer = tokenizer.makeDetokenizer()
            var alone = ""
            for id in ids { alone += try answer.append(id) }
            #expect(alone + answer.finish() == continuation.dropFirst(1))
        }
    }

    @Test func promptsThatEndWithinACharacter() throws {
        let tokenizer = try Goldens.tokenizer("llama2")
        func ids(_ bytes: [String]) throws -> [Int] { try bytes.map { try #require(tokenizer.id(token: $0)) } }
        var detokenizer = tokenizer.makeDetokenizer(after: try ids(["a", "<0xE2>", "<0x96>"]))
        #expect(try detokenizer.append(ids(["<0x81>"])[0]) == "")
        #expect(detokenizer.finish() == "\u{2581}")
        // A line feed that is spelled as a byte belongs to the prompt, even though the run of bytes goes on.
        detokenizer = tokenizer.makeDetokenizer(after: try ids(["a", "<0x0A>"]))
        #expect(try detokenizer.append(ids(["<0x0A>"])[0]) == "")
        #expect(try detokenizer.append(ids(["a"])[0]) == "\na")
        // Ids without a token are no part of any text.
        detokenizer = tokenizer.makeDetokenizer(after: [-1, 1 << 40])
        #expect(try detokenizer.append(ids(["a"])[0]) == "a")
    }

    @Test func idsThatNoTokenHas() throws {
        let tokenizer = try load(
            tokenizerJSON(addedTokens: "[]", vocabulary: #"{"a":0,"b":2,"ab":3,"c":7}"#))
        #expect(tokenizer.unusedIDs(below: 10) == [1..<2, 4..<7, 8..<10])
        #expect(tokenizer.unusedIDs(below: 8) == [1..<2, 4..<7])
        #expect(tokenizer.unusedIDs(below: 6) == [1..<2, 4..<6])
        #expect(tokenizer.unusedIDs(below: 0) == [] && tokenizer.unusedIDs(below: -1) == [])
        let whole = try load(tokenizerJSON())
        #expect(whole.unusedIDs(below: 7) == [] && whole.unusedIDs(below: 9) == [7..<9])
        // The last token stands for a row without one.
        let vocabulary = SmallVocabulary.byteLevel
        let count = vocabulary.tokens.count
        let byteLevel = try Tokenizer(vocabulary: vocabulary)
        #expect(byteLevel.unusedIDs(below: count + 2) == [(count - 1)..<(count + 2)])
        #expect(byteLevel.unusedIDs(below: count) == [(count - 1)..<count])
    }
}
