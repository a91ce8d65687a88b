/// A BPE tokenizer read from a Hugging Face tokenizer.json or from the vocabulary of a GGUF file.
///
/// It covers byte-level vocabularies (GPT-2, GPT-NeoX, Llama 3, Phi-2, Qwen, SmolLM, StableLM 2) and vocabularies of
/// characters with byte fallback, as SentencePiece makes them (Llama 1 and 2, Mistral, Gemma, Phi-3). Of a tokenizer.json it knows
///
/// - normalizers NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, Sequence;
/// - pre-tokenizers ByteLevel, Digits, Metaspace, Punctuation, Split, Whitespace, WhitespaceSplit, Sequence;
/// - post-processors ByteLevel, TemplateProcessing, Sequence;
/// - decoders ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip, Sequence, and none, which joins tokens by spaces;
/// - added tokens with all their flags.
///
/// Loading fails with an error for any other component and for a regular expression that is not understood: a tokenizer
/// that loads gives the same ids as the Python package. `truncation` and `padding` are settings of a training run and are
/// ignored. So are the ids that the file states for added tokens: as in the Python package, a token of the vocabulary keeps
/// its id, and the others get the next ones in their order. Which tokens encoding puts around a text is up to the
/// post-processor alone; as in transformers since release 5, `add_bos_token` and `add_eos_token` of a
/// tokenizer_config.json change nothing.
///
/// Loading also fails for a file that could take for ever or fill the memory. The time of encoding is bounded by the length
/// of the text times the size of the file's regular expressions; they have up to 2,000 characters and repetitions in each
/// component. A component has up to 64 steps. A normalizer makes a text up to 128 times as long, a pre-tokenizer and a
/// decoder up to 64 times, and a post-processor adds up to 1,024 tokens.
///
/// Where a vocabulary has neither byte fallback nor an unknown token, encoding drops the characters that have no token, as
/// the Python package does. ``unencodableBytes`` lists such bytes of a byte-level vocabulary.
///
/// Format and behaviour: the `tokenizers` package, https://github.com/huggingface/tokenizers.
public struct Tokenizer: Sendable {
    let model: BytePairModel
    let preTokenizer: PreTokenizer
    private let addedTokens: AddedTokens
    let decoder: DecoderChain
    let template: Template
    /// The ids below ``vocabularySize`` that no token has, or only a filler, in ascending order.
    private let holes: [Range<Int>]
    /// What others have derived from this tokenizer, such as a tree of its tokens.
    package let derivedValues = DerivedValues()

    /// Loads a tokenizer.json.
    ///
    /// - Throws: `unreadableFile`, and what ``init(json:name:)`` throws.
    public init(contentsOfFile path: String) throws(TokenizerError) {
        try self.init(json: readFile(path), name: path)
    }

    /// Loads the text of a tokenizer.json.
    ///
    /// - Parameters:
    ///   - bytes: the JSON text in UTF-8.
    ///   - name: what errors call the file.
    /// - Throws: ``TokenizerError``, when the text is not JSON, is inconsistent, or asks for a component that is not
    ///   supported.
    public init(json bytes: [UInt8], name: String) throws(TokenizerError) {
        try self.init(TokenizerFile(root: try JSONNode(parsing: bytes, file: name)))
    }

    init(_ file: TokenizerFile) throws(TokenizerError) {
        let normalizer = try file.normalizer()
        var added = try file.addedTokens()
        decoder = try file.decoder()
        preTokenizer = try file.preTokenizer()
        model = try file.model(adding: &added)
        addedTokens = try AddedTokens(added, normalizer: normalizer, file: file.file)
        template = try file.template(vocabulary: model.vocabulary)
        holes = Self.holes(in: model.vocabulary)
    }

