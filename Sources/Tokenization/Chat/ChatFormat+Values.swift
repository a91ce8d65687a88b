/// Chats with more than roles and texts: tools, calls, documents and variables of a template.
extension ChatFormat {
    /// The roles that templates know. A template can build a control token of one of these names; any other name is
    /// content.
    static let knownRoles: Set<String> = [
        "system", "user", "assistant", "tool", "developer", "function", "model", "ipython", "observation",
        "environment", "context", "tool_call", "tool_response",
    ]

    /// Renders a chat to text.
    ///
    /// Content is copied as it is, so content from outside can forge control tokens. Use
    /// ``encode(messages:tools:documents:variables:with:addGenerationPrompt:)`` for a prompt that is safe from that.
    ///
    /// - Parameters:
    ///   - messages: objects with `role`, `content` and whatever else the template knows: `tool_calls`,
    ///     `reasoning_content`, `name`, or a list of parts as `content`.
    ///   - tools: the functions that the model may call, as JSON schemas.
    ///   - documents: texts for templates that take some.
    ///   - variables: further variables of the template, such as `enable_thinking`.
    ///   - addGenerationPrompt: whether to end with the start of the assistant's answer.
    /// - Throws: `unsupportedChat` for messages that the format can't express, `failedChatTemplate` when the template
    ///   fails, and `unsupportedChatTemplate` for a part of Jinja that isn't implemented.
    public func render(
        messages: [TemplateValue], tools: [TemplateValue]? = nil, documents: [TemplateValue]? = nil,
        variables: [String: TemplateValue] = [:], addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> String {
        try transcript(
            ChatTemplate.Input(
                messages: messages, tools: tools, documents: documents, variables: variables,
                addGenerationPrompt: addGenerationPrompt)
        ).text
    }

    /// Encodes a chat to token ids. All special tokens among them come from the template; see
    /// ``encode(_:with:addGenerationPrompt:)`` and
    /// ``render(messages:tools:documents:variables:addGenerationPrompt:)``.
    ///
    /// - Throws: what the two throw.
    public func encode(
        messages: [TemplateValue], tools: [TemplateValue]? = nil, documents: [TemplateValue]? = nil,
        variables: [String: TemplateValue] = [:], with tokenizer: Tokenizer, addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> [Int] {
        try transcript(
            ChatTemplate.Input(
                messages: messages, tools: tools, documents: documents, variables: variables,
                addGenerationPrompt: addGenerationPrompt)
        ).encode(with: tokenizer)
    }

    func transcript(_ input: ChatTemplate.Input) throws(TokenizerError) -> ChatTranscript {
        if case .template(let template) = style { return try template.transcript(input) }
        guard input.tools?.isEmpty ?? true, input.documents?.isEmpty ?? true else {
            throw .unsupportedChat(reason: "a chat format by name has no place for tools and documents")
        }
        var messages: [ChatMessage] = []
        for message in input.messages {
            guard let role = message["role"]?.string.flatMap(ChatMessage.Role.init), role != .tool,
                let content = message["content"]?.string
            else {
                throw .unsupportedChat(
                    reason: "a chat format by name takes messages with a text of the system, the user or the assistant")
            }
            messages.append(ChatMessage(role: role, content: content))
        }
        return try transcript(messages, addGenerationPrompt: input.addGenerationPrompt)
    }
}

// MARK: - Ends of turns

extension ChatFormat {
    /// The tokens by which the format ends what the assistant says, and the checkpoint's `eos_token`. A chat must stop at
    /// them even where generation_config.json lists only the end of a text.
    ///
    /// They are found by rendering a chat of two turns: the first special token after each answer. An added token such as
    /// `<end>` that the file doesn't call special counts where both answers end with it. A format whose turns end with
    /// ordinary text, or that can't express such a chat, has none of these.
    ///
    /// - Parameter tokenizer: the model's.
    public func endOfTurnTokens(with tokenizer: Tokenizer) -> [Int] {
        // Words that no template has.
        let words = ["oneqzx", "twoqzx", "threeqzx", "fourqzx"]
        let roles: [ChatMessage.Role] = [.user, .assistant, .user, .assistant]
        let messages = zip(roles, words).map { ChatMessage(role: $0, content: $1) }
        var tokens = endOfText.flatMap { tokenizer.id(token: $0) }.map { [$0] } ?? []
        guard let transcript = try? transcript(messages, addGenerationPrompt: false) else { return tokens }
        let frames = [(words[1], words[2]), (words[3], nil)].map { answer, next in
            tokenizer.encode(transcript.frame(after: answer, before: next), addSpecialTokens: false)
        }
        let ends = frames.map { frame in
            frame.first { tokenizer.isSpecial($0) || tokenizer.isSpelledAsControl($0) }
        }
        for (frame, end) in zip(frames, ends) {
            let token = ends[0] == ends[1] ? end : frame.first(where: tokenizer.isSpecial)
            if let token, !tokens.contains(token) { tokens.append(token) }
        }
        return tokens
    }

    /// The checkpoint's `eos_token`; nil where the format has none.
    private var endOfText: String? {
        if case .template(let template) = style { return template.tokens["eos_token"] }
        return endToken.isEmpty ? nil : endToken
    }
}
