import Foundation
import Testing
import Tokenization

/// Tiny tokenizers that Fixtures/make_tokenizer_cases.py has written, and what the Python packages make of them.
@Suite struct CaseTests {
    struct Case: Decodable {
        let tokenizer: String
        let texts: [String]
        let ids: [[Int]]
        /// Empty for a tokenizer with a normalizer.
        let decoded: [String]
    }

    struct Pieces: Decodable {
        let pattern: String
        let behavior: String
        let text: String
        let pieces: [String]
    }

    struct Published: Decodable {
        let name: String
        let preTokenizer: String
        let ids: [Int]
    }

    struct Configured: Decodable {
        let postProcessor: String
        let ids: [Int]
    }

    struct Cases: Decodable {
        let overlaps: [Case]
        let identities: [Case]
        let undecoded: [Case]
        let pieces: [Pieces]
        let published: [Published]
        let configured: [Configured]
    }

    static let all = Result { try Goldens.decode(Cases.self, "cases") }

    private func check(_ cases: [Case]) throws {
        for one in cases {
            let tokenizer = try load(one.tokenizer)
            #expect(one.texts.count == one.ids.count)
            for (text, ids) in zip(one.texts, one.ids) {
                #expect(tokenizer.encode(text) == ids, "\(one.tokenizer): \(text.debugDescription)")
            }
            for (ids, decoded) in zip(one.ids, one.decoded) {
                #expect(try scalars(tokenizer.decode(ids)) == scalars(decoded), "\(one.tokenizer): \(ids)")
            }
        }
    }

    /// Added tokens that take each other's white space, lie within each other, stand side by side, or are white space.
    @Test func addedTokensThatOverlap() throws {
        let cases = try Self.all.get().overlaps
        #expect(cases.count == 150)
        try check(cases)
    }

    /// Gaps between the ids of added tokens, ids out of order, and ids that the vocabulary contradicts.
    @Test func idsOfAddedTokens() throws {
        let cases = try Self.all.get().identities
        #expect(cases.count == 8)
        try check(cases)
    }

    @Test func withoutADecoderTokensAreJoinedBySpaces() throws {
        let cases = try Self.all.get().undecoded
        try check(cases)
        for one in cases {
            let tokenizer = try load(one.tokenizer)
            for (ids, decoded) in zip(one.ids, one.decoded) {
                var detokenizer = tokenizer.makeDetokenizer(skipSpecialTokens: false)
                var text = ""
                for id in ids { text += try detokenizer.append(id) }
                #expect(text + detokenizer.finish() == decoded)
            }
        }
    }

    @Test func piecesOfPatterns() throws {
        let cases = try Self.all.get().pieces
        #expect(cases.count == 700)
        for one in cases {
            let pieces = try PatternTests.pieces(one.pattern, of: one.text, behavior: one.behavior)
            #expect(pieces == one.pieces, "\(one.pattern): \(one.text.debugDescription), \(one.behavior)")
        }
    }

    /// A repeated group is matched by the program that bounds the time. It finds what the other matcher finds.
    @Test func piecesOfPatternsInRepeatedGroups() throws {
        for one in try Self.all.get().pieces {
            let pieces = try PatternTests.pieces("(?:\(one.pattern)){1,2}?", of: one.text, behavior: one.behavior)
            #expect(pieces == one.pieces, "\(one.pattern): \(one.text.debugDescription), \(one.behavior)")
        }
    }

    /// GPT-2's vocabulary with pre-tokenizers of other families: DeepSeek's, GPT-4's, SuperBPE's.
    @Test func preTokenizersOfPublishedFamilies() throws {
        let cases = try Self.all.get().published
        #expect(cases.count == 4)
        let text = try Goldens.texts.get().written.joined(separator: "\n")
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: Goldens.url("gpt2.tokenizer")))
        var file = try #require(json as? [String: Any])
        for one in cases {
            file["pre_tokenizer"] = try JSONSerialization.jsonObject(with: Data(one.preTokenizer.utf8))
            let tokenizer = try Tokenizer(json: [UInt8](JSONSerialization.data(withJSONObject: file)), name: "t.json")
            #expect(tokenizer.encode(text) == one.ids, "\(one.name)")
        }
    }

    /// `add_bos_token` and `add_eos_token` change nothing, so the ids follow from tokenizer.json alone.
    @Test func thePostProcessorAloneAddsTokens() throws {
        let cases = try Self.all.get().configured
        #expect(cases.count == 40)
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: Goldens.url("llama2.tokenizer")))
        var file = try #require(json as? [String: Any])
        for one in cases {
            file["post_processor"] = try JSONSerialization.jsonObject(
                with: Data(one.postProcessor.utf8), options: .fragmentsAllowed)
            let tokenizer = try Tokenizer(json: [UInt8](JSONSerialization.data(withJSONObject: file)), name: "t.json")
            #expect(tokenizer.encode("the text") == one.ids)
        }
    }
}
