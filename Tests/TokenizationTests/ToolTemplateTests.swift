import Foundation
import TestSupport
import Testing
import Tokenization

/// Chats with tools, calls and results, as published templates render them with Jinja2.
@Suite struct ToolTemplateTests {
    /// How each of the published templates writes calls. The others have none of the forms, or leave calls out.
    static let forms: [String: ToolCallForm] = [
        "Apriel-1.6-15b-Thinker-fixed": .apriel, "unsloth-Apriel-1.5": .apriel,
        "Bielik-11B-v3.0-Instruct": .hermes, "MiMo-VL": .hermes, "Qwen-QwQ-32B": .hermes,
        "Qwen-Qwen2.5-7B-Instruct": .hermes, "Qwen-Qwen3-0.6B": .hermes, "Reka-Edge": .hermes,
        "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use": .hermes,
        "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": .hermes, "ibm-granite-granite-4.0": .hermes,
        "ibm-granite-granite-4.1": .hermes, "Cohere2MoE": .command,
        "CohereForAI-c4ai-command-r7b-12-2024-tool_use": .command, "NVIDIA-Nemotron-Nano-v2": .nemotron,
        "Mistral-Small-3.2-24B-Instruct-2506": .mistralSmall3, "mistralai-Mistral-Nemo-Instruct-2407": .mistral,
        "mistralai-Ministral-3-14B-Reasoning-2512": .ministral3,
        "unsloth-mistral-Devstral-Small-2507": .ministral3,
        "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": .deepSeekR1,
        "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": .deepSeekR1, "deepseek-ai-DeepSeek-V3.1": .deepSeekV31,
        "meetkai-functionary-medium-v3.1": .functionary31, "moonshotai-Kimi-K2": .kimiK2,
        "meta-llama-Llama-3.1-8B-Instruct": .llama3, "meta-llama-Llama-3.2-3B-Instruct": .llama3,
        "meta-llama-Llama-3.3-70B-Instruct": .llama3,
    ]

    /// In which of the ways of the golden file a template must be given calls: the content beside them, and the arguments.
    private static let styles = [
        "Qwen-Qwen2.5-7B-Instruct": "null object", "Qwen-Qwen3-0.6B": "empty object",
        "meta-llama-Llama-3.1-8B-Instruct": "null object", "meta-llama-Llama-3.2-3B-Instruct": "null object",
        "mistralai-Mistral-Nemo-Instruct-2407": "null object",
        "mistralai-Ministral-3-14B-Reasoning-2512": "empty object",
        "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": "null object",
        "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": "null text",
        "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "null object", "GLM-4.6": "empty object",
        "microsoft-Phi-3.5-mini-instruct": "empty object",
    ]

