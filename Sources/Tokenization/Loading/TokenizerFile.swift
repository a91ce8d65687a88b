/// The components of a tokenizer.json, each read strictly: what is not supported is an error.
struct TokenizerFile {
    let root: JSONNode

    var file: String { root.file }

    /// The `type` of a component.
    func type(of node: JSONNode) throws(TokenizerError) -> String {
        try node.required("type").string()
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
            if let sequence = try piece.optional("Sequence") {
                guard try sequence.required("id").string() == "A" else {
                    throw sequence.invalid("the sequence A")
                }
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
