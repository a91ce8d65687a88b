import Foundation
import TestSupport
import Testing

/// `--self-extend auto` and `--length`, with a model that was trained for 64 tokens and reads a character as one.
@Suite struct SessionLengthTests {
    private struct Generated: Decodable {
        let tokens: [Int]
        let promptTokenCount: Int
        let stopReason: String
    }

    private static let characters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!.,-_")

    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try TinyLlama().write(to: directory)
        let vocabulary = jsonObject(
            Dictionary(uniqueKeysWithValues: Self.characters.enumerated().map { ("\($1)", "\($0)") }))
        try directory.write(
            """
            {"added_tokens":[],"normalizer":null,
            "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},
            "post_processor":null,"decoder":{"type":"ByteLevel"},
            "model":{"type":"BPE","vocab":\(vocabulary),"merges":[]}}
            """, to: "tokenizer.json")
    }

    /// Runs a command with a prompt of `count` tokens.
    private func run(_ command: String, _ count: Int, _ arguments: [String]) throws -> Run {
        let text = String((0..<count).map { Self.characters[$0 * 7 % Self.characters.count] })
        return try longlm([command, "--model", directory.path, "--prompt-file", "-"] + arguments, input: text)
    }

    private func explicit(_ group: Int, _ window: Int) -> [String] {
        ["--group-size", "\(group)", "--neighbor-window", "\(window)"]
    }

    @Test("auto gives the logits of the G and W that it names, and of the plain model where that suffices")
    func logits() throws {
        let auto = ["--self-extend", "auto"]
        let extended = try run("logits", 100, auto)
        #expect(extended.status == 0 && extended.output.count == 65)
        #expect(extended.errors == "Self-Extend with G = 6, W = 12 for 100 tokens\n")
        let expected = try run("logits", 100, explicit(6, 12))
        #expect(expected.errors.isEmpty && extended.output == expected.output)
        // The length decides, not the prompt.
        let longer = try run("logits", 100, auto + ["--length", "200"])
        #expect(longer.errors == "Self-Extend with G = 9, W = 9 for 200 tokens\n")
        #expect(try longer.output == run("logits", 100, explicit(9, 9)).output)
        #expect(longer.output != extended.output)

        let plain = try run("logits", 50, auto)
        #expect(plain.errors == "plain attention for 50 tokens\n")
        #expect(try plain.output == run("logits", 50, []).output)
        #expect(try run("logits", 50, auto + ["--length", "100"]).output == run("logits", 50, explicit(6, 12)).output)
    }

    @Test("auto counts the tokens to generate")
    func generate() throws {
        let run = try run("generate", 90, ["--self-extend", "auto", "--max-tokens", "10", "--json"])
        #expect(run.status == 0)
        #expect(run.errorLines.first == "Self-Extend with G = 6, W = 12 for 100 tokens")
        let generated = try run.json(Generated.self)
        #expect(generated.promptTokenCount == 90 && generated.tokens.count == 10)
        let expected = try self.run("generate", 90, explicit(6, 12) + ["--max-tokens", "10", "--json"])
        #expect(expected.errorLines.count == 1)
        #expect(try expected.json(Generated.self).tokens == generated.tokens)
    }

    @Test func lengthEndsTheText() throws {
        let generated = try run("generate", 20, ["--length", "25", "--json"]).json(Generated.self)
        // The last token's own place isn't needed.
        #expect(generated.tokens.count == 6 && generated.stopReason == "capacity")
        let whole = try run("generate", 25, ["--length", "25", "--json"]).json(Generated.self)
        #expect(whole.tokens.count == 1)
    }

    @Test("A prompt beyond --length", arguments: [[], ["--self-extend", "auto"], ["--beyond-context"]])
    func promptBeyondLength(arguments: [String]) throws {
        for command in ["generate", "logits"] {
            let run = try run(command, 26, ["--length", "25"] + arguments)
            #expect(run.status == 1 && run.output.isEmpty)
            #expect(run.errors == "longlm: the prompt has 26 tokens, but --length is 25\n")
        }
    }

    private static let autoRefusal =
        "no group size extends a model trained for 64 tokens to 443; LongLM's rule, 2/3 · L > W + (N − W)/G, reaches 442"

    /// The last length that is accepted, the options, and what is said of the next one.
    @Test(
        "A length that the mode doesn't reach is refused before the tokenizer is read",
        arguments: [
            (
                64, [],
                "--length is 65, the model's positions reach to 64: extend it with --self-extend auto, or with "
                    + "--group-size and --neighbor-window, or go on regardless with --beyond-context"
            ),
            (
                112, ["--group-size", "2", "--neighbor-window", "16"],
                "--length is 113, the model's positions reach to 112: take --self-extend auto, or a larger --group-size "
                    + "or a smaller --neighbor-window, or go on regardless with --beyond-context"
            ),
            (
                112, ["--attention", "leaky-rerope", "--group-size", "2", "--neighbor-window", "16"],
                "--length is 113, the model's positions reach to 112: take a larger --group-size or a smaller "
                    + "--neighbor-window, or go on regardless with --beyond-context"
            ),
            (442, ["--self-extend", "auto"], autoRefusal),
        ] as [(Int, [String], String)])
    func lengthBeyondTheMode(last: Int, options: [String], message: String) throws {
        #expect(try run("logits", 20, ["--length", "\(last)"] + options).status == 0)
        let configurationOnly = try TemporaryDirectory()
        try configurationOnly.write(jsonObject(TinyLlama().configuration), to: "config.json")
        for command in ["generate", "logits"] {
            let refused = try longlm(
                [command, "--model", configurationOnly.path, "--prompt", "a", "--length", "\(last + 1)"] + options)
            #expect(refused.status == 1 && refused.output.isEmpty)
            #expect(refused.errors == "longlm: \(message)\n")
        }
        guard !options.contains("auto") else { return }
        #expect(try run("logits", 20, ["--length", "\(last + 1)", "--beyond-context"] + options).status == 0)
    }

    @Test("A long prompt's refusal offers auto; auto's own names what it reaches")
    func promptBeyondTheMode() throws {
        let plain = try run("logits", 65, [])
        #expect(plain.status == 1)
        #expect(
            plain.errors == "longlm: the prompt has 65 tokens, the model's positions reach to 64: extend it with "
                + "--self-extend auto, or with --group-size and --neighbor-window, or go on regardless with "
                + "--beyond-context\n")
        let auto = try run("generate", 440, ["--self-extend", "auto", "--max-tokens", "3"])
        #expect(auto.status == 1 && auto.errors == "longlm: \(Self.autoRefusal)\n")
    }
}
