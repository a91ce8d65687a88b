import Foundation

extension ChatFormat {
    /// Reads the chat template of a checkpoint's directory: the file chat_template.jinja, else chat_template.json, else
    /// `chat_template` in tokenizer_config.json.
    ///
    /// A template is a Jinja program. It is parsed here, so that an unknown construct is found at once, and run whenever
    /// a chat is rendered. A template named `tool_use`, in additional_chat_templates or in the list of
    /// tokenizer_config.json, takes the chats with tools. The special tokens of tokenizer_config.json are variables of
    /// the template, and so are those that only special_tokens_map.json has.
    ///
    /// - Parameters:
    ///   - directory: the path of the checkpoint's directory.
    ///   - today: the date for templates that state one.
    /// - Throws: `unreadableFile`, and what ``init(tokenizerConfiguration:name:today:)`` throws.
    public init(directory: String, today: Date = Date()) throws(TokenizerError) {
        let configuration = directory + "/tokenizer_config.json"
        let files = try ChatFiles(directory: directory)
        guard let standard = files.standard else { throw .missingKey(file: configuration, key: "chat_template") }
        self = try Self.format(Sources(standard: standard, forTools: files.forTools), files.tokens, today)
    }

    /// Reads the chat template in the text of a tokenizer_config.json; see ``init(directory:today:)``.
    ///
    /// - Parameters:
    ///   - bytes: the JSON text in UTF-8.
    ///   - name: what errors call the file.
    ///   - today: the date for templates that state one.
    /// - Throws: `missingKey` without a chat template, `unsupportedChatTemplate` for one that isn't Jinja or uses a part
    ///   of it that isn't implemented, and the errors of reading JSON.
    public init(tokenizerConfiguration bytes: [UInt8], name: String, today: Date = Date()) throws(TokenizerError) {
        let root = try JSONNode(parsing: bytes, file: name)
        self = try Self.format(
            Self.sources(try root.required("chat_template")), Self.specialTokens(root), today)
    }

    /// Reads the chat template of a GGUF file's vocabulary; see ``init(directory:today:)``.
    ///
    /// - Parameters:
    ///   - vocabulary: the vocabulary. Its beginning, end, unknown and padding tokens are variables of the template.
    ///   - today: the date for templates that state one.
    /// - Throws: `missingKey` without a chat template, `unsupportedChatTemplate` for one that isn't Jinja or uses a part
    ///   of it that isn't implemented, and `invalidValue` for an id that no token has.
    public init(vocabulary: TokenizerVocabulary, today: Date = Date()) throws(TokenizerError) {
        guard let template = vocabulary.chatTemplate else {
            throw .missingKey(file: vocabulary.file, key: "tokenizer.chat_template")
        }
        var tokens: [String: String] = [:]
        for (name, key, id) in [
            ("bos_token", "bos_token_id", vocabulary.beginningID), ("eos_token", "eos_token_id", vocabulary.endID),
            ("unk_token", "unknown_token_id", vocabulary.unknownID),
            ("pad_token", "padding_token_id", vocabulary.paddingID),
        ] {
            guard let id else { continue }
            guard vocabulary.tokens.indices.contains(id) else {
                throw .invalidValue(
                    file: vocabulary.file, key: "tokenizer.ggml.\(key)", expected: "the id of a token")
            }
            tokens[name] = vocabulary.tokens[id]
        }
        self = try Self.format(Sources(standard: (template, vocabulary.file)), tokens, today)
    }

    /// The same format with the begin and end tokens of a checkpoint's tokenizer_config.json. A token that the format
    /// doesn't have, or that the file doesn't name, stays as it is, and so does a checkpoint's own template.
    ///
    /// - Throws: the errors of reading JSON.
    public func adapted(toDirectory directory: String) throws(TokenizerError) -> ChatFormat {
        let path = directory + "/tokenizer_config.json"
        let root =
            FileManager.default.fileExists(atPath: path) ? try JSONNode(parsing: readFile(path), file: path) : nil
        let tokens = try Self.specialTokens(root, directory: directory)
        return ChatFormat(
            style, beginToken: beginToken.isEmpty ? "" : tokens["bos_token"] ?? beginToken,
            endToken: endToken.isEmpty ? "" : tokens["eos_token"] ?? endToken)
    }
}

// MARK: - Parts of files