    /// Makes a tokenizer of the vocabulary of a GGUF file.
    ///
    /// - "gpt2" models are byte-level. Their pre-tokenizers are known by name; one without a name is "default".
    /// - "llama" models are vocabularies of characters with byte fallback. Their merges follow from the scores.
    ///
    /// Control tokens become special tokens, and user-defined ones become added tokens that aren't special. Unused tokens,
    /// and those that converters call `[PAD1234]` after their id, can be decoded, but no text is encoded to them.
    ///
    /// A GGUF file says less than a tokenizer.json. It doesn't say which white space added tokens take. Where Qwen 2,
    /// StableLM 2 and GPT-NeoX bring text to the normalization form NFC, the pre-tokenizer's name tells. A "llama" model
    /// adds its prefix space after each added token, too.
    ///
    /// - Throws: ``TokenizerError``, when the vocabulary is inconsistent, or asks for a model or a pre-tokenizer that isn't
    ///   supported.
    public init(vocabulary: TokenizerVocabulary) throws(TokenizerError) {
        let reader = try VocabularyReader(vocabulary)
        if vocabulary.model == "llama" {
            let merges = try reader.scoredMerges()
            model = try reader.sentencePieceModel(merges)
            preTokenizer = PreTokenizer(steps: [])
            addedTokens = try AddedTokens(
                reader.addedTokens(reader.isFoundAsIs(merges)), normalizer: reader.sentencePieceNormalizer,
                file: vocabulary.file)
            decoder = reader.sentencePieceDecoder
            template = try reader.template(addsBeginning: true)
        } else {
            let named = try reader.namedPreTokenizer()
            model = try reader.byteLevelModel(ignoresMerges: named.ignoresMerges)
            preTokenizer = try named.preTokenizer(file: vocabulary.file)
            addedTokens = try AddedTokens(
                reader.addedTokens(), normalizer: named.isComposed ? .form(.nfc) : .none, file: vocabulary.file)
            decoder = DecoderChain([ByteLevelDecoder()])
            template = try reader.template(addsBeginning: named.addsBeginning)
        }
        holes = Self.holes(in: model.vocabulary, fillers: reader.fillers)
    }

    /// - Parameter fillers: tokens that stand for no token of the model, but for a row that its converter has found unused.
    private static func holes(in vocabulary: Vocabulary, fillers: Set<Int> = []) -> [Range<Int>] {
        var holes: [Range<Int>] = []
        for id in 0..<vocabulary.size where fillers.contains(id) || vocabulary.spelling(of: id) == nil {
            if let last = holes.last, last.upperBound == id {
                holes[holes.count - 1] = last.lowerBound..<(id + 1)
            } else {
                holes.append(id..<(id + 1))
            }
        }
        return holes
    }

    /// The highest token id plus one, added tokens included. A model's embedding may have more rows than that.
    public var vocabularySize: Int { model.vocabulary.size }

    /// The byte values of UTF-8 that this tokenizer drops when it encodes. Most tokenizers drop none or a few control
    /// characters. Always empty for a tokenizer with an unknown token, and for vocabularies of characters.
    public var unencodableBytes: [UInt8] {
        guard preTokenizer.spellsBytes, model.options.unknownToken == nil else { return [] }
        // These byte values do not occur in UTF-8.
        let unused: [ClosedRange<UInt8>] = [0xC0...0xC1, 0xF5...0xFF]
        return (0...UInt8.max).filter { byte in
            let scalar = ByteLevelAlphabet.scalars[Int(byte)]
            return model.scalarTokens[scalar] == nil && model.fallback(scalar) == nil
                && !unused.contains { $0.contains(byte) }
        }
    }

    /// Encodes text.
    ///
    /// - Parameters:
    ///   - text: the text. Its Unicode scalars are kept as they are, unless the file asks for normalization.
    ///   - addSpecialTokens: whether the post-processor adds its tokens (Llama 3 begins with `<|begin_of_text|>`).
    ///   - parseSpecialTokens: whether the spelling of a special token in the text becomes that token. Pass `false` for
    ///     text from outside, which could otherwise forge control tokens; such spellings are then ordinary text.
    /// - Returns: token ids.
    public func encode(_ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = true) -> [Int] {
        let ids = encode(ArraySlice(text.unicodeScalars), parseSpecialTokens ? .everywhere : .nowhere)
        return addSpecialTokens ? template.prefix + ids + template.suffix : ids
    }

    /// Encodes text without the tokens of the post-processor.
    func encode(_ text: ArraySlice<Unicode.Scalar>, _ parsing: SpecialTokenParsing) -> [Int] {
        var ids: [Int] = []
        var encoder = WordEncoder(model)
        for segment in addedTokens.segments(of: text, parsing) {
            switch segment {
            case .token(let id): ids.append(id)
            case .text(let text): preTokenizer.forEachWord(in: text) { encoder.append($0, to: &ids) }
            }
        }
        return ids
    }

    /// Decodes token ids to text. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// In a byte-level vocabulary, an added token is decoded like any other token when all of its characters stand for
    /// bytes, as in the Python package: an added token "Ġword" is " word".
    ///
    /// - Throws: `unknownTokenID` for an id that no token has.
    public func decode(_ ids: [Int], skipSpecialTokens: Bool = false) throws(TokenizerError) -> String {
        var tokens: [TokenFragment] = []
        tokens.reserveCapacity(ids.count)
        for id in ids {
            if let token = try fragment(of: id, skipSpecialTokens: skipSpecialTokens) { tokens.append(token) }
        }
        var decoder = decoder
        return decoder.decode(tokens) + decoder.finish()
    }

