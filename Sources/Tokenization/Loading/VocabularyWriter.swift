internal import StrictJSON

extension TokenizerVocabulary {
    /// Says in GGUF's words what the tokenizer.json of a directory does.
    ///
    /// The result is tried: it must make the tokens of a text in many scripts that the tokenizer itself makes.
    ///
    /// - Parameters:
    ///   - directory: A checkpoint's directory, with tokenizer.json and perhaps the files of a chat template.
    ///   - tokenCount: The rows of the model's embedding. Tokens beyond them are left out, and rows that no token has get a
    ///     filler.
    ///   - beginning: The token at the beginning of a text, by the model's configuration.
    ///   - ends: The tokens that end a text. GGUF has room for three.
    /// - Throws: ``TokenizerError``, also for what GGUF has no words for.
    package init(
        directory: String, tokenCount: Int, beginning: Int?, ends: [Int]
    ) throws(TokenizerError) {
        let path = directory + "/tokenizer.json"
        let file = TokenizerFile(root: try JSONNode(parsing: readFile(path), file: path))
        let tokenizer = try Tokenizer(file)
        let chat = try? ChatFiles(directory: directory)
        let writer = VocabularyWriter(file: file, tokenizer: tokenizer, tokenCount: tokenCount)
        self.init(file: path, model: tokenizer.preTokenizer.spellsBytes ? "gpt2" : "llama", tokens: writer.tokens)
        chatTemplate = chat?.standard?.text
        toolTemplate = chat?.forTools?.text
        func id(_ name: String) -> Int? {
            guard let id = chat?.tokens[name].flatMap(tokenizer.id), id < tokenCount else { return nil }
            return id
        }
        // The name in tokenizer_config.json is that of the template's variable. So it goes first among the ends.
        let stated = id("eos_token")
        let ordered = stated.map { stated in
            ends.contains(stated) || ends.isEmpty ? [stated] + ends.filter { $0 != stated } : ends
        }
        let known = (ordered ?? ends).filter { $0 >= 0 && $0 < tokenCount }
        (endID, endOfTurnID, endOfMessageID) = (known.first, known.dropFirst().first, known.dropFirst(2).first)
        beginningID = beginning ?? id("bos_token")
        (unknownID, paddingID) = (id("unk_token"), id("pad_token"))
        try writer.addTemplate(to: &self)
        tokenTypes = writer.types(isSentencePiece: model == "llama", unknown: unknownID)
        if model == "llama" {
            try writer.addSentencePiece(to: &self)
        } else {
            try writer.addByteLevel(to: &self)
        }
        try writer.check(self)
    }
}

/// Turns the parts of a tokenizer.json into those of a ``TokenizerVocabulary``.
private struct VocabularyWriter {
    let file: TokenizerFile
    let tokenizer: Tokenizer
    let tokenCount: Int

    private func inexpressible(_ part: String) -> TokenizerError { .inexpressible(file: file.file, part: part) }

    var tokens: [String] { (0..<tokenCount).map { tokenizer.token(id: $0) ?? "[PAD\($0)]" } }

    func types(isSentencePiece: Bool, unknown: Int?) -> [Int32] {
        let bytes = Set((0...UInt8.max).map(BytePairModel.byteToken))
        return (0..<tokenCount).map { id in
            guard let token = tokenizer.token(id: id) else { return 5 }
            if tokenizer.isSpecial(id) { return id == unknown ? 2 : 3 }
            if tokenizer.isAdded(id) { return 4 }
            return isSentencePiece && token.utf8.count == 6 && bytes.contains(token) ? 6 : 1
        }
    }

    /// The tokens around a text can be one at its beginning and one at its end.
    func addTemplate(to vocabulary: inout TokenizerVocabulary) throws(TokenizerError) {
        let template = tokenizer.template
        guard template.prefix.count <= 1, template.suffix.count <= 1 else {
            throw inexpressible("a post-processor that adds several tokens before or after a text")
        }
        vocabulary.addsBeginning = !template.prefix.isEmpty
        if let first = template.prefix.first { vocabulary.beginningID = first }
        vocabulary.addsEnd = !template.suffix.isEmpty
        guard let last = template.suffix.first, last != vocabulary.endID else { return }
        throw inexpressible("a post-processor that ends a text with another token than the model does")
    }
}

