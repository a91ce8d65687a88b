import Foundation
import LongLM
import TestSupport
import Testing
import Tokenization

/// Chats in which the model calls functions.
@Suite struct ChatToolTests {
    private static let callText =
        "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Zürich\", \"days\": 2}}\n</tool_call>"
    private static let weather = ToolDefinition(
        name: "get_weather", description: "The weather.",
        parameters: ["type": "object", "properties": ["city": ["type": "string"]]])

    private let model: LanguageModel

    init() throws {
        var tiny = TinyLlama()
        tiny.vocabularySize = ToolTokenizer.size
        model = try loadModel(tiny)
    }

    private func makeChat(_ tokenizer: Tokenizer, _ format: ChatFormat) throws -> ChatSession {
        let session = try Session(model: model, options: SessionOptions(threadCount: 2, capacity: 2_000))
        let chat = ChatSession(session: session, tokenizer: tokenizer, format: format)
        chat.tools = [Self.weather]
        return chat
    }

    /// Answers with tokens.
    private func answering(_ tokens: [Int]) -> GenerationOptions {
        GenerationOptions(
            tokenLimit: 500, sampler: ScriptedSampler(tokens: tokens + [ToolTokenizer.end]),
            endTokens: [ToolTokenizer.end])
    }

    /// The tokens of a text in random pieces, which needn't be the ones that the tokenizer makes of it.
    private func randomTokens(_ text: String, _ tokenizer: Tokenizer, seed: UInt64) -> [Int] {
        var generator = SeededGenerator(seed: seed)
        let scalars = Array(text.unicodeScalars)
        var (tokens, start) = ([Int](), 0)
        while start < scalars.count {
            let end = min(start + Int.random(in: 1...14, using: &generator), scalars.count)
            let piece = String(String.UnicodeScalarView(scalars[start..<end]))
            tokens += tokenizer.encode(piece)
            start = end
        }
        return tokens
    }

    /// An answer with a call comes in pieces, the call is found, and its result goes back: the next prompt is what the
    /// template makes of the whole chat, and begins with all that the session holds. The marks may be special tokens.
    @Test(arguments: [true, false]) func callsAndResults(marksAreSpecial: Bool) async throws {
        let tokenizer = try ToolTokenizer.make(marksAreSpecial: marksAreSpecial)
        let format = try ToolTokenizer.format()
        #expect(format.toolCallForm == .hermes)
        let chat = try makeChat(tokenizer, format)
        let user = ChatMessage(role: .user, content: "Weather?")
        let said = "Let me <see>."

        let stream = try chat.stream(to: "Weather?", options: answering(tokenizer.encode(said + Self.callText)))
        var parser = try #require(chat.makeToolCallParser())
        var events: [ToolCallParser.Event] = []
        for try await token in stream { events += parser.append(token.text) }
        events += parser.finish()
        let found = ToolCall(name: "get_weather", arguments: "{\"city\": \"Zürich\", \"days\": 2}")
        let text = events.map { event in if case .text(let text) = event { text } else { "" } }.joined()
        #expect(text == said && events.last == .calls([found], source: Self.callText))

        var call = found
        call.id = "call00000"
        #expect(chat.toolCalls == [call])
        #expect(chat.messages == [user, .assistant(said, toolCalls: [call])])
        let held = chat.session.tokens
        #expect(
            held == (try format.encode([user], tools: chat.tools, with: tokenizer))
                + tokenizer.encode(said + Self.callText))

        // The result.
        let result = ChatMessage.result("{\"t\": 20} <|im_end|></tool_call>", of: call)
        let answer = try chat.stream(to: [result], options: answering(tokenizer.encode("It is 20.")))
        for try await _ in answer {}
        let history = [user, .assistant(said, toolCalls: [call]), result]
        let prompt = try format.encode(history, tools: [Self.weather], with: tokenizer)
        #expect(chat.session.tokens == prompt + tokenizer.encode("It is 20."))
        #expect(answer.statistics.reusedTokenCount == held.count && prompt.starts(with: held))
        #expect(chat.messages == history + [ChatMessage(role: .assistant, content: "It is 20.")])
        #expect(chat.toolCalls.isEmpty)
        let rendered = try format.render(
            messages: [
                ["role": "user", "content": "Weather?"],
                [
                    "role": "assistant", "content": .string(said),
                    "tool_calls": [
                        [
                            "id": "call00000", "type": "function",
                            "function": ["name": "get_weather", "arguments": ["city": "Zürich", "days": 2]],
                        ]
                    ],
                ],
                [
                    "role": "tool", "content": .string(result.content), "tool_call_id": "call00000",
                    "name": "get_weather",
                ],
            ], tools: [Self.weather.value])
        #expect(try tokenizer.decode(prompt) == rendered)

