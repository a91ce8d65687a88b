/// Checks a ``TokenizerVocabulary`` and makes the components of a tokenizer from it.
struct VocabularyReader {
    /// What a token is for.
    enum Kind {
        /// Merges make it.
        case ordinary
        /// It stands for a byte that no other token spells.
        case byte
        /// An added token that isn't special.
        case userDefined
        /// A special added token.
        case control
        /// No text is encoded to it. It can be decoded.
        case unused
    }

    let source: TokenizerVocabulary
    let kinds: [Kind]
    /// The spelling of each token, as the tokenizer has it.
    let spellings: ByteStrings

    var file: String { source.file }

    /// SentencePiece's replacement character for spaces.
    static let space: Unicode.Scalar = "▁"

    /// Checks all but the merges and the scores.
    init(_ source: TokenizerVocabulary) throws(TokenizerError) {
        guard ["gpt2", "llama"].contains(source.model) else {
            throw .unsupportedModel(file: source.file, type: source.model)
        }
        guard !source.tokens.isEmpty else { throw Self.invalid("tokens", "a list of at least one token", source) }
        guard source.tokens.count <= Vocabulary.maximumID else {
            throw Self.invalid("tokens", "a list of at most \(Vocabulary.maximumID) tokens", source)
        }
        try Self.checkIDs(source)
        let kinds = try Self.kinds(source)
        let isSentencePiece = source.model == "llama"
        var spellings = ByteStrings()
        for (id, token) in source.tokens.enumerated() {
            switch kinds[id] {
            case .control where token.isEmpty, .userDefined where token.isEmpty:
                throw .emptyAddedToken(file: source.file, id: id)
            case .userDefined where isSentencePiece:
                // The converter has written spaces there, other than everywhere else.
                spellings.append(token.utf8.contains(UInt8(ascii: " ")) ? Self.replacingSpaces(token) : token)
            default: spellings.append(token)
            }
        }
        self.source = source
        self.kinds = kinds
        self.spellings = spellings
    }

    /// The error that the value of a key isn't what was expected.
    static func invalid(_ key: String, _ expected: String, _ source: TokenizerVocabulary) -> TokenizerError {
        .invalidValue(file: source.file, key: "tokenizer.ggml.\(key)", expected: expected)
    }

    private static func replacingSpaces(_ token: String) -> String {
        var replaced = String.UnicodeScalarView()
        for scalar in token.unicodeScalars { replaced.append(scalar == " " ? space : scalar) }
        return String(replaced)
    }

    private static func checkIDs(_ source: TokenizerVocabulary) throws(TokenizerError) {
        let ids = [
            ("bos_token_id", source.beginningID), ("eos_token_id", source.endID), ("eot_token_id", source.endOfTurnID),
            ("eom_token_id", source.endOfMessageID), ("unknown_token_id", source.unknownID),
            ("padding_token_id", source.paddingID),
        ]
        for (key, id) in ids {
            if let id, !source.tokens.indices.contains(id) {
                throw invalid(key, "the id of one of the \(source.tokens.count) tokens", source)
            }
        }
    }
}

// MARK: - Kinds

extension VocabularyReader {
    private static func kinds(_ source: TokenizerVocabulary) throws(TokenizerError) -> [Kind] {
        let ends = [source.beginningID, source.endID, source.endOfTurnID, source.endOfMessageID].compactMap(\.self)
        guard let types = source.tokenTypes else { return kindsWithoutTypes(source, special: ends) }
        guard types.count == source.tokens.count else {
            throw invalid("token_type", "a list of \(source.tokens.count) types, one for each token", source)
        }
        var kinds: [Kind] = []
        kinds.reserveCapacity(types.count)
        for (id, type) in types.enumerated() {
            switch type {
            case 1: kinds.append(.ordinary)
            case 2, 3: kinds.append(isFiller(id, source) ? .unused : .control)
            case 4: kinds.append(isFiller(id, source) ? .unused : .userDefined)
            case 5: kinds.append(.unused)
            case 6: kinds.append(source.model == "llama" ? .byte : .ordinary)
            default: throw invalid("token_type[\(id)]", "a type from 1 to 6", source)
            }
        }
        // An added token that ends a text or a turn is a special one, even where the converter took it for another.
        for id in ends where kinds[id] == .userDefined { kinds[id] = .control }
        return kinds
    }

