/// Watches a text that arrives in pieces for the first of several sequences, and holds back what may become one.
struct StopMatcher: Sendable {
    private let sequences: [String]
    private var held: [UInt8] = []

    /// - Parameter sequences: Empty ones are passed over.
    init(_ sequences: [String]) {
        self.sequences = sequences.filter { !$0.isEmpty }
    }

    /// Adds a piece.
    ///
    /// - Returns: the text that can't belong to a sequence any more, and the sequence that was found. What follows that is
    ///   dropped.
    mutating func append(_ piece: String) -> (text: String, found: String?) {
        held += piece.utf8
        return match(isEnd: false)
    }

    /// Ends the text.
    ///
    /// - Returns: what was held back, up to a sequence that stands in it.
    mutating func finish() -> (text: String, found: String?) { match(isEnd: true) }

    private mutating func match(isEnd: Bool) -> (text: String, found: String?) {
        for start in held.indices {
            let rest = held[start...]
            if let found = sequences.first(where: { rest.starts(with: $0.utf8) }) { return (release(start), found) }
            // What begins here may become a sequence, and would then be the earlier one.
            if !isEnd, sequences.contains(where: { $0.utf8.starts(with: rest) }) { return (release(start), nil) }
        }
        return (release(held.count), nil)
    }

    /// Pieces are whole scalars, and so are sequences: a text is never cut within one.
    private mutating func release(_ count: Int) -> String {
        defer { held.removeFirst(count) }
        return String(decoding: held[..<count], as: UTF8.self)
    }
}