// MARK: - Byte-level vocabularies

extension VocabularyWriter {
    func addByteLevel(to vocabulary: inout TokenizerVocabulary) throws(TokenizerError) {
        let isComposed: Bool
        switch try file.normalizer() {
        case .none: isComposed = false
        case .form(.nfc): isComposed = true
        default: throw inexpressible("the normalizer of a byte-level vocabulary, if it isn't NFC")
        }
        let patterns = try patterns()
        let ignoresMerges = tokenizer.model.options.ignoresMerges
        guard
            let named = NamedPreTokenizer.named(
                patterns: patterns, isComposed: isComposed, ignoresMerges: ignoresMerges)
        else {
            let options = (isComposed ? " after NFC" : "") + (ignoresMerges ? " with ignore_merges" : "")
            throw inexpressible(
                "its pre-tokenizer: no name in GGUF stands for \(patterns.joined(separator: " then "))\(options)")
        }
        vocabulary.pre = named.names[0]
        vocabulary.merges = try merges().map { "\($0.left) \($0.right)" }
    }

    /// The regular expressions that cut a text, in their order.
    private func patterns() throws(TokenizerError) -> [String] {
        guard let node = try file.root.optional("pre_tokenizer") else { return [] }
        var nodes = [node]
        if try node.required("type").string() == "Sequence" { nodes = try node.required("pretokenizers").array() }
        var patterns: [String] = []
        for node in nodes {
            switch try node.required("type").string() {
            case "ByteLevel":
                guard try !file.flag("add_prefix_space", of: node, default: true) else {
                    throw inexpressible("a space that ByteLevel puts in front of a text")
                }
                if try file.flag("use_regex", of: node, default: true) {
                    patterns.append(NamedPreTokenizer.gpt2Pattern)
                }
            case "Digits":
                let isIndividual = try file.flag("individual_digits", of: node, default: false)
                patterns.append(isIndividual ? #"\p{N}"# : #"\p{N}+"#)
            case "Split":
                let isIsolated = try node.required("behavior").string() == "Isolated"
                guard isIsolated, try !file.flag("invert", of: node, default: false),
                    let pattern = try node.required("pattern").optional("Regex")
                else { throw inexpressible("a Split that doesn't isolate what its regular expression matches") }
                patterns.append(try pattern.string())
            case let type: throw inexpressible("the pre-tokenizer \(type)")
            }
        }
        return patterns
    }

    /// The merges, the first one first.
    private func merges() throws(TokenizerError) -> [(left: String, right: String)] {
        let nodes = try file.root.required("model").required("merges").array()
        var merges: [(left: String, right: String)] = []
        merges.reserveCapacity(nodes.count)
        for (index, node) in nodes.enumerated() {
            let parts: [String]
            if case .array(let values) = node.value {
                parts = values.compactMap(\.string)
            } else {
                parts = try node.string().split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            }
            guard parts.count == 2 else { throw .malformedMerge(file: file.file, index: index) }
            merges.append((parts[0], parts[1]))
        }
        return merges
    }
}

// MARK: - SentencePiece's vocabularies

extension VocabularyWriter {
    /// Scores take the place of merges: a token's is the greater, the earlier the first merge that makes it.
    func addSentencePiece(to vocabulary: inout TokenizerVocabulary) throws(TokenizerError) {
        vocabulary.addsSpacePrefix = try addsSpacePrefix()
        var ranks = [Int](repeating: -1, count: tokenCount)
        var rank = 0
        for merge in try merges() {
            guard let id = tokenizer.id(token: merge.left + merge.right), id < tokenCount, ranks[id] < 0 else {
                continue
            }
            ranks[id] = rank
            rank += 1
        }
        let types = vocabulary.tokenTypes ?? []
        vocabulary.scores = (0..<tokenCount).map { id in
            if types[id] != 1 { return 0 }
            if ranks[id] < 0 { rank += 1 }
            return -Float(ranks[id] < 0 ? rank : ranks[id])
        }
        // Converters write spaces there, other than everywhere else.
        for id in 0..<tokenCount where types[id] == 4 {
            vocabulary.tokens[id] = vocabulary.tokens[id].replacingScalar(VocabularyReader.space, by: " ")
        }
    }

