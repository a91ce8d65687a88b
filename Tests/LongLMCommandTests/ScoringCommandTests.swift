import Foundation
import LongLM
import Safetensors
import TestSupport
import Testing

private let tiny = Fixtures.path("passkey-tiny")

@Suite("longlm score and longlm embed")
struct ScoringCommandTests {
    private struct Scored: Decodable, Equatable {
        struct Token: Decodable, Equatable {
            let id: Int
            let logProbability: Double
            let isMostProbable: Bool
        }

        let continuation: String
        let logProbability: Double
        let isGreedy: Bool
        let tokens: [Token]
    }

    private struct Embedded: Decodable {
        let tokenCount: Int
        let embedding: [Float]
    }

    private func lines<Value: Decodable>(_ run: Run, _ type: Value.Type) throws -> [Value] {
        try run.output.split(separator: "\n").map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
    }

    private let prompt = "the pass key is 48213. what is the pass key? the pass key is "

    /// What the library says of the same tokens, whatever was scored before them.
    @Test func scoresContinuations() throws {
        let run = try longlm([
            "score", "--model", tiny, "--prompt", prompt, "--continuation", "48213", "--continuation", "48999",
            "--continuation", "4", "--json",
        ])
        #expect(run.status == 0)
        let scored = try lines(run, Scored.self)
        #expect(scored.map(\.continuation) == ["48213", "48999", "4"])
        let model = try LanguageModel(directory: tiny)
        let tokenizer = try Tokenizer(contentsOfFile: tiny + "/tokenizer.json")
        for line in scored {
            let session = try Session(model: model)
            let tokens = tokenizer.encode(prompt, continuation: line.continuation)
            try session.prefill(tokens.text)
            let scores = try session.score(tokens.continuation)
            #expect(line.tokens.map(\.id) == tokens.continuation)
            #expect(line.tokens.map(\.logProbability) == scores.map(\.logProbability))
            #expect(line.tokens.map(\.isMostProbable) == scores.map(\.isMostProbable))
            #expect(line.logProbability == scores.reduce(0) { $0 + $1.logProbability })
            #expect(line.isGreedy == scores.allSatisfy(\.isMostProbable))
        }
        // The model finds keys.
        #expect(scored[0].isGreedy && !scored[1].isGreedy)
        #expect(scored[0].logProbability > scored[1].logProbability + 5)
    }

