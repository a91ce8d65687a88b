/// The components of a tokenizer.json. Each is read strictly: whatever is not supported is an error.
struct TokenizerFile {
    let root: JSONNode

    var file: String { root.file }

    /// The options of each type of component. An option that is not listed here could change what the component does.
    private static let options: [String: Set<String>] = [
        "BPE": [
            "vocab", "merges", "dropout", "unk_token", "fuse_unk", "byte_fallback", "ignore_merges",
            "continuing_subword_prefix", "end_of_word_suffix",
        ],
        "ByteLevel": ["add_prefix_space", "trim_offsets", "use_regex"],
        "Digits": ["individual_digits"],
        "Metaspace": ["replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"],
        "Prepend": ["prepend"],
        "Punctuation": ["behavior"],
        "Replace": ["pattern", "content"],
        "Sequence": ["normalizers", "pretokenizers", "processors", "decoders"],
        "Split": ["pattern", "behavior", "invert"],
        "Strip": ["strip_left", "strip_right", "content", "start", "stop"],
        "TemplateProcessing": ["single", "pair", "special_tokens"],
    ]

    /// The `type` of a component.
    func type(of node: JSONNode) throws(TokenizerError) -> String {
        let type = try node.required("type").string()
        try checkOptions(of: node, type: type)
        return type
    }

    /// Refuses an unknown option of a component of a known type, unless it is null.
    func checkOptions(of node: JSONNode, type: String) throws(TokenizerError) {
        guard let known = Self.options[type] ?? (Self.plainTypes.contains(type) ? [] : nil) else { return }
        for member in try node.object() where member.key.text != "type" && !known.contains(member.key.text) {
            if case .null = member.value { continue }
            throw .unsupportedOption(file: file, key: "\(node.key).\(member.key.text)")
        }
    }

    /// The types without options.
    private static let plainTypes: Set<String> = [
        "ByteFallback", "Fuse", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Whitespace", "WhitespaceSplit",
    ]

    /// Refuses a component of too many steps.
    func checkStepCount(_ count: Int, component: String) throws(TokenizerError) {
        guard count <= ComponentLimits.stepCount else {
            throw .excessiveComponent(
                file: file, component: component, reason: "has more than \(ComponentLimits.stepCount) steps")
        }
    }

    /// Refuses a component that makes a text too long.
    func check(_ growth: TextGrowth, limit: Int, component: String) throws(TokenizerError) {
        guard !growth.isTooLarge else {
            throw .excessiveComponent(
                file: file, component: component, reason: "can make a text more than \(limit) times as long")
        }
    }

    /// Refuses a component whose patterns are too large together.
    func checkPatterns(_ matchers: [TextMatcher], component: String) throws(TokenizerError) {
        var size = 0
        for case .pattern(let pattern) in matchers { size += pattern.size }
        guard size <= Pattern.maximumSize else {
            throw .excessiveComponent(file: file, component: component, reason: "has too large regular expressions")
        }
    }

    func flag(_ name: String, of node: JSONNode, default value: Bool) throws(TokenizerError) -> Bool {
        try node.optional(name)?.bool() ?? value
    }

    func addedTokens() throws(TokenizerError) -> [AddedToken] {
        var tokens: [AddedToken] = []
        for node in try root.optional("added_tokens")?.array() ?? [] {
            let id = try node.required("id").integer()
            let content = try node.required("content").bytes()
            guard !content.isEmpty else { throw .emptyAddedToken(file: file, id: id) }
            tokens.append(
                AddedToken(
                    id: id, content: content,
                    isSpecial: try node.required("special").bool(),
                    isSingleWord: try node.required("single_word").bool(),
                    stripsLeft: try node.required("lstrip").bool(),
                    stripsRight: try node.required("rstrip").bool(),
                    isNormalized: try node.required("normalized").bool()))
        }
        return tokens
    }
}

// MARK: - Post-processor

extension TokenizerFile {
    func template(vocabulary: Vocabulary) throws(TokenizerError) -> Template {
        var template = Template()
        guard let node = try root.optional("post_processor") else { return template }
        var nodes = [node]
        if try type(of: node) == "Sequence" { nodes = try node.required("processors").array() }
        for node in nodes {
            switch try type(of: node) {
            // It only trims the offsets of tokens, which are not reported here.
            case "ByteLevel": continue
            case "TemplateProcessing": try apply(templateProcessing: node, to: &template, vocabulary)
            case let type: throw .unsupportedPostProcessor(file: file, type: type)
            }
        }
        return template
    }

    private func apply(
        templateProcessing node: JSONNode, to template: inout Template, _ vocabulary: Vocabulary
    ) throws(TokenizerError) {
        var specialTokens: [String: JSONNode] = [:]
        for (name, token) in try node.optional("special_tokens")?.members() ?? [] { specialTokens[name] = token }
        var added: (prefix: [Int], suffix: [Int]) = ([], [])
        var sequences = 0
        let pieces = try node.required("single").array()
        guard pieces.count <= ComponentLimits.templateTokenCount else { throw tooManyTemplateTokens }
        for piece in pieces {
            if let sequence = try piece.optional("Sequence") {
                guard try sequence.required("id").string() == "A" else {
                    throw sequence.invalid("the sequence A")
                }
                sequences += 1
            } else {
                let name = try piece.required("SpecialToken").required("id").string()
                guard let token = specialTokens[name], !token.value.isNull else {
                    throw .missingKey(file: file, key: "\(node.key).special_tokens.\(name)")
                }
                let ids = try ids(of: token, vocabulary)
                if sequences == 0 { added.prefix += ids } else { added.suffix += ids }
                guard added.prefix.count + added.suffix.count <= ComponentLimits.templateTokenCount else {
                    throw tooManyTemplateTokens
                }
            }
        }
        guard sequences == 1 else {
            throw .unsupportedPostProcessor(file: file, type: "TemplateProcessing with \(sequences) sequences")
        }
        template.prefix = added.prefix + template.prefix
        template.suffix += added.suffix
        guard template.prefix.count + template.suffix.count <= ComponentLimits.templateTokenCount else {
            throw tooManyTemplateTokens
        }
    }

    private var tooManyTemplateTokens: TokenizerError {
        .excessiveComponent(
            file: file, component: "post_processor",
            reason: "adds more than \(ComponentLimits.templateTokenCount) tokens")
    }

    private func ids(of specialToken: JSONNode, _ vocabulary: Vocabulary) throws(TokenizerError) -> [Int] {
        var ids: [Int] = []
        for node in try specialToken.required("ids").array() {
            let id = try node.integer()
            guard vocabulary.spelling(of: id) != nil else { throw .unknownTemplateToken(file: file, id: id) }
            ids.append(id)
        }
        return ids
    }
}
