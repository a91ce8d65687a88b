import Foundation
import TestSupport
import Testing
import Tokenization

/// Calls in answers that come in pieces.
@Suite struct ToolCallParserTests {
    private typealias Event = ToolCallParser.Event

    /// An answer in a form, what of it is text, and its calls.
    struct Answer: Sendable, CustomTestStringConvertible {
        let form: ToolCallForm
        let answer: String
        let text: String
        let calls: [ToolCall]

        var testDescription: String { "\(form.name): \(answer)" }

        init(_ form: ToolCallForm, _ answer: String, text: String = "", _ calls: [ToolCall] = []) {
            self.form = form
            self.answer = answer
            self.text = text
            self.calls = calls
        }

        /// An answer that is all text.
        init(_ form: ToolCallForm, onlyText answer: String) { self.init(form, answer, text: answer) }
    }

    static let answers: [Answer] = [
        Answer(.hermes, onlyText: "Plain text with < and <tool and </tool_call>, é and 東京."),
        Answer(
            .hermes, "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>",
            [ToolCall(name: "now", arguments: "{}")]),
        Answer(
            .hermes,
            "Zürich:\n<tool_call>{\"arguments\":{\"a\" : [1, 2.50, -0e+1, true, null, \"}\\\"</tool_call>\\u00e9\"]} , \"name\":\"f.g\"}</tool_call>\n"
                + "<tool_call>\n{\"name\": \"h\"}\n</tool_call>.",
            text: "Zürich:\n\n.",
            [
                ToolCall(
                    name: "f.g", arguments: "{\"a\" : [1, 2.50, -0e+1, true, null, \"}\\\"</tool_call>\\u00e9\"]}"),
                ToolCall(name: "h", arguments: "{}"),
            ]),
        // Arguments as the text of an object.
        Answer(
            .hermes, #"<tool_call>{"name": "f", "arguments": "{\"a\": 1}"}</tool_call>"#,
            [ToolCall(name: "f", arguments: #"{"a": 1}"#)]),
        // An end token in the place of the mark.
        Answer(
            .hermes, "Now.<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n", text: "Now.",
            [ToolCall(name: "now", arguments: "{}")]),
        // A beginning that isn't followed by a call, and then one that is.
        Answer(
            .hermes, "<<tool_call><tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>", text: "<<tool_call>",
            [ToolCall(name: "f", arguments: "{}")]),
        Answer(
            .hermes,
            "<tool_call>{\"name\": \"f\", \"arguments\": {}}<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>",
            text: "<tool_call>{\"name\": \"f\", \"arguments\": {}}", [ToolCall(name: "g", arguments: "{}")]),
        // No calls: what is malformed, and what is well formed and none.
        Answer(.hermes, onlyText: "<tool_call>{\"name\": \"f\", \"arguments\": {}"),
        Answer(.hermes, onlyText: "<tool_call>{\"name\": \"f\", \"arguments\": {]}}</tool_call>"),
        Answer(.hermes, onlyText: "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1, \"a\": 2}}</tool_call>"),
        Answer(.hermes, onlyText: "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"\\ud800\"}}</tool_call>"),
        Answer(.hermes, onlyText: "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1e999}}</tool_call>"),
        Answer(.hermes, onlyText: "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>"),
        Answer(.hermes, onlyText: "<tool_call>{\"name\": 1, \"arguments\": {}}</tool_call>"),
        Answer(.hermes, onlyText: "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>"),
        Answer(.hermes, onlyText: "<tool_call>{\"arguments\": {}}</tool_call>"),
        Answer(.hermes, onlyText: "<tool_call>[{\"name\": \"f\", \"arguments\": {}}]</tool_call>"),
        Answer(.hermes, onlyText: "<tool_call>{\"name\": \"f\", \"arguments\": {}}}</tool_call>"),
        Answer(.hermes, onlyText: "<tool_call>get_weather</tool_call>"),

        // Thoughts, in which a call is only considered.
        Answer(
            .hermes,
            " \n<think>\nI could <tool_call>{\"name\": \"f\"}</tool_call> </thi</think>\n<tool_call>{\"name\": \"g\"}</tool_call>",
            text: " \n<think>\nI could <tool_call>{\"name\": \"f\"}</tool_call> </thi</think>\n",
            [ToolCall(name: "g", arguments: "{}")]),
        Answer(
            .hermes, "<thin<tool_call>{\"name\": \"f\"}</tool_call><think>", text: "<thin<think>",
            [ToolCall(name: "f", arguments: "{}")]),
        Answer(.hermes, onlyText: "<think><tool_call>{\"name\": \"f\"}</tool_call>"),
        Answer(
            .llama3, "<think>x</think> {\"name\": \"f\", \"parameters\": {}}", text: "<think>x</think>",
            [ToolCall(name: "f", arguments: "{}")]),
        Answer(
            .ministral3, "[THINK][TOOL_CALLS]f[ARGS]{}[/THINK][TOOL_CALLS]g[ARGS]{}",
            text: "[THINK][TOOL_CALLS]f[ARGS]{}[/THINK]", [ToolCall(name: "g", arguments: "{}")]),

        Answer(
            .llama3, #"{"name": "f", "parameters": {"a": "é"}}"#, [ToolCall(name: "f", arguments: #"{"a": "é"}"#)]),
        Answer(
            .llama3, "\n <|python_tag|>{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}", text: "\n ",
            [ToolCall(name: "f", arguments: "{}")]),
        Answer(
            .llama3, #"{"name": "f", "parameters": {}}; {"name": "g", "parameters": {"b": {}}}"# + "\n", text: "\n",
            [ToolCall(name: "f", arguments: "{}"), ToolCall(name: "g", arguments: #"{"b": {}}"#)]),
        // JSON that isn't a call, and a call that isn't at the beginning.
        Answer(.llama3, onlyText: #"{"name": "Bob"}"#),
        Answer(.llama3, onlyText: #"{"name": "f", "parameters": {}, "age": 3}"#),
        Answer(.llama3, onlyText: #"{"first": {"name": "f", "parameters": {}}}"#),
        Answer(.llama3, onlyText: #"[{"name": "f", "parameters": {}}]"#),
        Answer(.llama3, onlyText: #"See: {"name": "f", "parameters": {}}"#),
        Answer(.llama3, onlyText: #"<|python_tag|>search.call(query="x")"#),

        Answer(
            .mistral,
            #"[TOOL_CALLS] [{"name": "f", "arguments": {}, "id": "abcdefghi"}, {"name": "g", "arguments": {}}]"#,
            [ToolCall(id: "abcdefghi", name: "f", arguments: "{}"), ToolCall(name: "g", arguments: "{}")]),
        Answer(.mistral, onlyText: "[TOOL_CALLS][]"),
        Answer(.mistral, onlyText: #"[TOOL_CALLS][{"name": "f", "arguments": {}}, 1]"#),
        Answer(
            .ministral3, #"I see.[TOOL_CALLS]f-1[ARGS]{"a": []}[TOOL_CALLS]g[ARGS]{}"#, text: "I see.",
            [ToolCall(name: "f-1", arguments: #"{"a": []}"#), ToolCall(name: "g", arguments: "{}")]),
        Answer(.ministral3, onlyText: "[TOOL_CALLS]f[ARGS][1] [TOOL_CALLS][ARGS]{} [TOOL_CALLS]f g[ARGS]{}"),
        Answer(
            .mistralSmall3, #"[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{"a": 1}"#,
            [ToolCall(id: "abcdefghi", name: "f", arguments: #"{"a": 1}"#)]),
        Answer(.mistralSmall3, onlyText: "[TOOL_CALLS]f[CALL_ID][ARGS]{}"),

        Answer(
            .deepSeekV31,
            "<think>x</think><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜>"
                + "<｜tool▁call▁begin｜>g<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
            text: "<think>x</think>",
            [ToolCall(name: "f", arguments: "{\"a\": 1}"), ToolCall(name: "g", arguments: "{}")]),
        Answer(.deepSeekV31, onlyText: "<｜tool▁outputs▁begin｜> ｜ <｜tool▁call▁begin｜>f｜"),
        Answer(
            .deepSeekR1,
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": \"```\"}\n```<｜tool▁call▁end｜>"
                + "<｜tool▁calls▁end｜>",
            [ToolCall(name: "f", arguments: "{\"a\": \"```\"}")]),
        Answer(
            .kimiK2,
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.a.b:12<|tool_call_argument_begin|>{}<|tool_call_end|>"
                + "<|tool_calls_section_end|>",
            [ToolCall(name: "a.b", arguments: "{}")]),
        Answer(.kimiK2, onlyText: "<|tool_call_begin|>functions.a:<|tool_call_argument_begin|>{}<|tool_call_end|>"),
        Answer(
            .functionary31, #"<function=f>{"a": "</function>"}</function><function=g>"#, text: "<function=g>",
            [ToolCall(name: "f", arguments: #"{"a": "</function>"}"#)]),
        Answer(
            .apriel, #"<tool_calls>[{"name": "f", "arguments": {}, "id": "7"}]</tool_calls>"#,
            [ToolCall(id: "7", name: "f", arguments: "{}")]),
        Answer(
            .nemotron, #"Yes.<TOOLCALL>[{"name": "f", "arguments": {}}]</TOOLCALL>"#, text: "Yes.",
            [ToolCall(name: "f", arguments: "{}")]),
        Answer(
            .command,
            "<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": {\"a\": 1}}\n]<|END_ACTION|>",
            [ToolCall(id: "0", name: "f", arguments: "{\"a\": 1}")]),
    ]

    /// Cuts an answer into pieces, and says what comes of them.
    private static func parse(_ pieces: [String], _ form: ToolCallForm) -> (
        text: String, calls: [ToolCall], all: String
    ) {
        var parser = ToolCallParser(form: form)
        var (text, calls, all) = ("", [ToolCall](), "")
        for event in pieces.flatMap({ parser.append($0) }) + parser.finish() {
            switch event {
            case .text(let part):
                #expect(!part.isEmpty)
                text += part
                all += part
            case .calls(let more, let source):
                calls += more
                all += source
            }
        }
        return (text, calls, all)
    }

    private static func check(_ pieces: [String], _ answer: Answer) {
        let (text, calls, all) = parse(pieces, answer.form)
        #expect(scalars(text) == scalars(answer.text), "\(answer.form.name): \(pieces)")
        #expect(calls == answer.calls, "\(answer.form.name): \(pieces)")
        #expect(scalars(all) == scalars(answer.answer))
    }

    private static func pieces(_ text: String, at cuts: [Int]) -> [String] {
        let scalars = Array(text.unicodeScalars)
        let bounds = [0] + cuts.sorted() + [scalars.count]
        return zip(bounds, bounds.dropFirst()).map { String(String.UnicodeScalarView(scalars[$0..<$1])) }
    }

    // MARK: - Answers

    @Test(arguments: answers) func answersAtOnce(answer: Answer) { Self.check([answer.answer], answer) }

    /// Text and calls are the same wherever an answer is cut: at every position, at all of them, and at random ones.
    @Test(arguments: answers) func answersInPieces(answer: Answer) {
        let count = answer.answer.unicodeScalars.count
        for cut in 0...count { Self.check(Self.pieces(answer.answer, at: [cut]), answer) }
        Self.check(Self.pieces(answer.answer, at: Array(1..<count)), answer)
        var generator = SeededGenerator(seed: UInt64(count))
        for _ in 0..<20 {
            let cuts = (0..<Int.random(in: 1...8, using: &generator)).map { _ in
                Int.random(in: 0...count, using: &generator)
            }
            Self.check(Self.pieces(answer.answer, at: cuts), answer)
        }
    }

    /// Every form has a call among the answers, and one that isn't.
    @Test func everyFormIsTested() {
        for form in ToolCallForm.all {
            #expect(Self.answers.contains { $0.form == form && !$0.calls.isEmpty }, "\(form.name)")
        }
        #expect(Set(ToolCallForm.all.map(\.name)).count == ToolCallForm.all.count)
    }

    // MARK: - What comes when

    /// Text comes with the byte after which it can't begin a call any more; a call comes with its last byte.
    @Test func textAndCallsComeAtOnce() {
        var parser = ToolCallParser(form: .hermes)
        #expect(parser.append("Let me <") == [.text("Let me ")])
        #expect(parser.append("to") == [])
        #expect(parser.append("p> and <tool_call") == [.text("<top> and ")])
        #expect(parser.append("s>") == [.text("<tool_calls>")])
        // Within a call, what no call has makes it text.
        #expect(parser.append("<tool_call>\n{\"na") == [])
        #expect(parser.append("m") == [])
        #expect(parser.append("ed\"") == [.text("<tool_call>\n{\"named\"")])
        #expect(parser.append("<tool_call> x") == [.text("<tool_call> x")])
        #expect(parser.append("<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call") == [])
        #expect(
            parser.append("> b")
                == [
                    .calls(
                        [ToolCall(name: "f", arguments: "{}")],
                        source: "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"), .text(" b"),
                ])
        #expect(parser.append("<too") == [])
        #expect(parser.finish() == [.text("<too")])
        // It is as new.
        #expect(parser.append("l_call>") == [.text("l_call>")])

        // Without a mark, the first letter decides.
        var bare = ToolCallParser(form: .llama3)
        #expect(bare.append(" ") == [.text(" ")])
        #expect(bare.append("I") == [.text("I")])
        #expect(bare.append("{\"name") == [.text("{\"name")])
    }

    /// Where no mark says that JSON is a call, the name does.
    @Test func namesOfFunctions() {
        let answer = #"{"name": "f", "parameters": {}}"#
        let call = ToolCall(name: "f", arguments: "{}")
        #expect(ToolCallParser.parse(answer, form: .llama3, names: ["f", "g"]).calls == [call])
        let other = ToolCallParser.parse(answer, form: .llama3, names: ["g"])
        #expect(other.calls.isEmpty && other.text == answer)
        #expect(ToolCallParser.parse("<|python_tag|>" + answer, form: .llama3, names: ["g"]).calls == [call])
        let marked = #"<tool_call>{"name": "f", "arguments": {}}</tool_call>"#
        #expect(ToolCallParser.parse(marked, form: .hermes, names: []).calls == [call])
    }

    /// Where the prompt has begun a thought, the answer begins within it; a prompt that ends one says nothing.
    @Test func thoughtsThatThePromptBegins() throws {
        let call = "<tool_call>{\"name\": \"f\"}</tool_call>"
        var parser = ToolCallParser(form: .hermes, startsInThought: true)
        for _ in 0..<2 {
            #expect(parser.append(call + "</think>") == [.text(call + "</think>")])
            #expect(parser.append(call) == [.calls([ToolCall(name: "f", arguments: "{}")], source: call)])
            #expect(parser.finish() == [])
        }
        for (prompt, starts) in [
            ("<think>\n", true), ("<think>\n\n</think>\n\n", false), ("[THINK]", true), ("", false),
            ("</think><think>", true),
        ] {
            let format = try TemplateGoldens.format(
                "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}\(prompt){% endif %}")
            #expect(format.startsAnswersInThought == starts, "\(prompt)")
        }
        #expect(!ChatFormat.llama3.startsAnswersInThought)
    }

    /// A call of more than a mebibyte is text, and so is a name of more than 256 bytes.
    @Test func longCalls() {
        let long = String(repeating: "x", count: 1 << 20)
        let answer = "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"\(long)\"}}</tool_call>"
        let call = "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"
        let (text, calls) = ToolCallParser.parse(answer + call, form: .hermes)
        #expect(text == answer && calls.count == 1)
        for (count, isCall) in [(256, true), (257, false)] {
            let name = String(repeating: "f", count: count)
            let calls = ToolCallParser.parse("[TOOL_CALLS]\(name)[ARGS]{}", form: .ministral3).calls
            #expect(calls.isEmpty != isCall)
        }
    }

    // MARK: - Frames

    /// What a form puts around arguments makes a call of them.
    @Test func framesOfCalls() {
        for form in ToolCallForm.all {
            let name = form.isWithQuotes ? "say \"f\"\\\n\u{1}é" : "f_1.g-2"
            let frame = form.frame(ofCallTo: name, id: "call00042")
            let arguments = #"{"a": [1, {"b": "c"}]}"#
            let (text, calls) = ToolCallParser.parse(frame.prefix + arguments + frame.suffix, form: form)
            #expect(text.isEmpty, "\(form.name)")
            #expect(calls.count == 1 && calls.first?.name == name && calls.first?.arguments == arguments)
            #expect(calls.first?.id == nil || calls.first?.id == "call00042")
        }
        let frame = ToolCallForm.hermes.frame(ofCallTo: "f")
        #expect(frame.prefix == "<tool_call>\n{\"name\": \"f\", \"arguments\": " && frame.suffix == "}\n</tool_call>")
    }

    /// The frame is what the published template of the form writes.
    @Test(.enabled(if: FetchedModel.templates.isExpected, Comment(rawValue: FetchedModel.templates.absence)))
    func framesEqualTemplates() throws {
        for (name, golden) in try ToolGoldens.all() {
            guard let form = ToolTemplateTests.forms[name] else { continue }
            let call = ToolCall(id: "call00000", name: "qzxname", arguments: #"{"qzxkey": "qzxvalue"}"#)
            let text = try ToolGoldens.format(golden).render(
                [ChatMessage(role: .user, content: "?"), .assistant(toolCalls: [call])], tools: ToolGoldens.tools,
                addGenerationPrompt: false)
            // Command's templates number calls, and indent them.
            if form == .command { continue }
            let frame = form.frame(ofCallTo: call.name, id: "call00000")
            // This one leaves out the mark after the last call, unless there are two calls.
            let suffix =
                name == "deepseek-ai-DeepSeek-R1-Distill-Llama-8B"
                ? frame.suffix.replacing("<｜tool▁calls▁end｜>", with: "") : frame.suffix
            #expect(text.contains(frame.prefix + call.arguments + suffix), "\(name): \(text.suffix(300))")
        }
    }

    @Test func identifiers() {
        #expect(ToolCall.identifier(number: 0) == "call00000" && ToolCall.identifier(number: 99_999) == "call99999")
        #expect(ToolCall.identifier(number: 123_456) == "call23456")
        #expect(ToolCall.identifier(number: .min).count == 9)
    }
}

extension ToolCallForm {
    /// Whether names stand within quotes, so that any text can be one.
    fileprivate var isWithQuotes: Bool {
        let named: [ToolCallForm] = [
            .ministral3, .mistralSmall3, .deepSeekV31, .deepSeekR1, .kimiK2, .functionary31,
        ]
        return !named.contains(self)
    }
}
