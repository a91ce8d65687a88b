import Foundation
import TestSupport
import Testing
import Tokenization

@Suite struct GoldenTests {
    @Test(arguments: Goldens.names)
    func idsEqualThePythonPackage(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        let golden = try Golden(name)
        let texts = try Goldens.texts()
        #expect(texts.count > 600 && texts.count == golden.ids.count)
        #expect(tokenizer.vocabularySize == golden.vocabularySize)
        for (text, ids) in zip(texts, golden.ids) {
            #expect(tokenizer.encode(text) == ids, "\(name): \(scalars(text))")
        }
    }

    @Test(arguments: Goldens.names)
    func specialTokensInTextCanBeOrdinaryText(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        let golden = try Golden(name)
        var differing = 0
        for (index, text) in try Goldens.texts().enumerated() {
            let ids = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
            if let plain = golden.plainIds[String(index)] {
                differing += 1
                #expect(ids == plain, "\(name): \(scalars(text))")
            } else {
                #expect(ids == tokenizer.encode(text, addSpecialTokens: false), "\(name): \(scalars(text))")
            }
        }
        #expect(differing == golden.plainIds.count && differing > 0)
    }

    @Test(arguments: Goldens.names)
    func decodedTextEqualsThePythonPackage(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        let golden = try Golden(name)
        for sequence in golden.decodes {
            #expect(try scalars(tokenizer.decode(sequence.ids)) == scalars(sequence.text))
            let withoutSpecialTokens = try tokenizer.decode(sequence.ids, skipSpecialTokens: true)
            #expect(scalars(withoutSpecialTokens) == scalars(sequence.withoutSpecialTokens))
        }
        let texts = try Goldens.texts()
        for (index, text) in golden.decoded {
            let ids = golden.ids[try #require(Int(index))]
            #expect(try scalars(tokenizer.decode(ids, skipSpecialTokens: true)) == scalars(text), "\(text)")
        }
        #expect(golden.decoded.count < texts.count)
    }

    @Test func everyTokenHasOneSpellingAndOneID() throws {
        for name in Goldens.names {
            let tokenizer = try Goldens.tokenizer(name)
            for id in 0..<tokenizer.vocabularySize {
                let token = try #require(tokenizer.token(id: id))
                #expect(tokenizer.id(token: token) == id)
            }
            #expect(tokenizer.token(id: tokenizer.vocabularySize) == nil)
            #expect(tokenizer.token(id: -1) == nil)
            #expect(tokenizer.id(token: "not a token") == nil)
        }
    }

    /// The suffix "-real" is the published vocabulary, which is not in the repository.
    @Test(.enabled(if: FetchedModel.smolLM2.isExpected, Comment(rawValue: FetchedModel.smolLM2.absence)))
    func realSmolLM2EqualsThePythonPackage() throws {
        let tokenizer = try Tokenizer(contentsOfFile: FetchedModel.smolLM2.directory + "/tokenizer.json")
        let golden = try Golden("smollm2-real")
        #expect(tokenizer.vocabularySize == 49152)
        #expect(tokenizer.isSpecial(2) && tokenizer.token(id: 2) == "<|im_end|>")
        #expect(tokenizer.unencodableBytes == [0x04, 0x06, 0x13, 0x14, 0x16, 0x1D, 0xF1, 0xF2])
        for (index, text) in try Goldens.texts().enumerated() {
            #expect(tokenizer.encode(text) == golden.ids[index], "\(scalars(text))")
            if let plain = golden.plainIds[String(index)] {
                #expect(tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false) == plain)
            }
        }
        for sequence in golden.decodes {
            #expect(try scalars(tokenizer.decode(sequence.ids)) == scalars(sequence.text))
        }
    }
}
