import Foundation
import TestSupport
import Testing

/// `generate` with a stop sequence, a penalty and temperatures, on the small model that was trained to find pass keys.
@Suite struct SamplingTests {
    private struct Generated: Decodable {
        let text: String
        let tokens: [Int]
        let stopReason: String
    }

    private func generate(_ arguments: [String]) throws -> Generated {
        let prompt = ["--prompt", "the garden is green and the ", "--max-tokens", "20"]
        let run = try longlm(["generate", "--model", Fixtures.path("passkey-tiny"), "--json"] + prompt + arguments)
        #expect(run.status == 0, Comment(rawValue: run.errors))
        return try run.json(Generated.self)
    }

    @Test func stopSequences() throws {
        let whole = try generate([])
        #expect(whole.tokens.count == 20 && whole.stopReason == "tokenLimit" && whole.text.utf8.count == 20)
        // A character is a token of this model. The sequence may come earlier, too.
        let stop = String(whole.text.dropFirst(8).prefix(3))
        let expected = try #require(whole.text.range(of: stop))
        let stopped = try generate(["--stop", "no such text", "--stop", stop])
        #expect(stopped.text == whole.text[..<expected.lowerBound] && stopped.stopReason == "stopSequence")
        #expect(stopped.tokens.count == stopped.text.count + 3)
        #expect(stopped.tokens == Array(whole.tokens.prefix(stopped.tokens.count)))
    }

    /// Without a temperature the most probable token is taken, and a small one comes to the same.
    @Test func temperatures() throws {
        let greedy = try generate([])
        #expect(try generate(["--temperature", "0"]).tokens == greedy.tokens)
        #expect(try generate(["--temperature", "1e-6", "--seed", "3"]).tokens == greedy.tokens)
        let hot = try generate(["--temperature", "5", "--seed", "3"])
        #expect(hot.tokens != greedy.tokens)
        #expect(try hot.tokens == generate(["--temperature", "5", "--seed", "3"]).tokens)
    }

    /// One changes nothing, and a great one chooses others.
    @Test func repetitionPenalty() throws {
        #expect(try generate(["--repetition-penalty", "1"]).tokens == generate([]).tokens)
        let tokens = try generate(["--repetition-penalty", "1e9"]).tokens
        #expect(tokens != (try generate([]).tokens))
    }
}
