/// Cuts text at what a matcher finds in it.
struct Splitter: Sendable {
    /// What becomes of a match.
    enum Behavior: String {
        /// It is a piece.
        case isolated = "Isolated"
        /// It is dropped.
        case removed = "Removed"
        /// It is a piece together with the matches beside it.
        case contiguous = "Contiguous"
        /// It ends the piece before it.
        case mergedWithPrevious = "MergedWithPrevious"
        /// It begins the piece after it.
        case mergedWithNext = "MergedWithNext"
    }

    let matcher: TextMatcher
    let behavior: Behavior
    /// Whether matches and the gaps between them change roles.
    var isInverted = false

    /// Calls `body` with the pieces of a text, in order.
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
