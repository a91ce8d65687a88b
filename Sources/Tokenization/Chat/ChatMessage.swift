/// One message of a chat.
public struct ChatMessage: Sendable, Equatable {
    /// Who speaks.
    public enum Role: String, Sendable {
        /// Whoever sets the chat up: what the assistant is and how it should answer.
        case system
        /// Who asks.
        case user
        /// The model, which answers.
        case assistant
        /// A function that the model has called: what it returned. Only a checkpoint's own template may have a place for
        /// it.
        case tool
    }

    /// Who speaks.
    public var role: Role
    /// What is said, without any frame. It may be empty beside calls.
    public var content: String
    /// The functions that the assistant calls.
    public var toolCalls: [ToolCall] = []
    /// The id of the call that a tool's message is the result of.
    public var toolCallID: String?
    /// The name of who speaks, or of the function whose result this is, for templates that read it.
    public var name: String?
    /// What the assistant thought before it spoke, for templates that read `reasoning_content`.
    public var reasoning: String?

    /// A message with its role and content.
    public init(role: Role, content: String) {
        self.role = role
        self.content = content
    }

    /// What the assistant says, with the functions that it calls.
    ///
    /// - Parameters:
    ///   - content: What it says besides.
    ///   - toolCalls: The calls, in order.
    ///   - reasoning: What it thought before, for templates that read it.
    public static func assistant(
        _ content: String = "", toolCalls: [ToolCall], reasoning: String? = nil
    ) -> ChatMessage {
        var message = ChatMessage(role: .assistant, content: content)
        message.toolCalls = toolCalls
        message.reasoning = reasoning
        return message
    }

    /// What a called function returned.
    ///
    /// - Parameters:
    ///   - content: The result: a text, such as that of a JSON value.
    ///   - call: The call; its id and its name go with the result.
    public static func result(_ content: String, of call: ToolCall) -> ChatMessage {
        var message = ChatMessage(role: .tool, content: content)
        message.toolCallID = call.id
        message.name = call.name
        return message
    }
}
