import Foundation

/// A byte-level BPE tokenizer read from a Hugging Face tokenizer.json.
///
/// It covers what SmolLM2, GPT-2, Llama 3 and Qwen 2 use: the normalizers none and NFC; the pre-tokenizers ByteLevel,
/// Digits, Split with the patterns of those models, and sequences of them; the post-processors ByteLevel and
/// TemplateProcessing; the decoder ByteLevel; added tokens with all their flags. Any other component is an error when
/// loading, never another answer. `truncation` and `padding` are properties of a training run and are ignored.
///
/// Bytes that the vocabulary lacks, and has no unknown token for, are dropped, as the Python package does;
/// ``unencodableBytes`` lists them.
///
/// Format and behaviour: the `tokenizers` package, https://github.com/huggingface/tokenizers.
public struct Tokenizer: Sendable {
    private let model: BytePairModel
    private let preTokenizer: PreTokenizer
    private let addedTokens: AddedTokens
    private let template: Template

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
        let file = TokenizerFile(root: try JSONParser.parse(bytes, file: name))
        let normalizer = try file.normalizer()
        let added = try file.addedTokens()
        try file.checkDecoder()
        preTokenizer = try file.preTokenizer()
        model = try file.model(adding: added)
        addedTokens = AddedTokens(added, normalizer: normalizer)
        template = try file.template(vocabulary: model.vocabulary)
    }

    /// The highest token id plus one, added tokens included. A model's embedding may have more rows than that.
    public var vocabularySize: Int { model.vocabulary.size }

    /// The byte values that occur in UTF-8 and that this tokenizer drops when encoding; mostly empty or a few control
    /// characters. Empty when an unknown token stands for them.
    public var unencodableBytes: [UInt8] {
        guard model.unknownToken == nil else { return [] }
        // These byte values do not occur in UTF-8.
        let unused: [ClosedRange<UInt8>] = [0xC0...0xC1, 0xF5...0xFF]
        return (0...UInt8.max).filter { byte in
            model.byteTokens[Int(byte)] == nil && !unused.contains { $0.contains(byte) }
        }
    }

    /// Encodes text.
    ///
    /// - Parameters:
    ///   - text: the text; its Unicode scalars are kept as they are, unless the file asks for normalization.
    ///   - addSpecialTokens: whether the post-processor adds its tokens (Llama 3 begins with `<|begin_of_text|>`).
    ///   - parseSpecialTokens: whether special tokens spelled out in the text are taken as such. Pass `false` for text
    ///     from outside, which could forge control tokens otherwise; it is then ordinary text.
    /// - Returns: token ids.
    public func encode(_ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = true) -> [Int] {
        var ids = addSpecialTokens ? template.prefix : []
        var encoder = WordEncoder(model)
        let scalars = ArraySlice(text.unicodeScalars)
        for segment in addedTokens.segments(of: scalars, parsingSpecialTokens: parseSpecialTokens) {
            switch segment {
            case .token(let id): ids.append(id)
            case .text(let text): preTokenizer.forEachWord(in: text) { encoder.append($0, to: &ids) }
            }
        }
        if addSpecialTokens { ids += template.suffix }
        return ids
    }

    /// Decodes token ids to text. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// Added tokens are spelled in bytes like the others wherever their characters allow it, as in the Python package:
    /// an added token "Ġword" is " word".
    ///
    /// - Throws: `unknownTokenID` for an id that no token has.
    public func decode(_ ids: [Int], skipSpecialTokens: Bool = false) throws(TokenizerError) -> String {
        var bytes: [UInt8] = []
        for id in ids { bytes += try self.bytes(of: id, skipSpecialTokens: skipSpecialTokens) }
        return bytes.text
    }

    /// A decoder for one stream of tokens, for text as it is generated.
    public func makeDetokenizer(skipSpecialTokens: Bool = true) -> StreamingDetokenizer {
        StreamingDetokenizer(tokenizer: self, skipSpecialTokens: skipSpecialTokens)
    }

    /// The token with this id as the vocabulary spells it: "Ġthe" for " the".
    public func token(id: Int) -> String? {
        model.vocabulary.spelling(of: id)?.text
    }

    /// The id of a token spelled as in the vocabulary: "Ġthe" for " the". Compares bytes, so a canonically equivalent
    /// spelling is another token.
    public func id(token: String) -> Int? {
        model.vocabulary.id(of: Array(token.utf8))
    }

    /// Whether the id is that of a special added token.
    public func isSpecial(_ id: Int) -> Bool {
        addedTokens.isSpecial(id)
    }

    /// The bytes that a token adds to decoded text.
    func bytes(of id: Int, skipSpecialTokens: Bool) throws(TokenizerError) -> ArraySlice<UInt8> {
        guard let bytes = model.vocabulary.bytes(of: id) else {
            throw .unknownTokenID(id: id, vocabularySize: vocabularySize)
        }
        return skipSpecialTokens && isSpecial(id) ? [] : bytes
    }
}

/// The tokens that the post-processor puts around a text.
struct Template: Sendable {
    var prefix: [Int] = []
    var suffix: [Int] = []
}

/// Reads a whole file.
func readFile(_ path: String) throws(TokenizerError) -> [UInt8] {
    do {
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
        let isMissing = !FileManager.default.fileExists(atPath: path)
        throw .unreadableFile(file: path, reason: isMissing ? "no such file" : "can't be read")
    }
}
