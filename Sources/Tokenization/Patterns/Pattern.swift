/// A compiled regular expression.
///
/// It matches by backtracking over single scalars, which is the fastest way for the patterns in use: they take about as
/// many steps as there are scalars. Any other pattern could take for ever. So ``PatternSearch`` counts the steps, and
/// has the rest of a text done by a ``PatternProgram``, whose time is bounded by the size of the pattern times the length
/// of the text.
struct Pattern: Sendable {
    private enum Node: Sendable {
        case repeated(ScalarSet, minimum: Int, maximum: Int, PatternSyntax.Preference, next: Int)
        case choice([Int])
        case lookahead(ScalarSet, isNegative: Bool, next: Int)
        case groupAhead(Int, isNegative: Bool, next: Int)
        case anchor(PatternAnchor, next: Int)
        case end
    }

    /// Patterns of more instructions are refused, and files with more in all of their patterns: the time for each scalar
    /// of a text grows with them. Published files have up to a hundred or two.
    static let maximumSize = 400
    /// Matching recurses once for each node, so larger patterns are left to the program.
    private static let maximumNodeCount = 200

    /// The number of instructions.
    let size: Int
    /// The fewest scalars that a match takes.
    let minimumLength: Int
    fileprivate let program: PatternProgram
    /// Node 0 is the end. The successors of a node come before it.
    private var nodes: [Node] = [.end]
    /// The ASCII scalars with which a match from each node can begin. Most attempts end here.
    private var firsts: [ASCIISet] = [.all]
    /// The first nodes of the alternatives; none where the program does all of the work.
    private var starts: [Int] = []

    /// Compiles the source of a regular expression; nil when ``PatternParser`` does not know a part of it, or when it is
    /// too large.
    init?(_ source: [UInt8]) {
        guard let syntax = PatternParser.parse(source) else { return nil }
        size = PatternSyntax.size(syntax, limit: Self.maximumSize + 1)
        minimumLength = PatternSyntax.minimumLength(syntax)
        guard size <= Self.maximumSize else { return nil }
        program = PatternProgram(syntax)
        for sequence in syntax {
            guard let start = compile(sequence, next: 0), nodes.count <= Self.maximumNodeCount else {
                starts = []
                return
            }
            starts.append(start)
        }
    }

    /// Nil for a repeated group, which isn't for this matcher.
    private mutating func compile(_ sequence: [PatternSyntax], next end: Int) -> Int? {
        var next = end
        for item in sequence.reversed() {
            switch item {
            case .repeated(let set, let minimum, let maximum, let preference):
                next = append(.repeated(set, minimum: minimum, maximum: maximum, preference, next: next))
            case .group(let alternatives):
                guard let starts = compile(alternatives, next: next) else { return nil }
                next = append(.choice(starts))
            case .repeatedGroup(let alternatives, 0, 1, let isLazy):
                guard let starts = compile(alternatives, next: next) else { return nil }
                next = append(.choice(isLazy ? [next] + starts : starts + [next]))
            case .repeatedGroup: return nil
            case .lookahead(let set, let isNegative):
                next = append(.lookahead(set, isNegative: isNegative, next: next))
            case .groupAhead(let alternatives, let isNegative):
                guard let starts = compile(alternatives, next: 0) else { return nil }
                next = append(.groupAhead(append(.choice(starts)), isNegative: isNegative, next: next))
            case .anchor(let anchor): next = append(.anchor(anchor, next: next))
            }
        }
        return next
    }

    private mutating func compile(_ alternatives: [[PatternSyntax]], next: Int) -> [Int]? {
        var starts: [Int] = []
        for sequence in alternatives {
            guard let start = compile(sequence, next: next) else { return nil }
            starts.append(start)
        }
        return starts
    }