/// What a checkpoint's directory says of chats.
package struct ChatFiles: Sendable {
    /// The template and its file; nil if there is none.
    package let standard: (text: String, file: String)?
    /// The template for chats with tools, if there is one of its own.
    package let forTools: (text: String, file: String)?
    /// The special tokens by their names: `bos_token` and so on.
    package let tokens: [String: String]

    /// Reads the files that ``ChatFormat/init(directory:today:)`` reads.
    ///
    /// - Throws: `unreadableFile` where neither tokenizer_config.json nor a template is there, and the errors of reading JSON.
    package init(directory: String) throws(TokenizerError) {
        let configuration = directory + "/tokenizer_config.json"
        func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: directory + "/" + name) }
        let root =
            exists("tokenizer_config.json") || !exists("chat_template.jinja") && !exists("chat_template.json")
            ? try JSONNode(parsing: readFile(configuration), file: configuration) : nil
        var sources: ChatFormat.Sources?
        if exists("chat_template.jinja") {
            sources = ChatFormat.Sources(standard: try ChatFormat.source(directory + "/chat_template.jinja"))
        } else if exists("chat_template.json") {
            let file = directory + "/chat_template.json"
            sources = try ChatFormat.sources(
                try JSONNode(parsing: readFile(file), file: file).required("chat_template"))
        } else if let node = try root?.optional("chat_template") {
            sources = try ChatFormat.sources(node)
        }
        let forTools = "additional_chat_templates/tool_use.jinja"
        if exists(forTools) { sources?.forTools = try ChatFormat.source(directory + "/" + forTools) }
        standard = sources?.standard
        self.forTools = sources?.forTools
        tokens = try ChatFormat.specialTokens(root, directory: directory)
    }
}

extension ChatFormat {
    /// The texts of templates, with the files that they come from.
    fileprivate struct Sources {
        var standard: (text: String, file: String)
        var forTools: (text: String, file: String)?
    }

    private static func format(
        _ sources: Sources, _ tokens: [String: String], _ today: Date
    ) throws(TokenizerError) -> ChatFormat {
        let program = try ChatTemplate.Program(sources.standard.text, file: sources.standard.file)
        let toolProgram = try sources.forTools.map { source throws(TokenizerError) in
            try ChatTemplate.Program(source.text, file: source.file)
        }
        return ChatFormat(
            .template(ChatTemplate(program: program, toolProgram: toolProgram, tokens: tokens, today: today)))
    }

    fileprivate static func source(_ path: String) throws(TokenizerError) -> (text: String, file: String) {
        guard let text = String(validating: try readFile(path), as: UTF8.self) else {
            throw .invalidUTF8(file: path)
        }
        return (text, path)
    }

    /// `chat_template` is a template, or an array of named ones.
    fileprivate static func sources(_ node: JSONNode) throws(TokenizerError) -> Sources {
        guard case .array = node.value else { return Sources(standard: (try node.string(), node.file)) }
        var templates: [String: String] = [:]
        for template in try node.array() {
            templates[try template.required("name").string()] = try template.required("template").string()
        }
        guard let standard = templates["default"] else {
            throw .missingKey(file: node.file, key: "\(node.key).default")
        }
        return Sources(standard: (standard, node.file), forTools: templates["tool_use"].map { ($0, node.file) })
    }

    /// The special tokens of tokenizer_config.json, and those that special_tokens_map.json adds: `transformers` reads both.
    fileprivate static func specialTokens(
        _ root: JSONNode?, directory: String
    ) throws(TokenizerError) -> [String: String] {
        let tokens = try root.map(specialTokens) ?? [:]
        let path = directory + "/special_tokens_map.json"
        guard FileManager.default.fileExists(atPath: path) else { return tokens }
        let more = try specialTokens(JSONNode(parsing: readFile(path), file: path))
        return tokens.merging(more) { stated, _ in stated }
    }

    /// The special tokens by their names: `bos_token` and so on, and those that a model adds.
    private static func specialTokens(_ root: JSONNode) throws(TokenizerError) -> [String: String] {
        var tokens: [String: String] = [:]
        for (name, node) in try root.members() where name.hasSuffix("_token") {
            if let token = try token(node) { tokens[name] = token }
        }
        if let more = try root.optional("extra_special_tokens"), case .object = more.value {
            for (name, node) in try more.members() {
                if let token = try token(node) { tokens[name] = token }
            }
        }
        return tokens
    }

    /// A token: a string, or an object with the string as its content. Other keys that end in `_token` are settings.
    private static func token(_ node: JSONNode) throws(TokenizerError) -> String? {
        switch node.value {
        case .string: try node.string()
        case .object: try node.optional("content")?.string()
        default: nil
        }
    }
}
