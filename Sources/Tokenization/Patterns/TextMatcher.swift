/// What a Split or a Replace looks for: a text, or a regular expression.
enum TextMatcher: Sendable {
    /// Longer texts are refused, since they are compared at each position of a text.
    static let maximumLiteralLength = 256

    /// Never empty.
    case literal([Unicode.Scalar])
    case pattern(Pattern)

    /// The fewest scalars that a match takes.
    var minimumLength: Int {
        switch self {
        case .literal(let literal): literal.count
        case .pattern(let pattern): pattern.minimumLength
        }
    }

    /// Calls `body` with the matches and the gaps between them, in order. Together they are the whole text. No gap is empty,
    /// but a match can be.
    func forEachSpan(in text: ArraySlice<Unicode.Scalar>, _ body: (_ span: Range<Int>, _ isMatch: Bool) -> Void) {
        switch self {
        case .literal(let literal):
            let (first, count) = (literal[0], literal.count)
            Self.forEachSpan(in: text, body) { start in
                guard start < text.endIndex, text[start] == first else { return nil }
                return count == 1 || text[start...].starts(with: literal) ? start + count : nil
            }
        case .pattern(let pattern):
            var search = PatternSearch(pattern, in: text)
            Self.forEachSpan(in: text, body) { search.end(ofMatchAt: $0) }
        }
    }

    /// An empty match right behind another match doesn't count, and after an empty one the search goes on one scalar
    /// further, as in the Python package.
    @inline(__always)
    private static func forEachSpan(
        in text: ArraySlice<Unicode.Scalar>, _ body: (_ span: Range<Int>, _ isMatch: Bool) -> Void,
        _ end: (_ start: Int) -> Int?
    ) {
        var gapStart = text.startIndex
        var position = text.startIndex
        var lastEnd: Int?
        while position <= text.endIndex {
            guard let end = end(position), end > position || lastEnd != position else {
                position += 1
                continue
            }
            if gapStart < position { body(gapStart..<position, false) }
            body(position..<end, true)
            gapStart = end
            position = end
            lastEnd = end
        }
        if gapStart < text.endIndex { body(gapStart..<text.endIndex, false) }
    }
}
