/// A token that is found in the text itself, before pre-tokenization.
struct AddedToken: Sendable {
    let id: Int
    let content: [UInt8]
    /// A control token: skipped on request when decoding, and not to be found in untrusted text.
    let isSpecial: Bool
    /// Found only where no word character (`\w`) is beside it.
    let isSingleWord: Bool
    /// Takes the white space before it.
    let stripsLeft: Bool
    /// Takes the white space after it.
    let stripsRight: Bool
    /// Found in normalized text, in its own normalized form.
    let isNormalized: Bool
}

/// A part of the text: an added token, or text between them.
enum Segment {
    case token(Int)
    case text(ArraySlice<Unicode.Scalar>)
}

/// The added tokens, and where text holds them.
struct AddedTokens: Sendable {
    private let specialIDs: Set<Int>
    private let normalizer: Normalizer
    private let verbatim: TokenMatcher
    private let normalized: TokenMatcher

    init(_ tokens: [AddedToken], normalizer: Normalizer) {
        specialIDs = Set(tokens.lazy.filter(\.isSpecial).map(\.id))
        self.normalizer = normalizer
        // Two tokens can be equal once normalized; then a special one wins, else the first.
        let ordered = tokens.filter(\.isSpecial) + tokens.filter { !$0.isSpecial }
        verbatim = TokenMatcher(ordered.filter { !$0.isNormalized }, normalizer: .none)
        normalized = TokenMatcher(ordered.filter(\.isNormalized), normalizer: normalizer)
    }

    func isSpecial(_ id: Int) -> Bool { specialIDs.contains(id) }

    /// Cuts text at the added tokens, those that are matched verbatim first, and normalizes what lies between.
    func segments(of text: ArraySlice<Unicode.Scalar>, parsingSpecialTokens: Bool) -> [Segment] {
        verbatim.segments(of: text, parsingSpecialTokens: parsingSpecialTokens).flatMap { segment in
            guard case .text(let text) = segment else { return [segment] }
            return normalized.segments(of: normalizer.normalize(text), parsingSpecialTokens: parsingSpecialTokens)
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
    /// Whether a token starts with a scalar of this low byte: spares most look-ups.
    private var mayStart = [Bool](repeating: false, count: 256)

    init(_ tokens: [AddedToken], normalizer: Normalizer) {
        self.tokens = tokens
        for (index, token) in tokens.enumerated() {
            insert(normalizer.normalize(ArraySlice(token.content.text.unicodeScalars)), index)
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

    func segments(of text: ArraySlice<Unicode.Scalar>, parsingSpecialTokens: Bool) -> [Segment] {
        var segments: [Segment] = []
        var textStart = text.startIndex
        var position = text.startIndex
        while position < text.endIndex {
            guard let match = longestMatch(at: position, in: text) else {
                position += 1
                continue
            }
            // A match that does not count still hides those that overlap it.
            let matched = position..<match.end
            position = match.end
            if match.token.isSpecial && !parsingSpecialTokens { continue }
            if match.token.isSingleWord && touchesWord(matched, in: text) { continue }
            let taken = range(takenBy: match.token, at: matched, after: textStart, in: text)
            if textStart < taken.lowerBound { segments.append(.text(text[textStart..<taken.lowerBound])) }
            segments.append(.token(match.token.id))
            textStart = taken.upperBound
        }
        if textStart < text.endIndex { segments.append(.text(text[textStart...])) }
        return segments
    }

    private func touchesWord(_ match: Range<Int>, in text: ArraySlice<Unicode.Scalar>) -> Bool {
        text[..<match.lowerBound].last?.isWordCharacter == true
            || text[match.upperBound...].first?.isWordCharacter == true
    }

    /// The match with the white space that the token takes; not that before `limit`, which another token took.
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
