/// A token that is looked for in the text itself, before the text is split into words.
struct AddedToken: Sendable {
    /// What the file says, until ``TokenizerFile/model(adding:)`` has found the id.
    var id: Int
    let content: ArraySlice<UInt8>
    /// A control token. Decoding can skip it, and untrusted text must not be able to spell it.
    let isSpecial: Bool
    /// Found only where no word character (`\w`) stands beside it.
    let isSingleWord: Bool
    /// Takes the white space before it.
    let stripsLeft: Bool
    /// Takes the white space after it.
    let stripsRight: Bool
    /// Looked for in normalized text, in its own normalized form.
    let isNormalized: Bool
}

/// A part of the text: an added token, or text between them.
enum Segment {
    case token(Int)
    case text(TextPiece)
}

/// In which parts of a text the spelling of a special token becomes that token.
enum SpecialTokenParsing {
    case everywhere
    case nowhere
    /// Where it lies wholly within one of these ranges of the text's indices. The ranges are in order.
    case within([Range<Int>])

    func allows(_ match: Range<Int>) -> Bool {
        switch self {
        case .everywhere: return true
        case .nowhere: return false
        case .within(let ranges):
            // The first range that ends at or after the match's end.
            var (low, high) = (0, ranges.count)
            while low < high {
                let middle = (low + high) / 2
                if ranges[middle].upperBound < match.upperBound { low = middle + 1 } else { high = middle }
            }
            return low < ranges.count && ranges[low].lowerBound <= match.lowerBound
        }
    }
}

/// The added tokens, and the search for them in a text.
struct AddedTokens: Sendable {
    private let ids: Set<Int>
    private let specialIDs: Set<Int>
    private let normalizer: Normalizer
    private let verbatim: TokenMatcher
    private let normalized: TokenMatcher

    /// - Throws: `emptyAddedToken` for a token of which normalization leaves nothing. The Python package then finds it
    ///   between any two bytes, or never ends.
    init(_ tokens: [AddedToken], normalizer: Normalizer, file: String) throws(TokenizerError) {
        ids = Set(tokens.lazy.map(\.id))
        specialIDs = Set(tokens.lazy.filter(\.isSpecial).map(\.id))
        self.normalizer = normalizer
        // Normalization can make two tokens equal. A special one then wins, or else the first.
        let ordered = tokens.filter(\.isSpecial) + tokens.filter { !$0.isSpecial }
        verbatim = try TokenMatcher(ordered.filter { !$0.isNormalized }, normalizer: .none, file: file)
        normalized = try TokenMatcher(ordered.filter(\.isNormalized), normalizer: normalizer, file: file)
    }

    func contains(_ id: Int) -> Bool { ids.contains(id) }
    func isSpecial(_ id: Int) -> Bool { specialIDs.contains(id) }

    /// Cuts text at the added tokens and normalizes what lies between. Tokens that are matched verbatim come first.
    ///
    /// Normalization moves text, so ranges of the original text mean nothing in it. Where special tokens are allowed
    /// within ranges, those that are matched in normalized text are allowed everywhere.
    func segments(of text: ArraySlice<Unicode.Scalar>, _ parsing: SpecialTokenParsing) -> [Segment] {
        let whole = TextPiece(scalars: text, startsText: true)
        var parsingOfNormalized = parsing
        if case .within = parsing { parsingOfNormalized = .everywhere }
        return verbatim.segments(of: whole, parsing).flatMap { segment in
            guard case .text(let text) = segment else { return [segment] }
            return normalized.segments(of: normalizer.normalize(text), parsingOfNormalized)
        }
    }
}
