extension ChatMessage.Role: Codable {}

/// A message is the object that chat clients send: `{"role": "user", "content": "…"}`. Other members are ignored.
extension ChatMessage: Codable {
    private enum CodingKeys: String, CodingKey {
        case role, content
    }

    /// Decodes a message.
    ///
    /// - Throws: `DecodingError` for a role that no message has, and for content that isn't a text.
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            role: try members.decode(Role.self, forKey: .role),
            content: try members.decode(String.self, forKey: .content))
    }

    /// Encodes the message.
    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode(role, forKey: .role)
        try members.encode(content, forKey: .content)
    }
}