    /// A decoder for one stream of tokens, for text as it is generated.
    public func makeDetokenizer(skipSpecialTokens: Bool = true) -> StreamingDetokenizer {
        makeDetokenizer(after: [], skipSpecialTokens: skipSpecialTokens)
    }

    /// A decoder for the continuation of a text: what it returns begins where the text of `prompt` ends.
    ///
    /// For an answer that is a text of its own, such as that of a chat, pass an empty prompt: a SentencePiece-style
    /// tokenizer then drops the space before the first word.
    ///
    /// - Parameters:
    ///   - prompt: all ids before the continuation, however many: they take a small part of the time that encoding them
    ///     did. Ids that no token has are ignored.
    ///   - skipSpecialTokens: whether special tokens have no text, those of the prompt included.
    public func makeDetokenizer(after prompt: [Int], skipSpecialTokens: Bool = true) -> StreamingDetokenizer {
        StreamingDetokenizer(
            tokenizer: self, decoder: decoder, skipSpecialTokens: skipSpecialTokens, keeping: [], prompt: prompt)
    }

    /// A decoder for the continuation of a text that skips special tokens, all but some: see
    /// ``makeDetokenizer(after:skipSpecialTokens:)``.
    ///
    /// - Parameters:
    ///   - prompt: all ids before the continuation.
    ///   - kept: the special tokens that have text, such as those that frame calls (``ToolCallForm/tokens(of:)``).
    public func makeDetokenizer(after prompt: [Int] = [], keeping kept: Set<Int>) -> StreamingDetokenizer {
        StreamingDetokenizer(
            tokenizer: self, decoder: decoder, skipSpecialTokens: true, keeping: kept, prompt: prompt)
    }

    /// The ids below `count` that no token has, as ranges in ascending order. Together with them, a model's embedding may
    /// have rows that nobody trained: a sampler must never choose these.
    ///
    /// Tokens that the converters of GGUF files make up for such rows, `[PAD1234]` after their id, count as none, although
    /// they can be decoded.
    ///
    /// - Parameter count: the number of rows of the embedding, or of logits.
    public func unusedIDs(below count: Int) -> [Range<Int>] {
        let within = holes.map { $0.clamped(to: 0..<max(count, 0)) }.filter { !$0.isEmpty }
        guard count > vocabularySize else { return within }
        if let last = within.last, last.upperBound == vocabularySize {
            return within.dropLast() + [last.lowerBound..<count]
        }
        return within + [vocabularySize..<count]
    }

    /// The token with this id as the vocabulary spells it: "Ġthe" for " the".
    public func token(id: Int) -> String? {
        model.vocabulary.spelling(of: id)?.text
    }

    /// The id of a token by its spelling in the vocabulary: "Ġthe" for " the". Bytes are compared, so a canonically
    /// equivalent spelling is another token.
    public func id(token: String) -> Int? {
        model.vocabulary.id(of: ArraySlice(token.utf8))
    }

    /// Whether the id is that of a special added token.
    public func isSpecial(_ id: Int) -> Bool {
        addedTokens.isSpecial(id)
    }

    /// Whether the id is that of an added token, special or not.
    func isAdded(_ id: Int) -> Bool { addedTokens.contains(id) }

    /// Whether the id is that of an added token that is spelled as control tokens are: `<…>` or `[…]`. Files call some
    /// tokens that end turns not special.
    func isSpelledAsControl(_ id: Int) -> Bool {
        guard addedTokens.contains(id), let token = token(id: id), token.unicodeScalars.count > 2 else { return false }
        return token.hasPrefix("<") && token.hasSuffix(">") || token.hasPrefix("[") && token.hasSuffix("]")
    }

    /// A token for the decoder; nil for a special one that is to be skipped.
    func fragment(of id: Int, skipSpecialTokens: Bool) throws(TokenizerError) -> TokenFragment? {
        guard let spelling = model.vocabulary.spelling(of: id) else {
            throw .unknownTokenID(id: id, vocabularySize: vocabularySize)
        }
        return skipSpecialTokens && isSpecial(id) ? nil : TokenFragment(bytes: spelling)
    }
}

/// The tokens that the post-processor puts around a text.
struct Template: Sendable {
    var prefix: [Int] = []
    var suffix: [Int] = []
}
