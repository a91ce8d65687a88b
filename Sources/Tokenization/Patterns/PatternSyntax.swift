/// A regular expression as it is written: what ``PatternParser`` reads, and what ``Pattern`` and ``PatternProgram``
/// compile.
indirect enum PatternSyntax: Sendable {
    /// How many repetitions are tried first.
    enum Preference {
        /// As many as possible, then fewer.
        case greedy
        /// As few as possible, then more.
        case lazy
        /// As many as possible, and never fewer.
        case possessive
    }

    /// Scalars of a set: as many as follow, up to `maximum`, but fewer where the rest of the pattern needs some of them.
    case repeated(ScalarSet, minimum: Int, maximum: Int, Preference)
    /// One of several sequences: the first with which the rest matches.
    case group([[PatternSyntax]])
    /// A group several times, greedily or lazily. Without a maximum, it never matches the empty text.
    case repeatedGroup([[PatternSyntax]], minimum: Int, maximum: Int, isLazy: Bool)
    /// The condition that a scalar of the set follows. It is not taken.
    case lookahead(ScalarSet, isNegative: Bool)
    /// The condition that one of several sequences follows. It is not taken.
    case groupAhead([[PatternSyntax]], isNegative: Bool)
    /// A condition on the place.
    case anchor(PatternAnchor)

    /// It stands for all greater lengths, too.
    private static let greatestLength = 1 << 20

    /// The fewest scalars that a match takes.
    var minimumLength: Int {
        switch self {
        case .repeated(_, let minimum, _, _): minimum
        case .group(let alternatives): Self.minimumLength(alternatives)
        case .repeatedGroup(let alternatives, let minimum, _, _):
            min(Self.greatestLength, Self.minimumLength(alternatives) * minimum)
        case .lookahead, .groupAhead, .anchor: 0
        }
    }

    static func minimumLength(_ alternatives: [[PatternSyntax]]) -> Int {
        alternatives.map { $0.reduce(0) { min(greatestLength, $0 + $1.minimumLength) } }.min() ?? 0
    }

    /// Whether a program counts the scalars of a repetition, instead of having an instruction for each of them.
    static func isCounted(minimum: Int, maximum: Int) -> Bool { (maximum == .max ? minimum : maximum) > 8 }

    /// The number of instructions that a program of it has, about; at most `limit`, which stands for all greater ones.
    func size(limit: Int) -> Int {
        switch self {
        case .repeated(_, let minimum, let maximum, _) where Self.isCounted(minimum: minimum, maximum: maximum): 16
        case .repeated(_, let minimum, let maximum, _):
            min(limit, maximum == .max ? minimum + 2 : minimum + (maximum - minimum) * 2)
        case .group(let alternatives): Self.size(alternatives, limit: limit)
        case .repeatedGroup(let alternatives, let minimum, let maximum, _):
            min(limit, (Self.size(alternatives, limit: limit) + 1) * (maximum == .max ? minimum + 1 : maximum))
        case .lookahead, .anchor: 1
        case .groupAhead(let alternatives, _): min(limit, 1 + Self.size(alternatives, limit: limit))
        }
    }

    static func size(_ alternatives: [[PatternSyntax]], limit: Int) -> Int {
        alternatives.reduce(1) { size, sequence in
            sequence.reduce(min(limit, size + 1)) { min(limit, $0 + $1.size(limit: limit)) }
        }
    }
}

/// A place in a text.
enum PatternAnchor: Sendable {
    case startOfText
    case endOfText
    /// The end of the text, or before a line feed that ends it.
    case endOfLastLine
    case startOfLine
    case endOfLine
    case wordBoundary
    case noWordBoundary

    /// Whether a position of a text is such a place.
    func holds(at position: Int, in text: ArraySlice<Unicode.Scalar>) -> Bool {
        switch self {
        case .startOfText: position == text.startIndex
        case .endOfText: position == text.endIndex
        case .endOfLastLine:
            position == text.endIndex || (position == text.endIndex - 1 && text[position] == "\n")
        case .startOfLine:
            position == text.startIndex || (position < text.endIndex && text[position - 1] == "\n")
        case .endOfLine: position == text.endIndex || text[position] == "\n"
        case .wordBoundary: Self.isWordBoundary(position, in: text)
        case .noWordBoundary: !Self.isWordBoundary(position, in: text)
        }
    }

    private static func isWordBoundary(_ position: Int, in text: ArraySlice<Unicode.Scalar>) -> Bool {
        let follows = position < text.endIndex && ScalarTraits(text[position]).isWord
        let precedes = position > text.startIndex && ScalarTraits(text[position - 1]).isWord
        return follows != precedes
    }
}
