/// Byte-pair encoding of words (Sennrich et al., 2016), over the scalars of the vocabulary's spellings.
///
/// In a byte-level vocabulary those scalars stand for bytes (``ByteLevelAlphabet``); the pre-tokenizer has put words
/// into that alphabet.
struct BytePairModel: Sendable {
    /// What stands for a scalar that the vocabulary lacks.
    struct UnknownToken: Sendable {
        let id: UInt32
        /// One token stands for a whole run of such scalars.
        let isFused: Bool
    }

    /// What the model does beyond merging.
    struct Options: Sendable {
        /// A word that is a token is that token, whatever the merges would make of it (Llama 3).
        var ignoresMerges = false
        /// The token `<0x..>` of each byte value: a scalar that the vocabulary lacks is spelled in them. Empty when the
        /// model doesn't do so.
        var fallbackTokens: [UInt32?] = []
        /// Without it, scalars that the vocabulary lacks are dropped.
        var unknownToken: UnknownToken?
    }

    let vocabulary: Vocabulary
    let merges: MergeTable
    let options: Options
    let scalarTokens: ScalarTokens
    /// The number of tokens of the model; added tokens follow them in the vocabulary.
    private let modelTokenCount: Int

    /// - Parameter vocabulary: the model's tokens, still without the added ones that it lacks.
    init(vocabulary: Vocabulary, scalarTokens: ScalarTokens, merges: MergeTable, options: Options) {
        self.vocabulary = vocabulary
        self.merges = merges
        self.options = options
        self.scalarTokens = scalarTokens
        modelTokenCount = vocabulary.count
    }

    private init(_ model: BytePairModel, vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
        merges = model.merges
        options = model.options
        scalarTokens = model.scalarTokens
        modelTokenCount = model.modelTokenCount
    }

    /// The same model with a vocabulary to which tokens were added; words are still split into its own tokens only.
    func adding(_ vocabulary: Vocabulary) -> BytePairModel {
        BytePairModel(self, vocabulary: vocabulary)
    }

    /// The token that is the whole word, when the model looks for it.
    func wholeWord(_ word: ArraySlice<Unicode.Scalar>) -> Int? {
        guard options.ignoresMerges else { return nil }
        var spelling: [UInt8] = []
        spelling.reserveCapacity(word.count * 2)
        for scalar in word { spelling.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter) }
        return vocabulary.id(of: spelling[...], limit: modelTokenCount)
    }

    /// The tokens that spell a scalar in bytes; nil when the model doesn't do so, or lacks one of them.
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