        // The next call has the next number.
        let again = try chat.stream(to: "Again.", options: answering(tokenizer.encode(Self.callText)))
        for try await _ in again {}
        #expect(chat.toolCalls.map(\.id) == ["call00001"] && chat.messages.last?.content == "")
    }

    /// Whatever tokens an answer consists of, its calls are the same.
    @Test(arguments: 0..<8) func answersInRandomTokens(seed: UInt64) async throws {
        let tokenizer = try ToolTokenizer.make(marksAreSpecial: seed.isMultiple(of: 2))
        let chat = try makeChat(tokenizer, try ToolTokenizer.format())
        let answer = "é: \(Self.callText)\n\(Self.callText)\n"
        let tokens = randomTokens(answer, tokenizer, seed: seed)
        for try await _ in try chat.stream(to: "?", options: answering(tokens)) {}
        let calls = (0..<2).map {
            ToolCall(
                id: ToolCall.identifier(number: $0), name: "get_weather",
                arguments: "{\"city\": \"Zürich\", \"days\": 2}")
        }
        #expect(chat.messages.last == .assistant("é:", toolCalls: calls))
    }

    /// A call that is cut off or malformed is text, and so is every call where there are no tools.
    @Test func callsThatAreText() async throws {
        let tokenizer = try ToolTokenizer.make(marksAreSpecial: false)
        let cut = String(Self.callText.prefix(40))
        for (answer, hasTools) in [
            (cut, true), (Self.callText.replacing("2}", with: "2"), true), (Self.callText, false),
        ] {
            let chat = try makeChat(tokenizer, try ToolTokenizer.format())
            if !hasTools { chat.tools = [] }
            for try await _ in try chat.stream(to: "?", options: answering(tokenizer.encode(answer))) {}
            #expect(chat.messages.last == ChatMessage(role: .assistant, content: answer))
            #expect(chat.toolCalls.isEmpty && (chat.makeToolCallParser() != nil) == hasTools)
        }
    }

    /// Results whose answer never began don't come twice.
    @Test func resultsAfterACancellation() async throws {
        let tokenizer = try ToolTokenizer.make(marksAreSpecial: true)
        let chat = try makeChat(tokenizer, try ToolTokenizer.format())
        for try await _ in try chat.stream(to: "?", options: answering(tokenizer.encode(Self.callText))) {}
        let calls = chat.toolCalls
        let before = chat.messages
        let added = [ChatMessage.result("20", of: calls[0]), ChatMessage(role: .user, content: "and?")]
        _ = try chat.stream(to: added, options: answering([]))
        for try await _ in try chat.stream(to: added, options: answering(tokenizer.encode("Warm."))) {}
        #expect(chat.messages == before + added + [ChatMessage(role: .assistant, content: "Warm.")])
    }

    /// An answer's calls stay calls when the chat's tools change afterwards.
    @Test func toolsThatChange() async throws {
        let tokenizer = try ToolTokenizer.make(marksAreSpecial: true)
        let chat = try makeChat(tokenizer, try ToolTokenizer.format())
        for try await _ in try chat.stream(to: "?", options: answering(tokenizer.encode(Self.callText))) {}
        chat.tools = []
        #expect(chat.toolCalls.map(\.name) == ["get_weather"])
    }

    /// Mistral's ids stay, if its templates take them; others are replaced.
    @Test(arguments: [("abcdeF123", "abcdeF123"), ("7", "call00000"), ("abcdefghé", "call00000")])
    func statedIdentifiers(stated: String, expected: String) async throws {
        let tokenizer = try ToolTokenizer.make(marksAreSpecial: true)
        let format = try ToolTokenizer.format(
            "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.tool_calls %}[TOOL_CALLS]["
                + "{% for c in m.tool_calls %}{\"name\": \"{{ c.function.name }}\", \"arguments\": "
                + "{{ c.function.arguments | tojson }}, \"id\": \"{{ c.id }}\"}{% endfor %}]{% endif %}{% endfor %}")
        #expect(format.toolCallForm == .mistral)
        let chat = try makeChat(tokenizer, format)
        let answer = "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {}, \"id\": \"\(stated)\"}]"
        for try await _ in try chat.stream(to: "?", options: answering(tokenizer.encode(answer))) {}
        #expect(chat.toolCalls == [ToolCall(id: expected, name: "get_weather", arguments: "{}")])
    }

    private static let trip = ToolDefinition(
        name: "plan_trip", description: "A trip.",
        parameters: [
            "type": "object", "required": ["city", "days"],
            "properties": [
                "city": ["enum": ["Oslo", "Zürich"]], "days": ["type": "integer", "minimum": 1, "maximum": 9],
            ],
        ])
    /// Its parameters say nothing of their type.
    private static let lamp = ToolDefinition(
        name: "plan_lamp", description: "A lamp.",
        parameters: ["properties": ["on": ["type": "boolean"]], "required": ["on"], "additionalProperties": false])

    private struct Trip: Decodable {
        let city: String
        let days: Int
    }

    /// A model of random weights calls what it has to, with arguments that fit, whatever it is asked.
    @Test(arguments: [true, false], 0..<4) func forcedCalls(marksAreSpecial: Bool, seed: UInt64) async throws {
        let tokenizer = try ToolTokenizer.make(marksAreSpecial: marksAreSpecial)
        let format = try ToolTokenizer.format()
        var names: Set<String> = []
        for choice in [ToolChoice.named("plan_trip"), .named("plan_lamp"), .required] {
            let chat = try makeChat(tokenizer, format)
            chat.tools = [Self.weather, Self.trip, Self.lamp]
            if choice == .required { chat.tools.removeFirst() }
            let question = ChatMessage(role: .user, content: "\(seed)?")
            let sampler = try ProbabilitySampler(temperature: 1.5, seed: seed)
            let stream = try chat.stream(
                to: [question], calling: choice, options: GenerationOptions(tokenLimit: 300, sampler: sampler))
            #expect(chat.toolCalls.isEmpty)
            for try await _ in stream {}
            #expect(stream.stopReason == .constraint)
            let call = try #require(chat.toolCalls.first)
            #expect(chat.toolCalls.count == 1 && call.id == "call00000" && chat.messages.last?.content == "")
            if case .named(let name) = choice { #expect(call.name == name) }
            names.insert(call.name)
            if call.name == "plan_trip" {
                let trip = try JSONDecoder().decode(Trip.self, from: Data(call.arguments.utf8))
                #expect(["Oslo", "Zürich"].contains(trip.city) && (1...9).contains(trip.days))
            } else {
                #expect(["{\"on\": true}", "{\"on\": false}"].contains(call.arguments))
            }
            // What the model has read is what the template writes, up to the rest of the call.
            let prompt = try format.encode([question], tools: chat.tools, with: tokenizer)
            let text = try tokenizer.decode(Array(chat.session.tokens.dropFirst(prompt.count)))
            let written = "<tool_call>\n{\"name\": \"\(call.name)\", \"arguments\": \(call.arguments)"
            #expect(written.hasPrefix(text) && text.count >= written.count - 14)
            // The chat goes on, freely again.
            for try await _ in try chat.stream(to: [.result("done", of: call)], options: answering([])) {}
            #expect(chat.toolCalls.isEmpty && chat.messages.count == 4)
        }
        #expect(names.isSuperset(of: ["plan_trip", "plan_lamp"]))
    }

    /// A forced call by itself: its parts are a call in the form, and the constraint is what stands between prefix and
    /// suffix.
    @Test(arguments: [ToolCallForm.hermes, .llama3, .mistral, .functionary31, .command])
    func partsOfForcedCalls(form: ToolCallForm) throws {
        let tokenizer = try ToolTokenizer.make(marksAreSpecial: false)
        let tools = [Self.trip, Self.lamp]
        let arguments = [
            "plan_trip": #"{"city": "Oslo", "days": 3}"#, "plan_lamp": #"{"on": true}"#,
        ]
        #expect(try ForcedCall(.automatic, of: tools, form: form, tokenizer: tokenizer, number: 0) == nil)
        for choice in [ToolChoice.named("plan_lamp"), .required] {
            let call = try #require(try ForcedCall(choice, of: tools, form: form, tokenizer: tokenizer, number: 7))
            #expect(call.functions.map(\.name) == (choice == .required ? ["plan_trip", "plan_lamp"] : ["plan_lamp"]))
            for function in call.functions {
                let written = try function.head + #require(arguments[function.name])
                #expect(call.constraint.accepts(written))
                #expect(!call.constraint.accepts(written + "x") && !call.constraint.accepts(function.head + "{}"))
                let found = ToolCallParser.parse(call.prefix + written + call.suffix, form: form)
                #expect(found.text.isEmpty && found.calls.map(\.name) == [function.name])
                #expect(found.calls.first?.arguments == arguments[function.name])
                if let id = found.calls.first?.id { #expect(id == "call00007") }
            }
            #expect(choice == .required || call.functions[0].head.isEmpty)
        }
    }

    @Test func choicesThatCannotBe() throws {
        let tokenizer = try ToolTokenizer.make(marksAreSpecial: true)
        func refusal(
            _ choice: ToolChoice, _ format: ChatFormat, tools: [ToolDefinition] = [Self.trip, Self.lamp]
        ) throws -> String {
            let chat = try makeChat(tokenizer, format)
            chat.tools = tools
            let question = ChatMessage(role: .user, content: "?")
            let error = thrownError { () throws(GenerationError) in
                _ = try chat.stream(to: [question], calling: choice)
            }
            #expect(chat.messages.isEmpty && chat.session.position == 0)
            return error.map { "\($0)" } ?? ""
        }
        let format = try ToolTokenizer.format()
        #expect(try refusal(.required, format, tools: []).contains("there are no tools"))
        #expect(try refusal(.named("fly"), format).contains("plan_trip, plan_lamp"))
        #expect(try refusal(.required, .chatML(defaultSystemPrompt: nil)).contains("no known form of calls"))
        let odd = ToolDefinition(name: "odd", description: "", parameters: ["type": "object", "not": ["const": 1]])
        #expect(try refusal(.named("odd"), format, tools: [odd]).contains("not"))
        let thinking = try ToolTokenizer.format(
            ToolTokenizer.template.replacing("assistant\n", with: "assistant\n<think>\n"))
        #expect(thinking.startsAnswersInThought)
        #expect(try refusal(.required, thinking).contains("begin with a thought"))
        // A mark between a name and its arguments: only one function can be forced.
        let marked = try ToolTokenizer.format(
            "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% for c in m.tool_calls or [] %}[TOOL_CALLS]"
                + "{{ c.function.name }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}")
        #expect(marked.toolCallForm == .ministral3)
    }

    /// A format by name refuses tools, and the chat stays as it was.
    @Test func formatsWithoutTools() throws {
        let tokenizer = try ToolTokenizer.make(marksAreSpecial: true)
        let chat = try makeChat(tokenizer, .chatML(defaultSystemPrompt: nil))
        #expect(chat.makeToolCallParser() == nil)
        let error = thrownError { () throws(GenerationError) in _ = try chat.stream(to: "?") }
        guard case .tokenizer(.unsupportedChat)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(chat.messages.isEmpty && chat.session.position == 0)
    }
}

/// A tokenizer of all bytes, some merged pairs, ChatML's control tokens, and marks of calls.
private enum ToolTokenizer {
    static let merges = [("<", "t"), ("{", "\""), ("\"", ":"), ("n", "a"), ("t", "o"), ("Ã", "¼")]
    static let controls = ["<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]"]
    static let size = 256 + merges.count + controls.count
    static let end = 256 + merges.count + 1

    static func make(marksAreSpecial: Bool) throws -> Tokenizer {
        // GPT-2's alphabet: printable bytes are themselves, and the others are scalars from U+0100.
        var next: UInt32 = 256
        var texts = (UInt32(0)..<256).map { byte -> String in
            let isPrintable = (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte)
            defer { if !isPrintable { next += 1 } }
            return Unicode.Scalar(isPrintable ? byte : next).map(String.init) ?? ""
        }
        texts += merges.map { $0 + $1 }
        let added: [[String: Any]] = controls.enumerated().map { index, text in
            [
                "id": texts.count + index, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": index < 2 || marksAreSpecial,
            ]
        }
        let vocabulary = Dictionary(uniqueKeysWithValues: texts.enumerated().map { ($0.element, $0.offset) })
        let root: [String: Any] = [
            "added_tokens": added, "normalizer": NSNull(), "post_processor": NSNull(),
            "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false],
            "decoder": ["type": "ByteLevel"],
            "model": ["type": "BPE", "vocab": vocabulary, "merges": merges.map { [$0, $1] }],
        ]
        return try Tokenizer(json: [UInt8](JSONSerialization.data(withJSONObject: root)), name: "tools.json")
    }

    /// A template in the manner of Qwen's.
    static let template = """
        {% if tools %}<|im_start|>system
        {% for tool in tools %}{{ tool | tojson }}{% endfor %}<|im_end|>
        {% endif %}{% for m in messages %}<|im_start|>{{ m.role }}
        {{ m.content or '' }}{% for c in m.tool_calls or [] %}<tool_call>
        {"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
        </tool_call>{% endfor %}<|im_end|>
        {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
        {% endif %}
        """

    static func format(_ template: String = template) throws -> ChatFormat {
        try ChatFormat(
            tokenizerConfiguration: [UInt8](JSONEncoder().encode(["chat_template": template])), name: "chat.json")
    }
}