    /// Whether a space is put in front of a text; every space becomes SentencePiece's own.
    private func addsSpacePrefix() throws(TokenizerError) -> Bool {
        var steps: [Normalizer] = []
        switch try file.normalizer() {
        case .none: break
        case .sequence(let some): steps = some
        case let one: steps = [one]
        }
        var addsPrefix = false
        var replaces = false
        for step in steps {
            switch step {
            case .prepend(let text) where text == [VocabularyReader.space] && !addsPrefix && !replaces:
                addsPrefix = true
            case .replace(.literal([" "]), [VocabularyReader.space]) where !replaces: replaces = true
            default: throw inexpressible("the normalizer of a vocabulary of characters")
            }
        }
        for case .metaspace(let metaspace) in tokenizer.preTokenizer.steps {
            guard metaspace.replacement == VocabularyReader.space, !addsPrefix else {
                throw inexpressible("the pre-tokenizer Metaspace")
            }
            addsPrefix = metaspace.scheme != .never
            replaces = true
        }
        guard replaces, !tokenizer.model.options.fallbackTokens.isEmpty else {
            throw inexpressible("a vocabulary of characters that isn't like SentencePiece's")
        }
        return addsPrefix
    }
}

// MARK: - Trial

extension VocabularyWriter {
    /// Encodes a text with both tokenizers.
    func check(_ vocabulary: TokenizerVocabulary) throws(TokenizerError) {
        let written = try Tokenizer(vocabulary: vocabulary)
        // Metaspace puts no space before one, other than GGUF's readers, which is no reason to refuse a model.
        let isMetaspace = tokenizer.preTokenizer.steps.contains { if case .metaspace = $0 { true } else { false } }
        for text in Self.texts where !isMetaspace || !text.hasPrefix(" ") {
            let ids = tokenizer.encode(text)
            guard ids.allSatisfy({ $0 < tokenCount }) else { continue }
            guard written.encode(text) == ids, try written.decode(ids) == tokenizer.decode(ids) else {
                throw inexpressible("its tokenizer: \(text.debugDescription) would become other tokens")
            }
        }
    }

    private static let texts = [
        "", " ", "Hello, world! It's 3.14159 or 2,718,281.", "  two  spaces\tand tabs\n\n\nlines \r\n end  ",
        "DON'T won't We'LL they've I'd it'S", "let x_1 = foo(bar[2], \"baz\") // comment\n    return x_1 != 0x7F;\n",
        "Größe, façade, naïve, 'Ελληνικά', русский текст", "日本語の文章、中文句子。한국어 문장", "שלום עולם مرحبا بالعالم",
        "emoji 😀👩‍👩‍👧 and e\u{301} o\u{308}", "1234567890 ٣٤٥ ½ Ⅷ",
        "camelCaseWORDS snake_case kebab-case http://a.b/c?d=e&f#g",
        "{\"key\": [1, 2.5e-3, null]}", "\u{0} \u{7F} \u{FFFD}", String(repeating: "ab ", count: 20),
        "====\n----\n****",
    ]
}

extension String {
    fileprivate func replacingScalar(_ scalar: Unicode.Scalar, by other: Unicode.Scalar) -> String {
        var replaced = String.UnicodeScalarView()
        for candidate in unicodeScalars { replaced.append(candidate == scalar ? other : candidate) }
        return String(replaced)
    }
}