    @Test func printsALineForEach() throws {
        let run = try longlm([
            "score", "--model", tiny, "--prompt", prompt, "--continuation", "48213", "--continuation", "9",
        ])
        let lines = run.output.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].contains("greedy") && lines[0].hasSuffix("5 tokens    \"48213\""))
        #expect(!lines[1].contains("greedy") && lines[1].contains("1 token "))
    }

    /// A file of prompts in any order, blank lines, and Self-Extend, whose sessions can't be shortened to any length.
    @Test(arguments: [[], ["--group-size", "4", "--neighbor-window", "32"]])
    func readsJSONLines(more: [String]) throws {
        let long = String(repeating: "the river is quiet. ", count: 40)
        let isExtended = !more.isEmpty
        let contexts = [prompt, isExtended ? long + prompt : "", prompt]
        let input = contexts.map { #"{"context": "\#($0)", "continuation": "48213"}"# }.joined(separator: "\n\n")
        let run = try longlm(["score", "--model", tiny, "--input", "-", "--json"] + more, input: input)
        #expect(run.status == 0, "\(run.errors)")
        let scored = try lines(run, Scored.self)
        #expect(scored.count == 3 && scored[0] == scored[2] && scored[0] != scored[1])
        // A text's first token is given.
        #expect(isExtended || scored[1].tokens[0].logProbability == 0)
    }

    @Test func refusesWrongInput() throws {
        func errors(_ arguments: [String], input: String = "") throws -> (status: Int32, text: String) {
            let run = try longlm(["score", "--model", tiny] + arguments, input: input)
            return (run.status, run.errors)
        }
        let neither = try errors(["--prompt", "a"])
        #expect(neither.status == 2 && neither.text.contains("--continuation"))
        let both = try errors(["--prompt", "a", "--continuation", "b", "--input", "-"])
        #expect(both.status == 2 && both.text.contains("--input goes with neither"))
        let line = try errors(
            ["--input", "-"], input: "{\"context\": \"a\", \"continuation\": \"b\"}\n{\"context\": 1}\n")
        #expect(line.status == 1 && line.text.contains("line 2 is no JSON object with the strings"))
        #expect(try errors(["--input", "-"], input: " \n") == (1, "longlm: standard input: has no line to score\n"))
        #expect(
            try errors(["--prompt", "a", "--continuation", ""]) == (1, "longlm: a continuation is empty\n"))
        let long = try errors(["--prompt", String(repeating: "a", count: 300), "--continuation", "b"])
        #expect(long.status == 1 && long.text.contains("positions reach to 256"))
    }

    @Test func embedsTexts() throws {
        let texts = ["the wolf", "the wolf in the garden", "the wolf"]
        let run = try longlm(
            ["embed", "--model", tiny, "--pooling", "last", "--normalize"] + texts.flatMap { ["--text", $0] })
        #expect(run.status == 0)
        let embedded = try lines(run, Embedded.self)
        #expect(embedded.count == 3 && embedded[0].embedding == embedded[2].embedding)
        #expect(embedded[0].embedding != embedded[1].embedding)
        let tokenizer = try Tokenizer(contentsOfFile: tiny + "/tokenizer.json")
        let session = try Session(model: try LanguageModel(directory: tiny))
        let tokens = tokenizer.encode(texts[1])
        #expect(embedded[1].tokenCount == tokens.count)
        #expect(embedded[1].embedding == (try session.embedding(of: tokens, pooling: .last, isNormalized: true)))
        let lines = try longlm(["embed", "--model", tiny, "--input", "-"], input: "the wolf\nthe river\n")
        #expect(try self.lines(lines, Embedded.self).count == 2)
        #expect(try longlm(["embed", "--model", tiny]).status == 2)
        #expect(try longlm(["embed", "--model", tiny, "--input", "-"], input: "a\n\nb\n").status == 1)
    }

    /// An adapter without effect, one with, and one that can't be merged.
    @Test func mergesAdapters() throws {
        func adapter(_ value: Float, type: String = "LORA") throws -> TemporaryDirectory {
            let directory = try TemporaryDirectory()
            try directory.write(
                #"{"peft_type": "\#(type)", "r": 2, "lora_alpha": 4, "bias": "none"}"#, to: "adapter_config.json")
            var writer = SafetensorsWriter()
            let name = "base_model.model.model.layers.1.self_attn.v_proj.lora_"
            for (ending, shape) in [("A", [2, 128]), ("B", [128, 2])] {
                let bytes = (0..<256).flatMap { index in
                    withUnsafeBytes(of: (value * Float(index % 7)).bitPattern.littleEndian) { Array($0) }
                }
                try writer.add("\(name)\(ending).weight", dtype: .float32, shape: shape, bytes: bytes)
            }
            try writer.write(to: directory.file("adapter_model.safetensors"))
            return directory
        }
        func hash(_ more: [String]) throws -> String {
            try longlm(["logits", "--model", tiny, "--prompt", prompt] + more).output
        }
        let (none, some) = (try adapter(0), try adapter(0.1))
        let plain = try hash([])
        #expect(try hash(["--adapter", none.path]) == plain)
        let changed = try hash(["--adapter", some.path])
        #expect(changed.count == plain.count && changed != plain)
        #expect(try hash(["--adapter", none.path, "--adapter", some.path]) == changed)
        // A draft model has none of its own.
        let drafted = try longlm(
            [
                "generate", "--model", tiny, "--prompt", "ab", "--max-tokens", "4", "--draft-model", tiny, "--adapter",
                some.path,
            ])
        #expect(drafted.status == 0, Comment(rawValue: drafted.errors))
        let other = try adapter(0, type: "IA3")
        let run = try longlm(["generate", "--model", tiny, "--prompt", "a", "--adapter", other.path])
        #expect(run.status == 1 && run.errors.contains("it uses the PEFT type IA3"))
        // What is given as a model.
        let model = try longlm(["generate", "--model", some.path, "--prompt", "a"])
        #expect(model.status == 1 && model.errors.contains("--adapter"))
    }

    @Test func generatesWithLogProbabilities() throws {
        struct Generated: Decodable {
            struct Token: Decodable {
                struct Alternative: Decodable {
                    let id: Int
                    let text: String
                    let logProbability: Double
                }

                let id: Int
                let logProbability: Double
                let alternatives: [Alternative]
            }

            let tokens: [Int]
            let probabilities: [Token]?
        }
        let arguments = ["generate", "--model", tiny, "--prompt", prompt, "--max-tokens", "5", "--json"]
        #expect(try longlm(arguments).json(Generated.self).probabilities == nil)
        let generated = try longlm(arguments + ["--logprobs", "2"]).json(Generated.self)
        let probabilities = try #require(generated.probabilities)
        #expect(probabilities.map(\.id) == generated.tokens && probabilities.count == 5)
        for (token, digit) in zip(probabilities, "48213") {
            #expect(token.alternatives.count == 2 && token.alternatives[0].id == token.id)
            #expect(token.alternatives[0].text == String(digit))
            #expect(token.logProbability == token.alternatives[0].logProbability)
            #expect(token.logProbability > token.alternatives[1].logProbability)
        }
        #expect(try longlm(["generate", "--model", tiny, "--prompt", "a", "--logprobs", "2"]).status == 2)
        #expect(try longlm(arguments + ["--logprobs", "1001"]).status == 2)
    }
}
