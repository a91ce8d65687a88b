/// A token that is looked for in the text itself, before the text is split into words.
struct AddedToken: Sendable {
    let id: Int
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

    fileprivate func allows(_ match: Range<Int>) -> Bool {
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
    private let specialIDs: Set<Int>
    private let normalizer: Normalizer
    private let verbatim: TokenMatcher
    private let normalized: TokenMatcher

    init(_ tokens: [AddedToken], normalizer: Normalizer) {
        specialIDs = Set(tokens.lazy.filter(\.isSpecial).map(\.id))
        self.normalizer = normalizer
        // Normalization can make two tokens equal. A special one then wins, or else the first.
        let ordered = tokens.filter(\.isSpecial) + tokens.filter { !$0.isSpecial }
        verbatim = TokenMatcher(ordered.filter { !$0.isNormalized }, normalizer: .none)
        normalized = TokenMatcher(ordered.filter(\.isNormalized), normalizer: normalizer)
    }

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

/// A trie over the scalars of tokens; finds the longest token at the leftmost position.
private struct TokenMatcher: Sendable {
    private struct Edge: Hashable {
        let node: Int
        let scalar: Unicode.Scalar
    }

    private let tokens: [AddedToken]
    private var edges: [Edge: Int] = [:]
    /// The index in `tokens` of the token that ends at each node.
    private var endings: [Int?] = [nil]
    /// Whether a token starts with a scalar of this low byte. Most positions of a text need no other look-up.
    private var mayStart = [Bool](repeating: false, count: 256)

    init(_ tokens: [AddedToken], normalizer: Normalizer) {
        self.tokens = tokens
        for (index, token) in tokens.enumerated() {
            let content = TextPiece(scalars: ArraySlice(token.content.text.unicodeScalars), startsText: true)
            insert(normalizer.normalize(content).scalars, index)
        }
    }

    private mutating func insert(_ content: ArraySlice<Unicode.Scalar>, _ index: Int) {
        guard let first = content.first else { return }
        mayStart[Int(first.value & 0xFF)] = true
        var node = 0
        for scalar in content {
            let edge = Edge(node: node, scalar: scalar)
            if let child = edges[edge] {
                node = child
            } else {
                node = endings.count
                edges[edge] = node
                endings.append(nil)
            }
        }
        if endings[node] == nil { endings[node] = index }
    }

    private func longestMatch(at start: Int, in text: ArraySlice<Unicode.Scalar>) -> (token: AddedToken, end: Int)? {
        guard mayStart[Int(text[start].value & 0xFF)] else { return nil }
        var longest: (token: AddedToken, end: Int)?
        var node = 0
        var end = start
        while end < text.endIndex, let child = edges[Edge(node: node, scalar: text[end])] {
            node = child
            end += 1
            if let index = endings[node] { longest = (tokens[index], end) }
        }
        return longest
    }

    func segments(of piece: TextPiece, _ parsing: SpecialTokenParsing) -> [Segment] {
        guard !tokens.isEmpty else { return piece.scalars.isEmpty ? [] : [.text(piece)] }
        let text = piece.scalars
        var segments: [Segment] = []
        func appendText(_ range: Range<Int>) {
            guard !range.isEmpty else { return }
            let startsText = piece.startsText && range.lowerBound == text.startIndex
            segments.append(.text(TextPiece(scalars: text[range], startsText: startsText)))
        }
        var textStart = text.startIndex
        var position = text.startIndex
        while position < text.endIndex {
            guard let match = longestMatch(at: position, in: text) else {
                position += 1
                continue
            }
            // A match that is not allowed still hides the matches that overlap it.
            let matched = position..<match.end
            position = match.end
            if match.token.isSpecial && !parsing.allows(matched) { continue }
            if match.token.isSingleWord && touchesWord(matched, in: text) { continue }
            let taken = range(takenBy: match.token, at: matched, after: textStart, in: text)
            appendText(textStart..<taken.lowerBound)
            segments.append(.token(match.token.id))
            textStart = taken.upperBound
        }
        appendText(textStart..<text.endIndex)
        return segments
    }

    private func touchesWord(_ match: Range<Int>, in text: ArraySlice<Unicode.Scalar>) -> Bool {
        text[..<match.lowerBound].last?.isWordCharacter == true
            || text[match.upperBound...].first?.isWordCharacter == true
    }

    /// The match together with the white space that the token takes. White space before `limit` belongs to another token.
    private func range(
        takenBy token: AddedToken, at match: Range<Int>, after limit: Int, in text: ArraySlice<Unicode.Scalar>
    ) -> Range<Int> {
        var (start, end) = (match.lowerBound, match.upperBound)
        if token.stripsLeft {
            while start > limit, text[start - 1].properties.isWhitespace { start -= 1 }
        }
        if token.stripsRight {
            while end < text.endIndex, text[end].properties.isWhitespace { end += 1 }
        }
        return start..<end
    }
}
