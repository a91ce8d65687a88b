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
    }

    /// Who speaks.
    public var role: Role
    /// What is said, without any frame.
    public var content: String

    /// A message with its role and content.
    public init(role: Role, content: String) {
        self.role = role
        self.content = content
    }
}
