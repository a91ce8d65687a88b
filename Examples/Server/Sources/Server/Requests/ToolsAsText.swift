import LongLM

/// Functions in a chat whose template has no place for them: they stand in the system message, and calls and results in
/// the messages, in the form that Hermes' models have made common.
enum ToolsAsText {
    /// The chat as messages of the system, the user and the assistant alone.
    static func messages(_ messages: [ChatMessage], tools: [ToolDefinition]) -> [ChatMessage] {
        var result: [ChatMessage] = []
        for message in messages {
            switch message.role {
            case .tool:
                let text = "<tool_response>\n\(message.content)\n</tool_response>"
                // Templates want the user and the assistant to take turns.
                if let last = result.last, last.role == .user {
                    result[result.count - 1].content += "\n" + text
                } else {
                    result.append(ChatMessage(role: .user, content: text))
                }
            case .assistant:
                var message = message
                let parts = (message.content.isEmpty ? [] : [message.content]) + message.toolCalls.map(text)
                message.content = parts.joined(separator: "\n")
                message.toolCalls = []
                result.append(message)
            case .system, .user: result.append(message)
            }
        }
        if tools.isEmpty { return result }
        if let first = result.first, first.role == .system {
            result[0].content += "\n\n" + text(of: tools)
        } else {
            result.insert(ChatMessage(role: .system, content: text(of: tools)), at: 0)
        }
        return result
    }

    private static func text(of tools: [ToolDefinition]) -> String {
        let lines = tools.map { $0.value.text(isSpaced: true) }.joined(separator: "\n")
        return """
            You can call these functions, each of which is described by a JSON object between <tools> and </tools>:
            <tools>
            \(lines)
            </tools>
            To call one, write a JSON object with its name and its arguments between <tool_call> and </tool_call>:
            <tool_call>
            {"name": "the function's name", "arguments": {"an argument's name": "its value"}}
            </tool_call>
            """
    }

    private static func text(of call: ToolCall) -> String {
        let (prefix, suffix) = ToolCallForm.hermes.frame(ofCallTo: call.name)
        return prefix + call.arguments + suffix
    }
}