    private mutating func append(_ node: Node) -> Int {
        let first: ASCIISet =
            switch node {
            case .repeated(let set, let minimum, _, _, let next):
                minimum > 0 ? set.ascii : set.ascii.union(firsts[next])
            case .choice(let starts): starts.reduce(ASCIISet()) { $0.union(firsts[$1]) }
            case .lookahead, .groupAhead, .anchor, .end: .all
            }
        nodes.append(node)
        firsts.append(first)
        return nodes.count - 1
    }

    fileprivate var isForProgram: Bool { starts.isEmpty }

    /// Where the match that starts at `start` ends; nil when there is none, or when `steps` has become negative.
    fileprivate func end(ofMatchAt start: Int, in text: ArraySlice<Unicode.Scalar>, steps: inout Int) -> Int? {
        let scalar = start < text.endIndex ? text[start] : "\u{FFFD}"
        for node in starts where !scalar.isASCII || firsts[node].contains(scalar) {
            if let end = match(node, at: start, in: text, &steps) { return end }
        }
        return nil
    }

    private func match(
        _ node: Int, at position: Int, in text: ArraySlice<Unicode.Scalar>, _ steps: inout Int
    ) -> Int? {
        steps -= 1
        guard steps >= 0 else { return nil }
        switch nodes[node] {
        case .end:
            return position
        case .choice(let starts):
            for start in starts {
                if let end = match(start, at: position, in: text, &steps) { return end }
            }
            return nil
        case .lookahead(let set, let isNegative, let next):
            let follows = position < text.endIndex && set.contains(text[position])
            return follows != isNegative ? match(next, at: position, in: text, &steps) : nil
        case .groupAhead(let start, let isNegative, let next):
            let follows = match(start, at: position, in: text, &steps) != nil
            return follows != isNegative ? match(next, at: position, in: text, &steps) : nil
        case .anchor(let anchor, let next):
            return anchor.holds(at: position, in: text) ? match(next, at: position, in: text, &steps) : nil
        case .repeated(let set, let minimum, let maximum, .lazy, let next):
            var end = position
            while true {
                if end - position >= minimum, let matched = match(next, at: end, in: text, &steps) { return matched }
                guard end - position < maximum, end < text.endIndex, set.contains(text[end]), steps >= 0 else {
                    return nil
                }
                end += 1
            }
        case .repeated(let set, let minimum, let maximum, let preference, let next):
            let limit = maximum < text.endIndex - position ? position + maximum : text.endIndex
            var end = position
            while end < limit, set.contains(text[end]) { end += 1 }
            steps -= end - position
            guard end - position >= minimum else { return nil }
            if next == 0 { return end }
            if preference == .possessive { return match(next, at: end, in: text, &steps) }
            while true {
                if let matched = match(next, at: end, in: text, &steps) { return matched }
                guard end - position > minimum, steps >= 0 else { return nil }
                end -= 1
            }
        }
    }
}

/// The search for the matches of a pattern in one text.
struct PatternSearch {
    private let pattern: Pattern
    private let text: ArraySlice<Unicode.Scalar>
    /// What the backtracking matcher may still do: some steps for each scalar. The patterns in use need a few.
    private var steps: Int
    private var run: PatternProgram.Run?

    init(_ pattern: Pattern, in text: ArraySlice<Unicode.Scalar>) {
        self.pattern = pattern
        self.text = text
        steps = pattern.isForProgram ? -1 : 1_000 + 64 * text.count
    }

    /// Where the match that starts at `start` ends; nil when there is none. `start` is an index of the text, or its end.
    @inline(__always)
    mutating func end(ofMatchAt start: Int) -> Int? {
        if start == text.endIndex, pattern.minimumLength > 0 { return nil }
        if steps >= 0 {
            let end = pattern.end(ofMatchAt: start, in: text, steps: &steps)
            if steps >= 0 { return end }
        }
        return endByProgram(start)
    }

    @inline(never)
    private mutating func endByProgram(_ start: Int) -> Int? {
        if run == nil { run = PatternProgram.Run(pattern.program, in: text) }
        return run?.end(ofMatchAt: start)
    }
}
