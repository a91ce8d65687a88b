/// The components of a tokenizer.json, each read strictly: what is not supported is an error.
struct TokenizerFile {
    let root: JSONNode

    private var file: String { root.file }

    /// The `type` of a component.
    private func type(of node: JSONNode) throws(TokenizerError) -> String {
        try node.required("type").string()
    }

    private func flag(_ name: String, of node: JSONNode, default value: Bool) throws(TokenizerError) -> Bool {
        try node.optional(name)?.bool() ?? value
    }

    func normalizer() throws(TokenizerError) -> Normalizer {
        guard let node = try root.optional("normalizer") else { return .none }
        let type = try type(of: node)
        guard type == "NFC" else { throw .unsupportedNormalizer(file: file, type: type) }
        return .nfc
    }

    func checkDecoder() throws(TokenizerError) {
        let type = try type(of: try root.required("decoder"))
        guard type == "ByteLevel" else { throw .unsupportedDecoder(file: file, type: type) }
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

// MARK: - Pre-tokenizer

extension TokenizerFile {
    func preTokenizer() throws(TokenizerError) -> PreTokenizer {
        let root = try root.required("pre_tokenizer")
        var nodes = [root]
        if try type(of: root) == "Sequence" { nodes = try root.required("pretokenizers").array() }
        // ByteLevel changes the alphabet, so that nothing can follow it; without it the vocabulary is not of bytes.
        guard let last = nodes.popLast(), try type(of: last) == "ByteLevel" else {
            throw .unsupportedPreTokenizer(file: file, type: "that does not end in ByteLevel")
        }
        var steps: [PreTokenizer.Step] = []
        for node in nodes { steps.append(.split(try splitRule(node))) }
        if try flag("add_prefix_space", of: last, default: true) { steps.append(.prefixSpace) }
        if try flag("use_regex", of: last, default: true) { steps.append(.split(.gpt2)) }
        return PreTokenizer(steps: steps)
    }

    private func splitRule(_ node: JSONNode) throws(TokenizerError) -> SplitRule {
        switch try type(of: node) {
        case "Digits":
            return .digits(individual: try flag("individual_digits", of: node, default: false))
        case "Split":
            let behavior = try node.required("behavior").string()
            guard behavior == "Isolated", try !flag("invert", of: node, default: false) else {
                throw .unsupportedPreTokenizer(file: file, type: "Split with behavior \(behavior) or inverted")
            }
            return try pattern(try node.required("pattern"))
        case let type:
            throw .unsupportedPreTokenizer(file: file, type: type)
        }
    }

    private func pattern(_ node: JSONNode) throws(TokenizerError) -> SplitRule {
        let pattern = try node.required("Regex").bytes()
        guard let rule = SplitRule(pattern: pattern) else {
            throw .unsupportedPattern(file: file, pattern: pattern.text)
        }
        return rule
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
            // It trims the offsets of tokens, which are not reported here.
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
        let specialTokens = try node.optional("special_tokens")
        var added: (prefix: [Int], suffix: [Int]) = ([], [])
        var sequences = 0
        for piece in try node.required("single").array() {
            if try piece.optional("Sequence") != nil {
                sequences += 1
            } else {
                let name = try piece.required("SpecialToken").required("id").string()
                guard let token = try specialTokens?.optional(name) else {
                    throw .missingKey(file: file, key: "\(node.key).special_tokens.\(name)")
                }
                let ids = try ids(of: token, vocabulary)
                if sequences == 0 { added.prefix += ids } else { added.suffix += ids }
            }
        }
        guard sequences == 1 else {
            throw .unsupportedPostProcessor(file: file, type: "TemplateProcessing with \(sequences) sequences")
        }
        template.prefix = added.prefix + template.prefix
        template.suffix += added.suffix
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
