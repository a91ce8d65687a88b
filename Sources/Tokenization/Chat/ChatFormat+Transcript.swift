/// The families' formats by name. Source: the chat templates published with the models, as Jinja programs.
extension ChatFormat {
    func transcript(
        _ messages: [ChatMessage], tools: [ToolDefinition] = [], addGenerationPrompt: Bool
    ) throws(TokenizerError) -> ChatTranscript {
        try checkTools(messages, tools)
        var transcript = ChatTranscript()
        switch style {
        case .template(let template):
            return try template.transcript(messages, tools: tools, addGenerationPrompt: addGenerationPrompt)
        case .chatML(let prompt): chatML(messages, prompt, addGenerationPrompt, &transcript)
        case .llama2: try llama2(messages, &transcript)
        case .llama3(let dates): llama3(messages, dates, addGenerationPrompt, &transcript)
        case .mistral(let frame): try mistral(messages, frame, &transcript)
        case .gemma(let takesSystem): try gemma(messages, takesSystem, addGenerationPrompt, &transcript)
        case .phi3: phi3(messages, addGenerationPrompt, &transcript)
        case .zephyr: zephyr(messages, addGenerationPrompt, &transcript)
        case .smolLM3(let header): smolLM3(messages, header, addGenerationPrompt, &transcript)
        }
        return transcript
    }

    private func chatML(
        _ messages: [ChatMessage], _ prompt: String?, _ addGenerationPrompt: Bool, _ transcript: inout ChatTranscript
    ) {
        transcript.control(beginToken)
        if let prompt, let first = messages.first, first.role != .system {
            chatML(ChatMessage(role: .system, content: prompt), &transcript)
        }
        for message in messages { chatML(message, &transcript) }
        if addGenerationPrompt {
            transcript.control("<|im_start|>")
            transcript.frame("assistant\n")
        }
    }

    private func chatML(_ message: ChatMessage, _ transcript: inout ChatTranscript) {
        transcript.control("<|im_start|>")
        transcript.frame("\(message.role.rawValue)\n")
        transcript.content(message.content)
        transcript.control("<|im_end|>")
        transcript.frame("\n")
    }

    private func llama2(_ messages: [ChatMessage], _ transcript: inout ChatTranscript) throws(TokenizerError) {
        let (system, turns) = try alternating(messages)
        for (index, message) in turns.enumerated() {
            if message.role == .assistant {
                transcript.frame(" ")
                transcript.content(message.content.pythonStripped)
                transcript.frame(" ")
                transcript.control(endToken)
                continue
            }
            transcript.control(beginToken)
            transcript.frame("[INST] ")
            let content = message.content.pythonRightStripped
            if index == 0, let system {
                transcript.frame("<<SYS>>\n")
                transcript.content(system)
                // The template strips the message with its marks: an empty message loses their line breaks.
                transcript.frame(content.isEmpty ? "\n<</SYS>>" : "\n<</SYS>>\n\n")
                transcript.content(content)
            } else {
                transcript.content(content.pythonStripped)
            }
            transcript.frame(" [/INST]")
        }
    }

    private func llama3(
        _ messages: [ChatMessage], _ dates: Llama3Dates?, _ addGenerationPrompt: Bool,
        _ transcript: inout ChatTranscript
    ) {
        func header(_ role: ChatMessage.Role) {
            transcript.control("<|start_header_id|>")
            transcript.frame(role.rawValue)
            transcript.control("<|end_header_id|>")
            transcript.frame("\n\n")
        }
        if dates != nil || !messages.isEmpty { transcript.control(beginToken) }
        var turns = messages[...]
        if let dates {
            header(.system)
            transcript.frame("Cutting Knowledge Date: \(dates.knowledge)\nToday Date: \(dates.today)\n\n")
            if turns.first?.role == .system { transcript.content(turns.removeFirst().content.pythonStripped) }
            transcript.control("<|eot_id|>")
        }
        for message in turns {
            header(message.role)
            transcript.content(message.content.pythonStripped)
            transcript.control("<|eot_id|>")
        }
        if addGenerationPrompt { header(.assistant) }
    }

