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

/// How the messages of a chat become the text that an instruction-tuned model was trained on.
public enum ChatFormat: Sendable, Equatable {
    /// ChatML: `<|im_start|>role\ncontent<|im_end|>\n` for each message.
    ///
    /// A chat that does not begin with a system message gets the default one, if there is one.
    case chatML(defaultSystemPrompt: String?)

    /// The format of SmolLM2 Instruct with the default system prompt of its chat template.
    public static let smolLM2 = ChatFormat.chatML(
        defaultSystemPrompt: "You are a helpful AI assistant named SmolLM, trained by Hugging Face")

    /// Renders messages to text.
    ///
    /// Content is copied as it is: text from outside can hold control tokens. Use
    /// ``encode(_:with:addGenerationPrompt:)`` for a prompt that is safe from that.
    ///
    /// - Parameters:
    ///   - messages: the chat; without a message there is no default system prompt either.
    ///   - addGenerationPrompt: whether to end with the start of the assistant's answer.
    public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool = true) -> String {
        var text = ""
        for message in completed(messages) {
            text += "\(Self.start)\(Self.body(of: message))\(Self.end)\n"
        }
        if addGenerationPrompt { text += "\(Self.start)\(Self.generationPrompt)" }
        return text
    }

    /// Encodes messages to token ids in which only the frame has special tokens.
    ///
    /// Content is encoded as ordinary text, so it cannot end a message or begin one; only added tokens that are not
    /// special, such as Qwen's `<tool_call>`, are still found in it. The result equals encoding
    /// ``render(_:addGenerationPrompt:)`` unless some content spells a special token.
    ///
    /// - Throws: `missingControlToken` when the tokenizer is not one of a ChatML model, and `forgedControlToken` when
    ///   the merges of a broken vocabulary would make a special token of ordinary text.
    public func encode(
        _ messages: [ChatMessage], with tokenizer: Tokenizer, addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> [Int] {
        let start = try Self.control(Self.start, of: tokenizer)
        let end = try Self.control(Self.end, of: tokenizer)
        let newline = try Self.ordinary("\n", tokenizer)
        var ids: [Int] = []
        for message in completed(messages) {
            ids.append(start)
            ids += try Self.ordinary(Self.body(of: message), tokenizer)
            ids.append(end)
            ids += newline
        }
        if addGenerationPrompt { ids += [start] + (try Self.ordinary(Self.generationPrompt, tokenizer)) }
        return ids
    }

    private static let start = "<|im_start|>"
    private static let end = "<|im_end|>"
    private static let generationPrompt = "\(ChatMessage.Role.assistant.rawValue)\n"

    private static func body(of message: ChatMessage) -> String {
        "\(message.role.rawValue)\n\(message.content)"
    }

    private func completed(_ messages: [ChatMessage]) -> [ChatMessage] {
        guard case .chatML(let prompt?) = self, let first = messages.first, first.role != .system else {
            return messages
        }
        return [ChatMessage(role: .system, content: prompt)] + messages
    }

    private static func control(_ token: String, of tokenizer: Tokenizer) throws(TokenizerError) -> Int {
        guard let id = tokenizer.id(token: token), tokenizer.isSpecial(id) else {
            throw .missingControlToken(token: token)
        }
        return id
    }

    private static func ordinary(_ text: String, _ tokenizer: Tokenizer) throws(TokenizerError) -> [Int] {
        let ids = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
        if let forged = ids.first(where: tokenizer.isSpecial) {
            throw .forgedControlToken(token: tokenizer.token(id: forged) ?? "")
        }
        return ids
    }
}

// MARK: - tokenizer_config.json

extension ChatFormat {
    /// Recognises the chat template of a tokenizer_config.json.
    ///
    /// Templates are Jinja programs, which are not run here: a template with ChatML's control tokens is ChatML, and a
    /// system message that it holds as a literal is the default one.
    ///
    /// - Throws: `unreadableFile`, and what ``init(tokenizerConfiguration:name:)`` throws.
    public init(contentsOfFile path: String) throws(TokenizerError) {
        try self.init(tokenizerConfiguration: readFile(path), name: path)
    }

    /// Recognises the chat template in the text of a tokenizer_config.json; see ``init(contentsOfFile:)``.
    ///
    /// - Parameters:
    ///   - bytes: the JSON text in UTF-8.
    ///   - name: what errors call the file.
    /// - Throws: `missingKey` without a chat template, `unsupportedChatTemplate` for one that is not ChatML, and the
    ///   errors of reading JSON.
    public init(tokenizerConfiguration bytes: [UInt8], name: String) throws(TokenizerError) {
        let node = try JSONParser.parse(bytes, file: name).required("chat_template")
        let template = try Self.defaultTemplate(node)
        guard template.contains(Self.start), template.contains(Self.end) else {
            throw .unsupportedChatTemplate(file: name)
        }
        self = .chatML(defaultSystemPrompt: Self.defaultSystemPrompt(in: template))
    }

    /// `chat_template` is a template, or an array of named ones of which "default" is the chat's.
    private static func defaultTemplate(_ node: JSONNode) throws(TokenizerError) -> String {
        guard case .array = node.value else { return try node.string() }
        for template in try node.array() where try template.required("name").string() == "default" {
            return try template.required("template").string()
        }
        throw .missingKey(file: node.file, key: "\(node.key).default")
    }

    /// The literal between the frame of a system message, if the template has one.
    private static func defaultSystemPrompt(in template: String) -> String? {
        // Bytes, because a line break and what follows it can be one Character. In a Jinja string a line break is
        // itself or its escape.
        let template = Array(template.utf8).replacing(#"\n"#.utf8, with: "\n".utf8)
        var rest = template[...]
        while let frame = rest.firstRange(of: "\(start)system\n".utf8) {
            let opening = rest[..<frame.lowerBound].last
            rest = rest[frame.upperBound...]
            guard let end = rest.firstRange(of: Self.end.utf8) else { return nil }
            let prompt = rest[..<end.lowerBound]
            if isLiteral(prompt, after: opening) { return prompt.text }
        }
        return nil
    }

    /// Whether text in a template is literal: inside the string that `opening` begins, or outside of expressions.
    private static func isLiteral(_ text: ArraySlice<UInt8>, after opening: UInt8?) -> Bool {
        switch opening {
        case UInt8(ascii: "'")?, UInt8(ascii: "\"")?: !text.contains { $0 == opening }
        default: !text.contains(UInt8(ascii: "{"))
        }
    }
}
