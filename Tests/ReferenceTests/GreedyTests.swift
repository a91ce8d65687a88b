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

        var mode: AttentionMode {
            AttentionMode(selfExtend.map { SelfExtend(groupSize: $0.groupSize, neighborWindow: $0.window) })
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
            #expect(tokenizer.encode(golden.prompt) == golden.promptIDs, "\(golden.name)")
            #expect(golden.ids.count == 64)
        }
        for (golden, tokens) in zip(cases, try greedy(model, cases)) {
            #expect(tokens == golden.ids, "\(golden.name), \(golden.mode)")
        }
    }

    /// 64 tokens after each prompt, past any that ends a text, of all cases together, which reads the weights once for all.
    private func greedy(_ model: LanguageModel, _ cases: [Case]) throws -> [[Int]] {
        let batch = try Batch(model: model, sessionLimit: cases.count)
        let sessions = try cases.map { try Session(model: model, options: SessionOptions(attention: $0.mode)) }
        for (session, golden) in zip(sessions, cases) { try session.prefill(golden.promptIDs) }
        for _ in 1..<64 {
            try batch.decode(sessions.map(likeliest), in: sessions)
        }
        return zip(sessions, cases).map { $0.tokens.dropFirst($1.promptIDs.count) + [likeliest($0)] }
    }

    private func likeliest(_ session: Session) -> Int {
        session.logits.indices.max { session.logits[$0] < session.logits[$1] } ?? 0
    }
}
