import Foundation
import TestSupport
import Testing

/// `generate` with tokens guessed ahead, on the small model that was trained to find pass keys.
@Suite struct SpeculationCommandTests {
    private struct Generated: Decodable {
        let text: String
        let tokens: [Int]
        let decodePassCount: Int
        let guessedTokenCount: Int
        let acceptedTokenCount: Int
    }

    private let model = Fixtures.path("passkey-tiny")

    private func generate(_ arguments: [String]) throws -> Generated {
        let prompt = ["--prompt", "the garden is green and the garden is green and the ", "--max-tokens", "60"]
        let run = try longlm(["generate", "--model", model, "--json"] + prompt + arguments)
        #expect(run.status == 0, Comment(rawValue: run.errors))
        return try run.json(Generated.self)
    }

    @Test func guessesChangeNoToken() throws {
        for sampling in [[], ["--temperature", "0.8", "--seed", "4"]] {
            let plain = try generate(sampling + ["--no-speculation"])
            #expect(plain.decodePassCount == 59 && plain.guessedTokenCount == 0 && plain.acceptedTokenCount == 0)
            for options in [[], ["--draft-model", model]] {
                let guessed = try generate(sampling + options)
                #expect(guessed.tokens == plain.tokens && guessed.text == plain.text)
                #expect(guessed.decodePassCount + guessed.acceptedTokenCount == 59)
                #expect(guessed.acceptedTokenCount <= guessed.guessedTokenCount)
            }
        }
    }

    @Test func wrongDrafts() throws {
        let base = ["generate", "--model", model, "--prompt", "a"]
        let missing = try longlm(base + ["--draft-model", "/no/model"])
        #expect(missing.status == 1 && missing.errors == "longlm: /no/model: no such file or directory\n")
        let both = try longlm(base + ["--draft-model", model, "--no-speculation"])
        #expect(both.status == 2 && both.errors.contains("--no-speculation and --draft-model exclude each other"))
        // The same model with a token spelled in another way.
        let directory = try TemporaryDirectory()
        for name in try FileManager.default.contentsOfDirectory(atPath: model) where name != "tokenizer.json" {
            try FileManager.default.copyItem(atPath: model + "/" + name, toPath: directory.file(name))
        }
        let tokenizer = try String(contentsOfFile: model + "/tokenizer.json", encoding: .utf8)
        let changed = tokenizer.replacing("\"q\":", with: "\"\u{e6}\":")
        #expect(changed != tokenizer)
        try directory.write(changed, to: "tokenizer.json")
        let run = try longlm(base + ["--draft-model", directory.path])
        #expect(run.status == 1 && run.errors.contains("has another vocabulary: token"), Comment(rawValue: run.errors))
    }
}
