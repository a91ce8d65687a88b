/// A regular expression as it is written: what ``PatternParser`` reads and ``Pattern`` compiles.
indirect enum PatternSyntax {
    /// Scalars of a set: as many as follow, up to `maximum`, but fewer where the rest of the pattern needs some of them.
    case repeated(ScalarSet, minimum: Int, maximum: Int, isPossessive: Bool)
    /// One of several sequences: the first with which the rest matches. An optional group may also match nothing.
    case group([[PatternSyntax]], isOptional: Bool)
    /// The condition that a scalar of the set follows. It is not taken.
    case lookahead(ScalarSet, isNegative: Bool)

    /// The fewest scalars that a match takes.
    var minimumLength: Int {
        switch self {
        case .repeated(_, let minimum, _, _): minimum
        case .group(let alternatives, let isOptional): isOptional ? 0 : Self.minimumLength(alternatives)
        case .lookahead: 0
        }
    }

    static func minimumLength(_ alternatives: [[PatternSyntax]]) -> Int {
        alternatives.map { $0.reduce(0) { $0 + $1.minimumLength } }.min() ?? 0
    }
}
