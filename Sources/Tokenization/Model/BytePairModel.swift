/// Byte-pair encoding of words (Sennrich et al., 2016), over the scalars of the vocabulary's spellings.
///
/// In a byte-level vocabulary those scalars stand for bytes (``ByteLevelAlphabet``). The pre-tokenizer has already spelled
/// the words in that alphabet.
struct BytePairModel: Sendable {
    /// The token that stands for a scalar that the vocabulary lacks.
    struct UnknownToken: Sendable {
        let id: UInt32
        /// Whether one token stands for a whole run of such scalars.
        let isFused: Bool
    }

    /// What the model does beyond merging.
    struct Options: Sendable {
        /// Whether a word that is a token becomes that token, whatever the merges would make of it (Llama 3).
        var ignoresMerges = false
        /// The token `<0x..>` of each byte value. They spell the scalars that the vocabulary lacks. Empty for a model
        /// without byte fallback.
        var fallbackTokens: [UInt32?] = []
        /// Without it, and without byte fallback, scalars that the vocabulary lacks are dropped.
        var unknownToken: UnknownToken?
    }

    let vocabulary: Vocabulary
    let merges: MergeTable
    let options: Options
    let scalarTokens: ScalarTokens
    /// The number of tokens of the model; added tokens follow them in the vocabulary.
    private let modelTokenCount: Int

    /// - Parameters:
    ///   - vocabulary: the model's own tokens. Added ones may follow them.
    ///   - scalarTokens: those of the model's own tokens that are one scalar.
    ///   - merges: the merges.
    ///   - options: what else the model does.
    ///   - modelTokenCount: how many tokens are the model's own; nil: all.
    init(
        vocabulary: Vocabulary, scalarTokens: ScalarTokens, merges: MergeTable, options: Options,
        modelTokenCount: Int? = nil
    ) {
        self.vocabulary = vocabulary
        self.merges = merges
        self.options = options
        self.scalarTokens = scalarTokens
        self.modelTokenCount = modelTokenCount ?? vocabulary.count
    }

    private init(_ model: BytePairModel, vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
        merges = model.merges
        options = model.options
        scalarTokens = model.scalarTokens
        modelTokenCount = model.modelTokenCount
    }

    /// The same model with a vocabulary to which tokens were added. Words are still split into the model's own tokens.
    func adding(_ vocabulary: Vocabulary) -> BytePairModel {
        BytePairModel(self, vocabulary: vocabulary)
    }

    /// The token that is the whole word, when the model looks for such tokens.
    func wholeWord(_ word: ArraySlice<Unicode.Scalar>) -> Int? {
        guard options.ignoresMerges else { return nil }
        var spelling: [UInt8] = []
        spelling.reserveCapacity(word.count * 2)
        for scalar in word { spelling.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter) }
        return vocabulary.id(of: spelling[...], limit: modelTokenCount)
    }

    /// The token that stands for a byte in vocabularies with byte fallback: `<0x0A>`.
    static func byteToken(_ byte: UInt8) -> String {
        "<0x\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16, uppercase: true))>"
    }

    /// The tokens that spell a scalar in bytes; nil when the model has no byte fallback, or lacks one of the tokens.
    func fallback(_ scalar: Unicode.Scalar) -> [UInt32]? {
        guard !options.fallbackTokens.isEmpty, let bytes = UTF8.encode(scalar) else { return nil }
        var tokens: [UInt32] = []
        for byte in bytes {
            guard let token = options.fallbackTokens[Int(byte)] else { return nil }
            tokens.append(token)
        }
        return tokens
    }
}
