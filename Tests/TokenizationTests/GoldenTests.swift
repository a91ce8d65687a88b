import Foundation
import TestSupport
import Testing
import Tokenization

@Suite struct GoldenTests {
    @Test(arguments: Goldens.names)
    func idsEqualThePythonPackage(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        let golden = try Golden(name)
        let texts = try Goldens.texts.get()
        #expect(tokenizer.vocabularySize == golden.vocabularySize)
        #expect(texts.written.count == golden.ids.count)
        for (text, ids) in zip(texts.written, golden.ids) {
            #expect(tokenizer.encode(text) == ids, "\(name): \(scalars(text))")
        }
        #expect(texts.others.count > 2200 && texts.others.count == golden.idHashes.values.count)
        for (text, hash) in zip(texts.others, golden.idHashes.values) {
            #expect(Hashes.hash(tokenizer.encode(text)) == hash, "\(name): \(scalars(text).prefix(40))")
        }
    }

    @Test(arguments: Goldens.names)
    func specialTokensInTextCanBeOrdinaryText(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        let golden = try Golden(name)
        let texts = try Goldens.texts.get()
        var differing = 0
        for (index, text) in texts.written.enumerated() {
            let ids = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
            if let plain = golden.plainIds[String(index)] {
                differing += 1
                #expect(ids == plain, "\(name): \(scalars(text))")
            } else {
                #expect(ids == tokenizer.encode(text, addSpecialTokens: false), "\(name): \(scalars(text))")
            }
        }
        #expect(differing == golden.plainIds.count)
        for (text, hash) in zip(texts.others, golden.plainIdHashes.values) {
            let ids = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
            #expect(Hashes.hash(ids) == hash, "\(name): \(scalars(text).prefix(40))")
        }
        #expect(zip(golden.idHashes.values, golden.plainIdHashes.values).contains { $0 != $1 })
    }

    @Test(arguments: Goldens.names)
    func decodedTextEqualsThePythonPackage(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        let golden = try Golden(name)
        for sequence in golden.decodes {
            #expect(try scalars(tokenizer.decode(sequence.ids)) == scalars(sequence.text), "\(name): \(sequence.ids)")
            let withoutSpecialTokens = try tokenizer.decode(sequence.ids, skipSpecialTokens: true)
            #expect(scalars(withoutSpecialTokens) == scalars(sequence.withoutSpecialTokens))
        }
        let texts = try Goldens.texts.get()
        for (index, ids) in golden.ids.enumerated() {
            let expected = golden.decoded[String(index)] ?? texts.written[index]
            #expect(try scalars(tokenizer.decode(ids)) == scalars(expected), "\(name): \(ids)")
        }
        for (text, hash) in zip(texts.others, golden.decodedHashes.values) {
            let decoded = try tokenizer.decode(tokenizer.encode(text))
            #expect(Hashes.hash(decoded) == hash, "\(name): \(scalars(text).prefix(40))")
        }
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
        let texts = try Goldens.texts.get()
        for (index, text) in texts.written.enumerated() {
            #expect(tokenizer.encode(text) == golden.ids[index], "\(scalars(text))")
            if let plain = golden.plainIds[String(index)] {
                #expect(tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false) == plain)
            }
        }
        for (text, hash) in zip(texts.others, golden.idHashes.values) {
            #expect(Hashes.hash(tokenizer.encode(text)) == hash, "\(scalars(text).prefix(40))")
        }
        for sequence in golden.decodes {
            #expect(try scalars(tokenizer.decode(sequence.ids)) == scalars(sequence.text))
        }
    }
}
