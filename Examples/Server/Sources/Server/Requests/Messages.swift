import LongLM

/// The messages of a chat's request.
enum Messages {
    /// Reads the field `messages`.
    static func read(_ fields: inout Fields) throws(APIError) -> [ChatMessage] {
        guard let list = try fields.list("messages"), !list.isEmpty else {
            throw .invalid("messages is not a list of messages.", field: "messages")
        }
        var messages: [ChatMessage] = []
        // What results are of.
        var names: [String: String] = [:]
        for (name, value) in list {
            var message = try message(value, name)
            for call in message.toolCalls { if let id = call.id { names[id] = call.name } }
            // Templates may want the function's name, which clients leave out.
            if message.role == .tool, message.name == nil, let id = message.toolCallID { message.name = names[id] }
            messages.append(message)
        }
        return messages
    }

    private static func message(_ value: JSONValue, _ path: String) throws(APIError) -> ChatMessage {
        var fields = try Fields(value, path: path)
        let role: ChatMessage.Role
        switch try fields.string("role") {
        case "system", "developer": role = .system
        case "user": role = .user
        case "assistant": role = .assistant
        case "tool": role = .tool
        default: throw .invalid("\(path).role is none of system, user, assistant and tool.", field: path + ".role")
        }
        var message = ChatMessage(role: role, content: try content(&fields, isOptional: role == .assistant))
        message.name = try fields.string("name")
        switch role {
        case .assistant:
            for (name, value) in try fields.list("tool_calls") ?? [] {
                message.toolCalls.append(try call(value, name))
            }
            message.reasoning = try fields.string("reasoning_content")
        case .tool: message.toolCallID = try fields.string("tool_call_id")
        default: break
        }
        fields.ignore(["cache_control", "id"])
        try fields.end(neutral: ["tool_calls": [[]], "annotations": [[]], "refusal": [""]])
        return message
    }

    private static func content(_ fields: inout Fields, isOptional: Bool) throws(APIError) -> String {
        let name = fields.name("content")
        switch fields.value("content") {
        case .string(let text): return text
        case .array(let parts):
            var content = ""
            for (index, part) in parts.enumerated() {
                var part = try Fields(part, path: "\(name)[\(index)]")
                guard try part.string("type") == "text", let text = try part.string("text") else {
                    throw .invalid("\(part.name("type")) is not text.", field: part.name("type"))
                }
                part.ignore(["cache_control"])
                try part.end(neutral: ["annotations": [[]]])
                content += text
            }
            return content
        case nil where isOptional: return ""
        default: throw .invalid("\(name) is not a text.", field: name)
        }
    }

    private static func call(_ value: JSONValue, _ path: String) throws(APIError) -> ToolCall {
        var fields = try Fields(value, path: path)
        guard try fields.string("type") ?? "function" == "function" else {
            throw .invalid("\(path).type is not function.", field: path + ".type")
        }
        let id = try fields.string("id")
        var function = try Fields(fields.value("function") ?? .null, path: path + ".function")
        guard let name = try function.string("name"), let arguments = try function.string("arguments") else {
            throw .invalid("\(path).function has no name, or no arguments.", field: path + ".function")
        }
        // Some clients leave the arguments of a function that takes none empty.
        let text = arguments.allSatisfy(\.isWhitespace) ? "{}" : arguments
        guard case .object = try? JSONValue(json: Array(text.utf8), name: "") else {
            throw .invalid(
                "\(path).function.arguments is not the JSON text of an object.", field: path + ".function.arguments")
        }
        fields.ignore(["index"])
        try function.end()
        try fields.end()
        return ToolCall(id: id, name: name, arguments: text)
    }
}