    /// Each chat's text is the one that Jinja2 makes when it gets calls in one way, which is the same for all of a
    /// template's chats.
    @Test(.enabled(if: FetchedModel.templates.isExpected, Comment(rawValue: FetchedModel.templates.absence)))
    func chatsWithToolsEqualJinja2() throws {
        var count = 0
        for (name, golden) in try ToolGoldens.all() {
            let format = try ToolGoldens.format(golden)
            let cases = TemplateGoldens.elements(golden["tool_cases"])
            #expect(cases.count == 16, "\(name): Fixtures/fetch_templates.py makes the chats with tools")
            var fitting = Set(["null object", "empty object", "null text", "empty text"])
            for chat in cases {
                let messages = try TemplateGoldens.elements(chat["messages"]).map(ToolGoldens.message)
                let tools = try ToolGoldens.tools(chat)
                let prompt = chat["add_generation_prompt"] == .bool(true)
                let text = try? format.render(messages, tools: tools, addGenerationPrompt: prompt)
                fitting = fitting.filter { chat["texts"]?[$0]?.string.map(scalars) == text.map(scalars) }
                count += 1
            }
            #expect(!fitting.isEmpty, "\(name)")
            if let style = Self.styles[name] { #expect(fitting.contains(style), "\(name): \(fitting)") }
        }
        #expect(count > 1_000)
    }

    @Test(.enabled(if: FetchedModel.templates.isExpected, Comment(rawValue: FetchedModel.templates.absence)))
    func formsOfPublishedTemplates() throws {
        for (name, golden) in try ToolGoldens.all() {
            let form = try ToolGoldens.format(golden).toolCallForm
            #expect(form?.name == Self.forms[name]?.name, "\(name)")
        }
    }

    /// What a template writes for an assistant with calls is read back: the same calls.
    @Test(.enabled(if: FetchedModel.templates.isExpected, Comment(rawValue: FetchedModel.templates.absence)))
    func renderedCallsAreReadBack() throws {
        for (name, golden) in try ToolGoldens.all() {
            guard let form = Self.forms[name] else { continue }
            let format = try ToolGoldens.format(golden)
            for calls in ToolGoldens.calls {
                let question = ChatMessage(role: .user, content: "qzx")
                // Without a mark, a call is one only at the very beginning.
                let prompt =
                    form == .llama3 ? try format.render([question], tools: ToolGoldens.tools) : question.content
                // Llama's templates refuse several calls at once.
                guard
                    let text = try? format.render(
                        [question, .assistant(toolCalls: calls)], tools: ToolGoldens.tools, addGenerationPrompt: false)
                else {
                    #expect(calls.count > 1 && form == .llama3, "\(name)")
                    continue
                }
                let answer = String(text[try #require(text.ranges(of: prompt).last).upperBound...])
                let read = ToolCallParser.parse(answer, form: form).calls
                #expect(try read.map(ToolGoldens.value) == calls.map(ToolGoldens.value), "\(name): \(answer)")
            }
        }
    }

    /// Where a tool, a call or a result spells a control token, it is text to the tokenizer.
    @Test func toolsCannotForgeControlTokens() throws {
        let format = try TemplateGoldens.format(ToolGoldens.chatML)
        let tokenizer = try Goldens.tokenizer("smollm2")
        let forged = "<|im_end|>"
        let tool = ToolDefinition(
            name: "f", description: forged, parameters: ["type": "object", "properties": [forged: ["type": "string"]]])
        let call = ToolCall(id: forged, name: "f", arguments: #"{"a": "<|im_end|>"}"#)
        let chat = [
            ChatMessage(role: .user, content: "x"), .assistant(toolCalls: [call]), .result(forged, of: call),
        ]
        let text = try format.render(chat, tools: [tool])
        #expect(text.ranges(of: forged).count == 4 + 5)
        let end = try #require(tokenizer.id(token: forged))
        let ids = try format.encode(chat, tools: [tool], with: tokenizer)
        #expect(ids.filter { $0 == end }.count == 4)
        #expect(try tokenizer.decode(ids) == text)
    }

    /// What messages hold besides their text reaches the template, and nothing else does.
    @Test func membersOfMessages() throws {
        let format = try TemplateGoldens.format(
            "{% for m in messages %}{{ m.keys() | list }} {{ m.reasoning_content }} {{ m.content is none }};{% endfor %}"
        )
        var thought = ChatMessage(role: .assistant, content: "x")
        thought.reasoning = "hm"
        let call = ToolCall(name: "f", arguments: "{}")
        #expect(
            try format.render([
                thought, ChatMessage(role: .user, content: "y"), .result("z", of: call),
                .result("z", of: ToolCall(id: "1", name: "f", arguments: "{}")),
                .assistant("w", toolCalls: [call], reasoning: "so"),
            ])
                == "['role', 'content', 'reasoning_content'] hm False;['role', 'content']  False;"
                + "['role', 'content', 'name']  False;['role', 'content', 'tool_call_id', 'name']  False;"
                + "['role', 'content', 'reasoning_content', 'tool_calls'] so False;")
        // A call without an id has none; empty content beside it is None where a template takes that.
        let calls = try TemplateGoldens.format(
            "{% for m in messages %}{% for c in m.tool_calls %}{{ c | tojson }}{{ m.content is none }}{% endfor %}{% endfor %}"
        )
        #expect(
            try calls.render([.assistant(toolCalls: [call])])
                == #"{"type": "function", "function": {"name": "f", "arguments": {}}}True"#)
    }

    /// The special tokens among a form's marks, in the tokenizers that have them and in those that don't.
    @Test func tokensOfForms() throws {
        let tokenizer = try Goldens.tokenizer("smollm2")
        for form in ToolCallForm.all { #expect(form.tokens(of: tokenizer).isEmpty, "\(form.name)") }
        let marks = ["[TOOL_CALLS]", "[ARGS]", "<tool_call>", "</tool_call>", "<s>"]
        let added = marks.enumerated().map { index, text in
            #"{"id":\#(index),"content":"\#(text)","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"#
                + #""special":\#(text != "</tool_call>")}"#
        }
        let json = """
            {"added_tokens":[\(added.joined(separator: ","))],"normalizer":null,"pre_tokenizer":null,
            "post_processor":null,"decoder":null,"model":{"type":"BPE","vocab":{},"merges":[]}}
            """
        let marked = try Tokenizer(json: Array(json.utf8), name: "t")
        #expect(ToolCallForm.ministral3.tokens(of: marked) == [0, 1])
        #expect(ToolCallForm.mistral.tokens(of: marked) == [0])
        #expect(ToolCallForm.hermes.tokens(of: marked) == [2])
        #expect(ToolCallForm.llama3.tokens(of: marked).isEmpty)
    }

    @Test func formatsByNameHaveNoTools() throws {
        let user = ChatMessage(role: .user, content: "x")
        let call = ToolCall(name: "f", arguments: "{}")
        let tool = ToolDefinition(name: "f", description: "", parameters: [:])
        for name in ChatFormat.names {
            let format = try #require(ChatFormat.named(name))
            #expect(format.toolCallForm == nil)
            #expect(try format.render([user], tools: []) == format.render([user]))
            for (messages, tools) in [
                ([user], [tool]), ([user, .assistant("y", toolCalls: [call])], []),
                ([user, .result("z", of: call)], []),
            ] {
                let error = #expect(throws: TokenizerError.self, "\(name)") {
                    try format.render(messages, tools: tools)
                }
                guard case .unsupportedChat(let reason)? = error else {
                    Issue.record("\(name): \(String(describing: error))")
                    continue
                }
                #expect(reason.contains("tools"))
            }
            #expect(throws: TokenizerError.self, "\(name)") {
                try format.render(messages: [["role": "tool", "content": "z"]])
            }
        }
    }

    /// Arguments that aren't the text of an object name the function whose they are.
    @Test func argumentsThatAreNoObject() throws {
        let format = try TemplateGoldens.format(ToolGoldens.chatML)
        for (arguments, expected) in [
            ("", "the arguments of f: not valid JSON: line 1, column 1: expected a value, but the text ends here"),
            ("[1]", "the arguments of f: the top level is not an object"),
            (#"{"a": 1, "a": 2}"#, "the arguments of f: key a occurs twice"),
        ] {
            let error = #expect(throws: TokenizerError.self) {
                try format.render(
                    [.assistant(toolCalls: [ToolCall(name: "f", arguments: arguments)])], tools: [])
            }
            if arguments.isEmpty {
                guard case .invalidJSON(let file, 1, 1, _)? = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(file == "the arguments of f")
            } else {
                #expect(error?.description == expected)
            }
        }
    }

    // MARK: - Definitions

    /// The members of a tool reach the template in their order, whichever way it is made.
    @Test func toolsKeepTheirOrder() throws {
        let json =
            #"[{"function":{"parameters":{"type":"object","a":{"z":1,"b":2.0}},"name":"f","strict":true},"x":null}]"#
        let tools = try ToolDefinition.list(json: Array(json.utf8), name: "tools.json")
        let format = try TemplateGoldens.format("{% for tool in tools %}{{ tool | tojson }}{% endfor %}")
        #expect(
            try format.render([], tools: tools)
                == #"{"function": {"parameters": {"type": "object", "a": {"z": 1, "b": 2.0}}, "name": "f", "strict": true}, "x": null}"#
        )
        #expect(tools[0].name == "f" && tools[0].description == nil)
        #expect(tools[0].parameters == ["type": "object", "a": ["z": 1, "b": 2.0]])
        let made = ToolDefinition(name: "g", description: "d", parameters: ["type": "object"])
        #expect(
            try format.render([], tools: [made])
                == #"{"type": "function", "function": {"name": "g", "description": "d", "parameters": {"type": "object"}}}"#
        )
        #expect(try ToolDefinition(made.value, file: "x") == made)
        // No tools are None, not an empty list.
        #expect(try TemplateGoldens.format("{{ tools is none }}").render([], tools: []) == "True")
    }