    private func mistral(
        _ messages: [ChatMessage], _ frame: MistralFrame, _ transcript: inout ChatTranscript
    ) throws(TokenizerError) {
        let (system, turns) = try alternating(messages)
        if system != nil, frame.system == nil { throw noPlaceForSystem }
        let withSystem = frame.systemIsLast ? turns.lastIndex { $0.role == .user } : 0
        transcript.control(beginToken)
        for (index, message) in turns.enumerated() {
            let terms =
                switch message.role {
                case .assistant: frame.assistant
                default: index == withSystem && system != nil ? frame.system ?? [] : frame.user
                }
            for term in terms {
                switch term {
                case .text(let text): transcript.frame(text)
                case .content(let isTrimmed):
                    transcript.content(isTrimmed ? message.content.pythonStripped : message.content)
                case .system: transcript.content(system ?? "")
                case .endToken: transcript.control(endToken)
                }
            }
        }
    }

    private func gemma(
        _ messages: [ChatMessage], _ takesSystem: Bool, _ addGenerationPrompt: Bool, _ transcript: inout ChatTranscript
    ) throws(TokenizerError) {
        var (system, turns) = try alternating(messages)
        if system != nil, !takesSystem { throw noPlaceForSystem }
        transcript.control(beginToken)
        for message in turns {
            transcript.control("<start_of_turn>")
            transcript.frame(message.role == .assistant ? "model\n" : "user\n")
            if let prefix = system {
                transcript.content(prefix)
                transcript.frame("\n\n")
                system = nil
            }
            transcript.content(message.content.pythonStripped)
            transcript.control("<end_of_turn>")
            transcript.frame("\n")
        }
        if addGenerationPrompt {
            transcript.control("<start_of_turn>")
            transcript.frame("model\n")
        }
    }

    private func phi3(_ messages: [ChatMessage], _ addGenerationPrompt: Bool, _ transcript: inout ChatTranscript) {
        transcript.control(beginToken)
        for message in messages {
            transcript.control("<|\(message.role.rawValue)|>")
            transcript.frame("\n")
            transcript.content(message.content)
            transcript.control("<|end|>")
            transcript.frame("\n")
        }
        if addGenerationPrompt {
            transcript.control("<|assistant|>")
            transcript.frame("\n")
        } else {
            transcript.control(endToken)
        }
    }

    private func zephyr(_ messages: [ChatMessage], _ addGenerationPrompt: Bool, _ transcript: inout ChatTranscript) {
        for message in messages {
            transcript.frame("<|\(message.role.rawValue)|>\n")
            transcript.content(message.content)
            transcript.control(endToken)
            transcript.frame("\n")
        }
        if addGenerationPrompt, !messages.isEmpty { transcript.frame("<|assistant|>\n") }
    }

    private func smolLM3(
        _ messages: [ChatMessage], _ header: SmolLM3Header, _ addGenerationPrompt: Bool,
        _ transcript: inout ChatTranscript
    ) {
        let system = messages.first?.role == .system ? messages.first?.content : nil
        let thinks = header.append(system: system, to: &transcript)
        func answer() {
            transcript.control("<|im_start|>")
            transcript.frame(thinks ? "assistant\n" : "assistant\n<think>\n\n</think>\n")
        }
        for message in messages {
            switch message.role {
            case .system, .tool: break
            case .user: chatML(message, &transcript)
            case .assistant:
                answer()
                let content = message.content.unicodeScalars.drop { $0 == "\n" }
                transcript.content(String(String.UnicodeScalarView(content)))
                transcript.control("<|im_end|>")
                transcript.frame("\n")
            }
        }
        if addGenerationPrompt { answer() }
    }
}

extension ChatFormat {
    /// Refuses tools in a format by name.
    private func checkTools(_ messages: [ChatMessage], _ tools: [ToolDefinition]) throws(TokenizerError) {
        if case .template = style { return }
        guard tools.isEmpty, messages.allSatisfy({ $0.role != .tool && $0.toolCalls.isEmpty }) else {
            throw .unsupportedChat(reason: "a chat format by name has no place for tools, their calls and results")
        }
    }

    /// The system message, if the chat begins with one, and the rest, in which user and assistant must take turns.
    private func alternating(
        _ messages: [ChatMessage]
    ) throws(TokenizerError) -> (system: String?, turns: [ChatMessage]) {
        var turns = messages
        let system = turns.first?.role == .system ? turns.removeFirst().content : nil
        for (index, message) in turns.enumerated() {
            guard message.role == (index.isMultiple(of: 2) ? .user : .assistant) else {
                throw .unsupportedChat(
                    reason: "after the system message, user and assistant must take turns, beginning with the user")
            }
        }
        return (system, turns)
    }

    private var noPlaceForSystem: TokenizerError {
        .unsupportedChat(reason: "the model's chat format has no system message")
    }
}
