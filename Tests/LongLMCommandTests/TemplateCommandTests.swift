import Foundation
import TestSupport
import Testing

/// `longlm template`
@Suite struct TemplateCommandTests {
    private let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
        let template =
            "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
            + #"{% if tools %}{{ tools | length }} tools{% endif %}{% if add_generation_prompt %}[assistant]{% endif %}"#
            + #"{% if messages[0].role == 'assistant' %}{{ raise_exception('who asks?') }}{% endif %}"#
        let members = ["chat_template": template, "bos_token": "<s>"]
        let json = try JSONSerialization.data(withJSONObject: members)
        try folder.write(String(decoding: json, as: UTF8.self), to: "tokenizer_config.json")
    }

    private func run(_ messages: String, _ options: [String] = []) throws -> Run {
        let file = try folder.write(messages, to: "messages.json")
        return try longlm(["template", "--model", folder.path, "--messages", file] + options)
    }

    private let messages = #"[{"role": "user", "content": "a  b"}, {"role": "assistant", "content": "<s>é"}]"#

    @Test func text() throws {
        let run = try run(messages)
        #expect(run.status == 0 && run.output == "<s>[user] a  b\n[assistant] <s>é\n[assistant]", "\(run.errors)")
        let unprompted = try self.run(messages, ["--no-generation-prompt"])
        #expect(unprompted.output == "<s>[user] a  b\n[assistant] <s>é\n")
    }

    @Test func tools() throws {
        let tools = try folder.write(#"[{"type": "function"}, {"type": "function"}]"#, to: "tools.json")
        let run = try run(
            #"[{"role": "user", "content": ""}]"#, ["--tools", tools, "--no-generation-prompt", "--json"])
        #expect(try run.json([String: String].self) == ["text": "<s>[user] \n2 tools"])
    }

    @Test func errors() throws {
        let refused = #"[{"role": "assistant", "content": "hi"}]"#
        let plain = try run(refused)
        #expect(plain.status == 1 && plain.output.isEmpty && plain.errors.contains("who asks?"))
        let json = try run(refused, ["--json"])
        #expect(try json.status == 1 && json.json([String: String].self)["error"]?.contains("who asks?") == true)
        #expect(json.errors.isEmpty)
        // A template that isn't Jinja is found when it is read.
        let template = try folder.write("{{ 1 + }}", to: "chat_template.jinja")
        let unparsed = try run(messages, ["--json"])
        #expect(try unparsed.status == 1 && unparsed.json([String: String].self)["error"]?.contains(template) == true)
        #expect(try unparsed.errors.isEmpty && run(messages).errors.contains("unexpected }}"))
        let object = try run("{}")
        #expect(object.status == 1 && object.errors.hasSuffix("messages.json: is not an array\n"))
        let broken = try run("[{]")
        #expect(broken.status == 1 && broken.errors.contains("messages.json: not valid JSON: line 1, column 3"))
    }
}