    @Test func toolsThatAreNone() {
        let cases: [(json: String, text: String)] = [
            ("{}", "t: the top level is not an array"),
            (#"[{}]"#, "t: key [0].function is missing"),
            (#"[{"function": {"name": "f"}}, 1]"#, "t: key [1].function is missing"),
            (#"[{"type": "retrieval", "function": {"name": "f"}}]"#, "t: [0].type is not function"),
            (#"[{"function": 1}]"#, "t: [0].function is not an object"),
            (#"[{"function": {}}]"#, "t: key [0].function.name is missing"),
            (#"[{"function": {"name": ""}}]"#, "t: [0].function.name is not a text"),
            (#"[{"function": {"name": null}}]"#, "t: [0].function.name is not a text"),
            (#"[{"function": {"name": "f", "description": 1}}]"#, "t: [0].function.description is not a text"),
            (#"[{"function": {"name": "f", "parameters": []}}]"#, "t: [0].function.parameters is not an object"),
            (#"[{"function": {"name": "f", "name": "g"}}]"#, "t: key [0].function.name occurs twice"),
        ]
        for (json, text) in cases {
            let error = #expect(throws: TokenizerError.self, "\(json)") {
                try ToolDefinition.list(json: Array(json.utf8), name: "t")
            }
            #expect(error?.description == text)
        }
    }
}

/// Templates and chats of the golden files, as this module's types.
enum ToolGoldens {
    /// A template in the manner of Qwen's.
    static let chatML = """
        {%- if tools %}<|im_start|>system
        {% for tool in tools %}{{ tool | tojson }}{% endfor %}<|im_end|>
        {% endif %}{% for m in messages %}<|im_start|>{{ m.role }}
        {{ m.content or '' }}{% for c in m.tool_calls or [] %}<tool_call>
        {"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
        </tool_call>{{ c.id }}{% endfor %}<|im_end|>
        {% endfor %}
        """

    static let tools = [
        ToolDefinition(
            name: "get_weather", description: "The weather.",
            parameters: [
                "type": "object", "properties": ["city": ["type": "string", "description": "Its name."]],
            ]),
        ToolDefinition(name: "now", description: "The time.", parameters: ["type": "object", "properties": [:]]),
    ]

    /// The calls of some answers.
    static let calls = [
        [
            ToolCall(
                id: "abcdefghi", name: "get_weather",
                arguments: #"{"city": "Zürich \"{[<b>]}\" \\ 東京 </tool_call>", "n": [1, -2.5e3, true, null, {}]}"#)
        ],
        [
            ToolCall(id: "abcdefghi", name: "get_weather", arguments: #"{"city": "Oslo"}"#),
            ToolCall(id: "123456789", name: "now", arguments: "{}"),
        ],
    ]

    /// What of a call is the same in every form: its name, and its arguments as a value.
    static func value(_ call: ToolCall) throws -> TemplateValue {
        [
            "name": .string(call.name),
            "arguments": try TemplateValue(json: Array(call.arguments.utf8), name: "arguments"),
        ]
    }

    /// The files that Fixtures/fetch_templates.py has written, by the names of their templates.
    static func all() throws -> [(name: String, golden: TemplateValue)] {
        let directory = FetchedModel.templates.directory
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        return try names.filter { $0.hasSuffix(".json") }.map {
            (String($0.dropLast(5)), try TemplateValue(contentsOfFile: directory + "/" + $0))
        }
    }

    static func format(_ golden: TemplateValue) throws -> ChatFormat {
        try TemplateGoldens.format(try #require(golden["template"]?.string))
    }

    static func tools(_ chat: TemplateValue) throws -> [ToolDefinition] {
        try TemplateGoldens.elements(chat["tools"]).map { try ToolDefinition($0, file: "golden") }
    }

    static func message(_ value: TemplateValue) throws -> ChatMessage {
        let role = try #require(value["role"]?.string.flatMap(ChatMessage.Role.init))
        var message = ChatMessage(role: role, content: try #require(value["content"]?.string))
        message.toolCallID = value["tool_call_id"]?.string
        message.name = value["name"]?.string
        message.toolCalls = try TemplateGoldens.elements(value["tool_calls"]).map { call in
            ToolCall(
                id: call["id"]?.string, name: try #require(call["function"]?["name"]?.string),
                arguments: try #require(call["function"]?["arguments"]?.string))
        }
        return message
    }
}
