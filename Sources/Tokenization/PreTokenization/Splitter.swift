/// Cuts text at what a matcher finds in it.
struct Splitter: Sendable {
    /// What a match becomes.
    enum Behavior: String {
        /// A piece of its own.
        case isolated = "Isolated"
        /// Nothing: it is dropped.
        case removed = "Removed"
        /// A piece together with the matches beside it.
        case contiguous = "Contiguous"
        /// The end of the piece before it.
        case mergedWithPrevious = "MergedWithPrevious"
        /// The beginning of the piece after it.
        case mergedWithNext = "MergedWithNext"
    }

    let matcher: TextMatcher
    let behavior: Behavior
    /// Whether matches and the gaps between them exchange their roles.
    var isInverted = false

    /// Calls `body` with the pieces of a text, in order. A piece can be empty.
    func forEachPiece(in text: ArraySlice<Unicode.Scalar>, _ body: (Range<Int>) -> Void) {
        // The piece that may still grow, and whether its last span was a match.
        var pending: (piece: Range<Int>, endsInMatch: Bool)?
        matcher.forEachSpan(in: text) { span, isFound in
            let isMatch = isFound != isInverted
            if behavior == .removed && isMatch { return }
            if let earlier = pending {
                if joins(isMatch, endsInMatch: earlier.endsInMatch) {
                    pending = (earlier.piece.lowerBound..<span.upperBound, isMatch)
                    return
                }
                body(earlier.piece)
            }
            pending = (span, isMatch)
        }
        if let last = pending { body(last.piece) }
    }

    /// Whether a span belongs to the piece before it.
    private func joins(_ isMatch: Bool, endsInMatch: Bool) -> Bool {
        switch behavior {
        case .isolated, .removed: false
        case .contiguous: isMatch == endsInMatch
        case .mergedWithPrevious: isMatch && !endsInMatch
        case .mergedWithNext: !isMatch && endsInMatch
        }
    }
}
