import Foundation
import LongLM
import TestSupport
import Testing

/// Real models write what transformers writes in 32-bit floats: Fixtures/greedy holds five prompts for each, with the 64
/// tokens that follow, no step of which hangs on rounding.
@Suite("Greedy tokens", .serialized)
struct GreedyTests {
    private struct Goldens: Decodable {
        let cases: [Case]
    }

    private struct Case: Decodable {
        let name: String
        let prompt: String
        let promptIDs: [Int]
        let ids: [Int]
        let selfExtend: Settings?

        enum CodingKeys: String, CodingKey {
            case name, prompt, ids
            case promptIDs = "prompt_ids"
            case selfExtend = "self_extend"
        }
    }

    private struct Settings: Decodable {
        let groupSize: Int
        let window: Int

        enum CodingKeys: String, CodingKey {
            case groupSize = "group_size"
            case window
        }
    }

    @Test(
        "SmolLM2, plain and with Self-Extend",
        .enabled(if: FetchedModel.smolLM2.isExpected, Comment(rawValue: FetchedModel.smolLM2.absence)))
    func smolLM2() throws {
        try check(.smolLM2, "greedy/smollm2.json", caseCount: 10)
    }

    @Test(
        "Gemma 3 270M",
        .enabled(if: FetchedModel.gemma3.isExpected, Comment(rawValue: FetchedModel.gemma3.absence)))
    func gemma3() throws {
        try check(.gemma3, "greedy/gemma3.json", caseCount: 5)
    }

    private func check(_ fetched: FetchedModel, _ goldens: String, caseCount: Int) throws {
        let model = try LanguageModel(directory: fetched.directory)
        let tokenizer = try Tokenizer(contentsOfFile: fetched.directory + "/tokenizer.json")
        let data = try Data(contentsOf: URL(filePath: Fixtures.path(goldens)))
        let cases = try JSONDecoder().decode(Goldens.self, from: data).cases
        #expect(cases.count == caseCount)
        for golden in cases {
            let mode = AttentionMode(
                golden.selfExtend.map { SelfExtend(groupSize: $0.groupSize, neighborWindow: $0.window) })
            #expect(tokenizer.encode(golden.prompt) == golden.promptIDs, "\(golden.name)")
            #expect(golden.ids.count == 64)
            #expect(try greedy(model, golden.promptIDs, mode) == golden.ids, "\(golden.name), \(mode)")
        }
    }

    /// 64 tokens, past any that ends a text.
    private func greedy(_ model: LanguageModel, _ prompt: [Int], _ mode: AttentionMode) throws -> [Int] {
        let session = try Session(model: model, options: SessionOptions(attention: mode))
        try session.prefill(prompt)
        var tokens: [Int] = []
        while tokens.count < 64 {
            let next = session.logits.indices.max { session.logits[$0] < session.logits[$1] } ?? 0
            tokens.append(next)
            try session.decode(next)
        }
        return tokens
    }
}
