/// Bounds on what the components of a file may do, so that a small file can't take for ever or all of the memory.
///
/// Each is far beyond what published tokenizers need: they have up to ten steps, and make a text up to a few times as long.
enum ComponentLimits {
    /// Steps of a normalizer, a pre-tokenizer or a decoder.
    static let stepCount = 64
    /// How many times as long a normalizer may make a text. The compatibility forms need 18, with lower case 36.
    static let normalizerGrowth = 40
    /// The same of a pre-tokenizer. Byte-level spelling needs 4, with spaces before all pieces 8.
    static let preTokenizerGrowth = 16
    /// The same of a decoder. Byte-level spelling needs 2.
    static let decoderGrowth = 16
    /// Scalars that a normalizer puts in front of a text. It does so to each part between added tokens.
    static let prependedCount = 64
    /// Tokens that a post-processor adds.
    static let templateTokenCount = 1_024
}

/// How much longer some steps make a text: the most that they can do to any.
struct TextGrowth {
    private let limit: Int
    /// Whether the text is in one of Unicode's forms. Another form then changes little.
    private var isInForm = false
    private(set) var factor = 1

    init(limit: Int) { self.limit = limit }

    /// Whether the bound is exceeded.
    var isTooLarge: Bool { factor > limit }

    mutating func multiply(by other: Int) {
        factor = min(limit + 1, factor * min(limit + 1, max(1, other)))
    }

    /// Something of one length becomes something of another.
    mutating func replace(_ length: Int, by newLength: Int) {
        isInForm = false
        multiply(by: (newLength + length - 1) / length)
    }

    /// The text is brought to a form that multiplies its length by up to this factor (Unicode Standard Annex 15).
    mutating func normalize(by factor: Int) {
        if !isInForm { multiply(by: factor) }
        isInForm = true
    }
}
