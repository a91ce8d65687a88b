/// What a Split or a Replace looks for: a text, or a regular expression.
enum TextMatcher: Sendable {
    /// Never empty.
    case literal([Unicode.Scalar])
    case pattern(Pattern)

    private func end(ofMatchAt start: Int, in text: ArraySlice<Unicode.Scalar>) -> Int? {
        switch self {
        case .literal(let literal): text[start...].starts(with: literal) ? start + literal.count : nil
        case .pattern(let pattern): pattern.end(ofMatchAt: start, in: text)
        }
    }

    /// Calls `body` with the matches and the gaps between them, in order. None is empty, and together they are the whole
    /// text.
    func forEachSpan(in text: ArraySlice<Unicode.Scalar>, _ body: (_ span: Range<Int>, _ isMatch: Bool) -> Void) {
        var gapStart = text.startIndex
        var position = text.startIndex
        while position < text.endIndex {
            guard let end = end(ofMatchAt: position, in: text) else {
                position += 1
                continue
            }
            if gapStart < position { body(gapStart..<position, false) }
            body(position..<end, true)
            gapStart = end
            position = end
        }
        if gapStart < position { body(gapStart..<position, false) }
    }
}
