/// A regular expression as it is written: what ``PatternParser`` reads and ``Pattern`` compiles.
indirect enum PatternSyntax {
    /// Scalars of a set, as many as there are up to `maximum`, fewer when the rest of the pattern asks for it.
    case repeated(ScalarSet, minimum: Int, maximum: Int, isPossessive: Bool)
    /// One of several sequences, the first that lets the rest match; when optional, else none.
    case group([[PatternSyntax]], isOptional: Bool)
    /// Whether a scalar of the set follows, without taking it.
    case lookahead(ScalarSet, isNegative: Bool)

    /// The fewest scalars that it takes.
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
