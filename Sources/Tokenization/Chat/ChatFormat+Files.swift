import Foundation

extension ChatFormat {
    /// Recognises the chat template of a checkpoint's directory: the file chat_template.jinja, else `chat_template` in
    /// tokenizer_config.json.
    ///
    /// A template is a Jinja program. It is not run here but recognised: its control tokens tell the format, and its
    /// literals hold the default prompts, dates and spaces. What a template does with tools, or with the thoughts in
    /// earlier answers, is left out.
    ///
    /// - Parameters:
    ///   - directory: the path of the checkpoint's directory.
    ///   - today: the date for templates that state one.
    /// - Throws: `unreadableFile`, and what ``init(tokenizerConfiguration:name:today:)`` throws.
    public init(directory: String, today: Date = Date()) throws(TokenizerError) {
        let (template, configuration) = (directory + "/chat_template.jinja", directory + "/tokenizer_config.json")
        guard FileManager.default.fileExists(atPath: template) else {
            self = try ChatFormat(tokenizerConfiguration: readFile(configuration), name: configuration, today: today)
            return
        }
        let bytes = try readFile(template)
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .invalidUTF8(file: template) }
        let tokens = try Self.tokens(directory: directory)
        self = try ChatTemplate(text, file: template, beginToken: tokens.begin, endToken: tokens.end)
            .format(today: today)
    }

    /// Recognises the chat template in the text of a tokenizer_config.json; see ``init(directory:today:)``.
    ///
    /// - Parameters:
    ///   - bytes: the JSON text in UTF-8.
    ///   - name: what errors call the file.
    ///   - today: the date for templates that state one.
    /// - Throws: `missingKey` without a chat template, `unsupportedChatTemplate` for one of no known format, and the
    ///   errors of reading JSON.
    public init(tokenizerConfiguration bytes: [UInt8], name: String, today: Date = Date()) throws(TokenizerError) {
        let root = try JSONNode(parsing: bytes, file: name)
        let template = try Self.defaultTemplate(try root.required("chat_template"))
        self = try ChatTemplate(
            template, file: name, beginToken: Self.token("bos_token", root), endToken: Self.token("eos_token", root)
        ).format(today: today)
    }

    /// Recognises the chat template of a GGUF file's vocabulary; see ``init(directory:today:)``.
    ///
    /// - Parameters:
    ///   - vocabulary: the vocabulary. Its beginning and end tokens are those of the format.
    ///   - today: the date for templates that state one.
    /// - Throws: `missingKey` without a chat template, `unsupportedChatTemplate` for one of no known format, and
    ///   `invalidValue` for an id that no token has.
    public init(vocabulary: TokenizerVocabulary, today: Date = Date()) throws(TokenizerError) {
        guard let template = vocabulary.chatTemplate else {
            throw .missingKey(file: vocabulary.file, key: "tokenizer.chat_template")
        }
        func token(_ id: Int?, _ key: String) throws(TokenizerError) -> String? {
            guard let id else { return nil }
            guard vocabulary.tokens.indices.contains(id) else {
                throw .invalidValue(file: vocabulary.file, key: key, expected: "the id of a token")
            }
            return vocabulary.tokens[id]
        }
        self = try ChatTemplate(
            template, file: vocabulary.file,
            beginToken: token(vocabulary.beginningID, "tokenizer.ggml.bos_token_id"),
            endToken: token(vocabulary.endID, "tokenizer.ggml.eos_token_id")
        ).format(today: today)
    }

    /// The same format with the begin and end tokens of a checkpoint's tokenizer_config.json. A token that the format
    /// doesn't have, or that the file doesn't name, stays as it is.
    ///
    /// - Throws: the errors of reading JSON.
    public func adapted(toDirectory directory: String) throws(TokenizerError) -> ChatFormat {
        let tokens = try Self.tokens(directory: directory)
        return ChatFormat(
            style, beginToken: beginToken.isEmpty ? "" : tokens.begin ?? beginToken,
            endToken: endToken.isEmpty ? "" : tokens.end ?? endToken)
    }

    private static func tokens(directory: String) throws(TokenizerError) -> (begin: String?, end: String?) {
        let path = directory + "/tokenizer_config.json"
        guard FileManager.default.fileExists(atPath: path) else { return (nil, nil) }
        let root = try JSONNode(parsing: readFile(path), file: path)
        return (try token("bos_token", root), try token("eos_token", root))
    }

    /// A token by its key: a string, or an object with the string as its content.
    private static func token(_ key: String, _ root: JSONNode) throws(TokenizerError) -> String? {
        guard let node = try root.optional(key) else { return nil }
        guard case .object = node.value else { return try node.string() }
        return try node.required("content").string()
    }

    /// `chat_template` is a template, or an array of named ones of which "default" is the chat's.
    private static func defaultTemplate(_ node: JSONNode) throws(TokenizerError) -> String {
        guard case .array = node.value else { return try node.string() }
        for template in try node.array() where try template.required("name").string() == "default" {
            return try template.required("template").string()
        }
        throw .missingKey(file: node.file, key: "\(node.key).default")
    }
}
