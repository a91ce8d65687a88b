import Foundation
import TestSupport

/// A tiny model whose vocabulary is characters, with a chat template that puts the messages one after another. So the text
/// of a chat is the same as a prompt of `generate`.
struct ChatFixture {
    let folder: TemporaryDirectory

    /// - Parameters:
    ///   - template: The chat template.
    ///   - generation: The text of generation_config.json. By default, no token ends a text.
    ///   - changing: Changes the text of tokenizer.json.
    init(
        template: String = "{% for m in messages %}{{ m.content }}{% endfor %}",
        generation: String = #"{"eos_token_id": []}"#, changing: (String) -> String = { $0 }
    ) throws {
        folder = try TemporaryDirectory()
        let tiny = Fixtures.path("passkey-tiny")
        for name in ["config.json", "model.safetensors"] {
            try FileManager.default.createSymbolicLink(
                atPath: folder.file(name), withDestinationPath: tiny + "/" + name)
        }
        let tokenizer = try String(contentsOfFile: tiny + "/tokenizer.json", encoding: .utf8)
        try folder.write(changing(tokenizer), to: "tokenizer.json")
        try folder.write(generation, to: "generation_config.json")
        let template = try JSONEncoder().encode(["chat_template": template])
        try folder.write(String(decoding: template, as: UTF8.self), to: "tokenizer_config.json")
    }

    /// The arguments of `chat` with this model.
    func arguments(_ more: [String] = [], maxTokens: Int = 6) -> [String] {
        ["chat", "--model", folder.path, "--threads", "1", "--max-tokens", "\(maxTokens)"] + more
    }

    /// Runs `chat` with lines from a pipe.
    func chat(_ lines: String..., arguments more: [String] = [], maxTokens: Int = 6) throws -> Run {
        try longlm(arguments(more, maxTokens: maxTokens), input: lines.map { $0 + "\n" }.joined())
    }

    /// What the model makes of a prompt.
    func continuation(_ prompt: String, arguments more: [String] = [], maxTokens: Int = 6) throws -> String {
        let run = try longlm(
            ["generate", "--model", folder.path, "--prompt", prompt, "--max-tokens", "\(maxTokens)", "--threads", "1"]
                + more)
        return String(run.output.dropLast())
    }
}