    /// Whether the token is one that a converter has made for an id that had none.
    private static func isFiller(_ id: Int, _ source: TokenizerVocabulary) -> Bool {
        source.tokens[id].hasPrefix("[PAD") && source.tokens[id] == "[PAD\(id)]"
    }

    /// The tokens that a converter has made for ids that had none.
    var fillers: Set<Int> {
        Set(kinds.indices.lazy.filter { kinds[$0] == .unused && Self.isFiller($0, source) })
    }

    private static func kindsWithoutTypes(_ source: TokenizerVocabulary, special: [Int]) -> [Kind] {
        var kinds = [Kind](repeating: .ordinary, count: source.tokens.count)
        var special = special
        if let id = source.unknownID { special.append(id) }
        if source.model == "llama" {
            special += [beginningID, endID, unknownID].filter(kinds.indices.contains)
            let bytes = Set((0...UInt8.max).map(BytePairModel.byteToken))
            for (id, token) in source.tokens.enumerated() where token.utf8.count == 6 && bytes.contains(token) {
                kinds[id] = .byte
            }
        }
        for id in special { kinds[id] = .control }
        return kinds
    }

    /// The ids of a "llama" vocabulary that doesn't state them.
    private static let (unknownID, beginningID, endID) = (0, 1, 2)
}

// MARK: - Parts

extension VocabularyReader {
    /// The tokens that are looked for in a text before anything else.
    ///
    /// - Parameter isFoundAsIs: Whether a user-defined token is looked for in the form that the source has, too.
    func addedTokens(_ isFoundAsIs: (_ id: Int) -> Bool = { _ in false }) -> [AddedToken] {
        var tokens: [AddedToken] = []
        func append(_ id: Int, _ content: ArraySlice<UInt8>) {
            tokens.append(
                AddedToken(
                    id: id, content: content, isSpecial: kinds[id] == .control, isSingleWord: false, stripsLeft: false,
                    stripsRight: false, isNormalized: false))
        }
        for (id, kind) in kinds.enumerated() where kind == .control || kind == .userDefined {
            append(id, spellings[id])
            if kind == .userDefined, isFoundAsIs(id) { append(id, ArraySlice(source.tokens[id].utf8)) }
        }
        return tokens
    }

    /// Inserts tokens of some kinds into a vocabulary.
    func insert(into vocabulary: inout Vocabulary, where isInserted: (Kind) -> Bool) throws(TokenizerError) {
        for (id, kind) in kinds.enumerated() where isInserted(kind) {
            try vocabulary.insert(spellings[id], id: id, file: file)
        }
    }

    /// The tokens that encoding puts around a text.
    ///
    /// - Parameter addsBeginning: whether it adds the beginning token, if the source doesn't say.
    func template(addsBeginning: Bool) throws(TokenizerError) -> Template {
        var template = Template()
        let isSentencePiece = source.model == "llama"
        func id(_ stated: Int?, _ usual: Int, _ key: String) throws(TokenizerError) -> Int {
            if let stated { return stated }
            guard isSentencePiece, kinds.indices.contains(usual) else {
                throw .missingKey(file: file, key: "tokenizer.ggml.\(key)")
            }
            return usual
        }
        if source.addsBeginning ?? addsBeginning {
            template.prefix = [try id(source.beginningID, Self.beginningID, "bos_token_id")]
        }
        if source.addsEnd ?? false { template.suffix = [try id(source.endID, Self.endID, "eos_token_id")] }
        return template
    }
}
