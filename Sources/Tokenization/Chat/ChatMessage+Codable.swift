extension ChatMessage.Role: Codable {}

/// A message is the object that chat clients send: `{"role": "user", "content": "…"}`, with `tool_calls`, `tool_call_id`,
/// `name` and `reasoning_content` where it has them. Other members are ignored.
extension ChatMessage: Codable {
    private enum CodingKeys: String, CodingKey {
        case role, content, name
        case toolCalls = "tool_calls"
        case toolCallID = "tool_call_id"
        case reasoning = "reasoning_content"
    }

    /// Decodes a message. Beside calls, `content` may be missing or null.
    ///
    /// - Throws: `DecodingError` for a role that no message has, for content that isn't a text, and for members of another
    ///   form.
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        let calls = try members.decodeIfPresent([CodedCall].self, forKey: .toolCalls) ?? []
        let content =
            calls.isEmpty
            ? try members.decode(String.self, forKey: .content)
            : try members.decodeIfPresent(String.self, forKey: .content) ?? ""
        self.init(role: try members.decode(Role.self, forKey: .role), content: content)
        toolCalls = calls.map { ToolCall(id: $0.id, name: $0.function.name, arguments: $0.function.arguments) }
        toolCallID = try members.decodeIfPresent(String.self, forKey: .toolCallID)
        name = try members.decodeIfPresent(String.self, forKey: .name)
        reasoning = try members.decodeIfPresent(String.self, forKey: .reasoning)
    }

    /// Encodes the message. Members that it doesn't have are left out.
    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode(role, forKey: .role)
        try members.encode(content, forKey: .content)
        if !toolCalls.isEmpty { try members.encode(toolCalls.map(CodedCall.init), forKey: .toolCalls) }
        try members.encodeIfPresent(toolCallID, forKey: .toolCallID)
        try members.encodeIfPresent(name, forKey: .name)
        try members.encodeIfPresent(reasoning, forKey: .reasoning)
    }
}

/// A call as clients send it: `{"id": "…", "type": "function", "function": {"name": "…", "arguments": "…"}}`.
private struct CodedCall: Codable {
    struct Function: Codable {
        let name: String
        /// A JSON text.
        let arguments: String
    }

    var id: String?
    var type: String?
    let function: Function

    init(_ call: ToolCall) {
        id = call.id
        type = "function"
        function = Function(name: call.name, arguments: call.arguments)
    }
}
