/// Looks for the first of several sequences in a text that arrives in pieces, and holds back what may become one.
struct StopMatcher: Sendable {
    private let sequences: [String]
    private var held: [UInt8] = []

    /// - Parameter sequences: Empty ones are ignored.
    init(_ sequences: [String]) {
        self.sequences = sequences.filter { !$0.isEmpty }
    }

    /// Adds a piece.
    ///
    /// - Returns: The text that can no longer belong to a sequence, and the sequence that was found. What follows it is
    ///   dropped.
    mutating func append(_ piece: String) -> (text: String, found: String?) {
        held += piece.utf8
        return match(isEnd: false)
    }

    /// Ends the text.
    ///
    /// - Returns: What was held back, up to a sequence in it, if there is one.
    mutating func finish() -> (text: String, found: String?) { match(isEnd: true) }

    private mutating func match(isEnd: Bool) -> (text: String, found: String?) {
        for start in held.indices {
            let rest = held[start...]
            if let found = sequences.first(where: { rest.starts(with: $0.utf8) }) { return (release(start), found) }
            // What begins here may become a sequence, which would then come first.
            if !isEnd, sequences.contains(where: { $0.utf8.starts(with: rest) }) { return (release(start), nil) }
        }
        return (release(held.count), nil)
    }

    /// Pieces and sequences consist of whole scalars, so a text is never cut within one.
    private mutating func release(_ count: Int) -> String {
        defer { held.removeFirst(count) }
        return String(decoding: held[..<count], as: UTF8.self)
    }
}
