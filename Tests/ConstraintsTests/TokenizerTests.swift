import Constraints
import Foundation
import TestSupport
import Testing
import Tokenization

/// Constraints with tokenizers of all kinds: what is decoded satisfies them.
@Suite struct TokenizerTests {
    private func tokenizer(_ name: String) throws -> Tokenizer {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = tests.appending(path: "TokenizationTests/Goldens/\(name).tokenizer.json")
        return try Tokenizer(contentsOfFile: file.path(percentEncoded: false))
    }

    /// Random tokens, as a text of their own and after a prompt. Spaces at the beginning are where tokenizers differ.
    @Test(arguments: [
        "gpt2", "smollm2", "llama3", "qwen2", "neox", "o200k", "llama2", "phi3", "mistral", "metaspace", "gemma",
    ])
    func decodedText(name: String) throws {
        let tokenizer = try tokenizer(name)
        let constraint = try Constraint.regularExpression("( {0,3}[a-zé€🙂])( ?[A-Za-z.,é€]){2,20}")
        let prompt = tokenizer.encode("word", addSpecialTokens: false)
        var random = SeededGenerator(seed: 11)
        for startsText in [true, false] {
            let matcher = try constraint.matcher(with: tokenizer)
            for _ in 0..<30 {
                var position = matcher.start(startsText: startsText)
                var tokens: [Int] = []
                while !matcher.isFinal(position), !(matcher.accepts(position) && Bool.random(using: &random)) {
                    let token = try #require(matcher.mask(at: position).tokens.randomElement(using: &random))
                    #expect(!tokenizer.isSpecial(token))
                    tokens.append(token)
                    position = try #require(matcher.advance(position, by: token))
                }
                var detokenizer = tokenizer.makeDetokenizer(after: startsText ? [] : prompt)
                let text = try tokens.map { try detokenizer.append($0) }.joined() + detokenizer.finish()
                #expect(constraint.accepts(text), "\(name): \(tokens) is \(text)")
            }
            constraint.takeBack(matcher)
        }
    }

    /// Where a prompt has tokens without text alone, the text begins after it.
    @Test func beginnings() throws {
        let tokenizer = try tokenizer("llama2")
        let start = try #require(tokenizer.id(token: "<s>"))
        #expect(tokenizer.startsText(after: []) && tokenizer.startsText(after: [start]))
        #expect(!tokenizer.startsText(after: [start] + tokenizer.encode("a", addSpecialTokens: false)))
        #expect(tokenizer.bytes(ofToken: start) == nil)
        let byte = try #require(tokenizer.id(token: "<0xE2>"))
        #expect(tokenizer.bytes(ofToken: byte) == [0xE2])
        // The decoder strips a text's first space, however it is spelled.
        let spaceByte = try #require(tokenizer.id(token: "<0x20>"))
        #expect(tokenizer.bytes(ofToken: spaceByte) == [0x20])
        #expect(tokenizer.bytes(ofToken: spaceByte, startsText: true) == [])
        #expect(tokenizer.bytes(ofToken: byte, startsText: true) == [0xE2])
        let space = try #require(tokenizer.id(token: "▁"))
        #expect(tokenizer.bytes(ofToken: space) == [0x20] && tokenizer.bytes(ofToken: space, startsText: true) == [])
    }
}
