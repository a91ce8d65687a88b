/// Finds tokens in a text: the longest one at the leftmost position, then the next one after its end.
///
/// The search is that of Aho and Corasick (1975), from the end of the text to its start and over tokens that are spelled
/// backwards: so it knows the longest token at each position, and takes time in proportion to the text, however long the
/// tokens are and however much they overlap.
struct TokenMatcher: Sendable {
    private struct Edge: Hashable {
        let node: Int
        let scalar: Unicode.Scalar
    }

    /// A token that begins at a position: the longest one there.
    private struct Match {
        let start: Int
        /// The node at which its spelling, read backwards, ends.
        let node: Int
    }

    private struct Node {
        /// The number of scalars from the root, node 0.
        let depth: Int
        /// The index in `tokens` of the token that is spelled on the way from the root.
        var token: Int?
        /// The node of the longest proper suffix that is a node.
        var fallback = 0
        /// The node itself or, along the fallbacks, the nearest one that has a token; 0 when there is none.
        var ending = 0
    }

    private let tokens: [AddedToken]
    private var edges: [Edge: Int] = [:]
    private var nodes = [Node(depth: 0)]
    /// Whether a token ends with a scalar of this low byte. Most positions of a text need no other look-up.
    private var mayEnd = [Bool](repeating: false, count: 256)

    init(_ tokens: [AddedToken], normalizer: Normalizer, file: String) throws(TokenizerError) {
        self.tokens = tokens
        for (index, token) in tokens.enumerated() {
            let content = TextPiece(scalars: ArraySlice(token.content.text.unicodeScalars), startsText: true)
            let normalized = normalizer.normalize(content).scalars
            guard !normalized.isEmpty else { throw .emptyAddedToken(file: file, id: token.id) }
            insert(normalized, index)
        }
        link()
    }

    private mutating func insert(_ content: ArraySlice<Unicode.Scalar>, _ index: Int) {
        if let last = content.last { mayEnd[Int(last.value & 0xFF)] = true }
        var node = 0
        for scalar in content.reversed() {
            let edge = Edge(node: node, scalar: scalar)
            if let child = edges[edge] {
                node = child
            } else {
                edges[edge] = nodes.count
                nodes.append(Node(depth: nodes[node].depth + 1))
                node = nodes.count - 1
            }
        }
        if nodes[node].token == nil { nodes[node].token = index }
    }

    /// Finds the fallback of each node. Those of nodes nearer to the root come first.
    private mutating func link() {
        for (edge, node) in edges.sorted(by: { nodes[$0.value].depth < nodes[$1.value].depth }) {
            if edge.node > 0 { nodes[node].fallback = successor(of: nodes[edge.node].fallback, edge.scalar) }
            nodes[node].ending = nodes[node].token == nil ? nodes[nodes[node].fallback].ending : node
        }
    }

    /// The node after one more scalar.
    private func successor(of node: Int, _ scalar: Unicode.Scalar) -> Int {
        var node = node
        while true {
            if let child = edges[Edge(node: node, scalar: scalar)] { return child }
            if node == 0 { return 0 }
            node = nodes[node].fallback
        }
    }

    /// The longest token at each position that has one, from the last position to the first.
    private func matches(in text: ArraySlice<Unicode.Scalar>) -> [Match] {
        var matches: [Match] = []
        var node = 0
        for position in text.indices.reversed() {
            let scalar = text[position]
            if node == 0, !mayEnd[Int(scalar.value & 0xFF)] { continue }
            node = successor(of: node, scalar)
            let ending = nodes[node].ending
            if ending > 0 { matches.append(Match(start: position, node: ending)) }
        }
        return matches
    }

    /// Cuts a text at the tokens in it. As in the Python package, a token that takes white space hides no other token in
    /// it: such a token is found, too, and the text after it is text once more, even where it was taken before.
    func segments(of piece: TextPiece, _ parsing: SpecialTokenParsing) -> [Segment] {
        let text = piece.scalars
        var segments: [Segment] = []
        func appendText(_ range: Range<Int>) {
            guard !range.isEmpty else { return }
            let startsText = piece.startsText && range.lowerBound == text.startIndex
            segments.append(.text(TextPiece(scalars: text[range], startsText: startsText)))
        }
        var textStart = text.startIndex
        var position = text.startIndex
        var spaces = WhitespaceRun()
        for match in tokens.isEmpty ? [] : matches(in: text).reversed() where match.start >= position {
            guard let index = nodes[match.node].token else { continue }
            let token = tokens[index]
            // A match that is not allowed still hides the matches that overlap it.
            let matched = match.start..<(match.start + nodes[match.node].depth)
            position = matched.upperBound
            if token.isSpecial && !parsing.allows(matched) { continue }
            if token.isSingleWord && touchesWord(matched, in: text) { continue }
            var (start, end) = (matched.lowerBound, matched.upperBound)
            if token.stripsLeft {
                while start > textStart, text[start - 1].properties.isWhitespace { start -= 1 }
                start = max(start, textStart)
            }
            if token.stripsRight { end = spaces.end(from: end, in: text) }
            // Another token has taken all of it.
            guard start < end else { continue }
            if textStart < start { appendText(textStart..<start) }
            segments.append(.token(token.id))
            textStart = end
        }
        appendText(textStart..<text.endIndex)
        return segments
    }

    private func touchesWord(_ match: Range<Int>, in text: ArraySlice<Unicode.Scalar>) -> Bool {
        text[..<match.lowerBound].last?.isWordCharacter == true
            || text[match.upperBound...].first?.isWordCharacter == true
    }
}

/// The run of white space that was looked at last. Many tokens may ask for the end of the same one.
private struct WhitespaceRun {
    private var range = 0..<0

    mutating func end(from start: Int, in text: ArraySlice<Unicode.Scalar>) -> Int {
        if range.contains(start) { return range.upperBound }
        var end = start
        while end < text.endIndex, text[end].properties.isWhitespace { end += 1 }
        range = start..<end
        return end
    }
}
