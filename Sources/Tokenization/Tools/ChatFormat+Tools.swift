/// Chats with tools.
extension ChatFormat {
    /// Renders a chat with tools to text; see ``render(_:addGenerationPrompt:)``.
    ///
    /// The template gets the tools as `apply_chat_template(tools=…)` of transformers passes them: as they are, in their
    /// order. A call is the object `{"id": …, "type": "function", "function": {"name": …, "arguments": {…}}}`, and a result
    /// has `tool_call_id` and `name`. Templates differ in two things, which are found by rendering a call: some take
    /// arguments only as a text, and for the empty content of a message with calls some take only `None`, others only a
    /// text.
    ///
    /// - Parameters:
    ///   - messages: The chat.
    ///   - tools: The functions that the model may call. An empty list is none.
    ///   - addGenerationPrompt: Whether to end with the start of the assistant's answer.
    /// - Throws: `unsupportedChat` for tools, calls or results in a format by name, and for a chat that the template
    ///   refuses; the errors of reading JSON for a call whose arguments aren't an object; and what
    ///   ``render(_:addGenerationPrompt:)`` throws. Templates without a place for tools leave them out.
    public func render(
        _ messages: [ChatMessage], tools: [ToolDefinition], addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> String {
        try transcript(messages, tools: tools, addGenerationPrompt: addGenerationPrompt).text
    }

    /// Encodes a chat with tools to token ids. All special tokens among them come from the template, none from tools,
    /// calls and results; see ``encode(_:with:addGenerationPrompt:)`` and ``render(_:tools:addGenerationPrompt:)``.
    ///
    /// - Throws: What the two throw.
    public func encode(
        _ messages: [ChatMessage], tools: [ToolDefinition], with tokenizer: Tokenizer, addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> [Int] {
        try transcript(messages, tools: tools, addGenerationPrompt: addGenerationPrompt).encode(with: tokenizer)
    }

    /// Whether the prompt for an answer ends within a thought, such as after `<think>`, so that the answer has no more than
    /// its closing mark.
    public var startsAnswersInThought: Bool {
        let prompt = try? transcript([ToolProbe.question], addGenerationPrompt: true).text
        return prompt.map { ToolCallParser.isInThought(after: String($0.afterLast(ToolProbe.question.content))) }
            ?? false
    }

    /// How the model writes calls; nil for formats by name, and for templates whose calls have none of the known forms:
    /// their calls remain text.
    ///
    /// A call that is made up is rendered with the template. The form is the first of ``ToolCallForm/all`` that reads
    /// this very call out of the text.
    public var toolCallForm: ToolCallForm? {
        guard case .template(let template) = style else { return nil }
        let answers = template.madeUpAnswers
        return ToolCallForm.all.first { form in answers.contains { ToolProbe.isCall($0, of: form) } }
    }
}

// MARK: - Messages for templates

/// A call with words that no template has.
private enum ToolProbe {
    static let words = ["qzxname", "qzxkey", "qzxvalue"]
    static let arguments: TemplateValue = ["qzxkey": "qzxvalue"]
    static let call = ToolCall(
        id: ToolCall.identifier(number: 0), name: "qzxname", arguments: #"{"qzxkey": "qzxvalue"}"#)
    static let tool = ToolDefinition(
        name: "qzxname", description: "qzxdescription",
        parameters: [
            "type": "object", "properties": ["qzxkey": ["type": "string", "description": "qzxtext"]],
            "required": ["qzxkey"],
        ])
    static let question = ChatMessage(role: .user, content: "qzxquestion")

    /// Whether the call of an answer, read in a form, is the one that is made up.
    static func isCall(_ answer: String, of form: ToolCallForm) -> Bool {
        let calls = ToolCallParser.parse(answer, form: form).calls
        guard calls.count == 1, calls[0].name == call.name else { return false }
        return (try? TemplateValue(json: Array(calls[0].arguments.utf8), name: "arguments")) == arguments
    }
}

/// In which of the ways that a template may want it a message with calls is given to it.
private struct CallStyle {
    /// Whether empty content is `None`.
    var contentIsNull: Bool
    /// Whether arguments are a JSON text.
    var argumentsAreText: Bool

    /// The first is OpenAI's own, but that transformers asks for arguments as objects.
    static let all = [
        CallStyle(contentIsNull: true, argumentsAreText: false),
        CallStyle(contentIsNull: false, argumentsAreText: false),
        CallStyle(contentIsNull: true, argumentsAreText: true),
        CallStyle(contentIsNull: false, argumentsAreText: true),
    ]
}

extension ChatMessage {
    /// What a template gets.
    ///
    /// - Throws: `invalidJSON` and `invalidValue` for arguments that aren't the JSON text of an object.
    fileprivate func value(_ style: CallStyle) throws(TokenizerError) -> TemplateValue {
        var members: [TemplateValue.Member] = [.init("role", .string(role.rawValue))]
        let isAbsent = content.isEmpty && !toolCalls.isEmpty && style.contentIsNull
        members.append(.init("content", isAbsent ? .null : .string(content)))
        if let reasoning { members.append(.init("reasoning_content", .string(reasoning))) }
        if !toolCalls.isEmpty {
            var calls: [TemplateValue] = []
            for call in toolCalls { calls.append(try call.value(style)) }
            members.append(.init("tool_calls", .array(calls)))
        }
        if let toolCallID { members.append(.init("tool_call_id", .string(toolCallID))) }
        if let name { members.append(.init("name", .string(name))) }
        return .object(members)
    }
}

extension ToolCall {
    fileprivate func value(_ style: CallStyle) throws(TokenizerError) -> TemplateValue {
        let file = "the arguments of \(name)"
        let object = try TemplateValue(json: Array(arguments.utf8), name: file)
        guard case .object = object else {
            throw .invalidValue(file: file, key: "the top level", expected: "an object")
        }
        let function: TemplateValue = [
            "name": .string(name), "arguments": style.argumentsAreText ? .string(arguments) : object,
        ]
        let members = id.map { [TemplateValue.Member("id", .string($0))] } ?? []
        return .object(members + [.init("type", "function"), .init("function", function)])
    }
}

extension ChatTemplate {
    func transcript(
        _ messages: [ChatMessage], tools: [ToolDefinition], addGenerationPrompt: Bool
    ) throws(TokenizerError) -> ChatTranscript {
        let style = messages.contains { !$0.toolCalls.isEmpty } ? callStyle : CallStyle.all[0]
        return try transcript(messages, tools, style, addGenerationPrompt)
    }

    private func transcript(
        _ messages: [ChatMessage], _ tools: [ToolDefinition], _ style: CallStyle, _ addGenerationPrompt: Bool
    ) throws(TokenizerError) -> ChatTranscript {
        var values: [TemplateValue] = []
        for message in messages { values.append(try message.value(style)) }
        return try transcript(
            Input(
                messages: values, tools: tools.isEmpty ? nil : tools.map(\.value),
                addGenerationPrompt: addGenerationPrompt))
    }

    /// The style in which the template shows a call. Of those with arguments as objects, or else of those with a text, it is
    /// the one with the shortest text: some templates print `None` for content that isn't there. Where no style shows the
    /// call, empty content is a text, which every template takes.
    private var callStyle: CallStyle {
        for argumentsAreText in [false, true] {
            var best: (style: CallStyle, length: Int)?
            for style in CallStyle.all where style.argumentsAreText == argumentsAreText {
                guard let text = madeUpText(style) else { continue }
                let length = text.unicodeScalars.count
                if best.map({ length < $0.length }) ?? true { best = (style, length) }
            }
            if let best { return best.style }
        }
        return CallStyle.all[1]
    }

    /// A chat with a made-up call; nil where the template fails, or leaves the call out.
    private func madeUpText(_ style: CallStyle) -> String? {
        let messages = [ToolProbe.question, ChatMessage.assistant(toolCalls: [ToolProbe.call])]
        guard let transcript = try? transcript(messages, [ToolProbe.tool], style, false) else { return nil }
        let answer = transcript.text.afterLast(ToolProbe.question.content)
        return ToolProbe.words.allSatisfy { answer.contains($0) } ? transcript.text : nil
    }

    /// An answer with a made-up call: from where the model would begin to write, and from the end of the question. Some
    /// templates end the prompt with what they leave out later, such as the beginning of a thought; it may be equal to the
    /// beginning of a mark. Empty where the template shows no call.
    fileprivate var madeUpAnswers: [String] {
        guard let text = madeUpText(callStyle) else { return [] }
        let prompt = try? transcript([ToolProbe.question], [ToolProbe.tool], CallStyle.all[0], true).text
        let shared = zip(text.unicodeScalars, (prompt ?? "").unicodeScalars).prefix { $0 == $1 }.count
        let answer = String(String.UnicodeScalarView(text.unicodeScalars.dropFirst(shared)))
        return [answer, String(text.afterLast(ToolProbe.question.content))]
    }
}

extension String {
    /// What follows the last occurrence of a text; all where it doesn't occur.
    fileprivate func afterLast(_ text: String) -> Substring {
        ranges(of: text).last.map { self[$0.upperBound...] } ?? self[...]
    }
}
