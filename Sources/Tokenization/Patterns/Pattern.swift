/// A compiled regular expression: a backtracking matcher over scalars.
///
/// Only single scalars are repeated, so the number of steps is bounded by a polynomial in the length of the text. The
/// patterns in use take about as many steps as there are scalars.
struct Pattern: Sendable {
    private enum Node: Sendable {
        case repeated(ScalarSet, minimum: Int, maximum: Int, isPossessive: Bool, next: Int)
        case choice([Int])
        case lookahead(ScalarSet, isNegative: Bool, next: Int)
        case end
    }

    /// Node 0 is the end. The successors of a node come before it.
    private var nodes: [Node] = [.end]
    /// The ASCII scalars with which a match from each node can begin. Most attempts end here.
    private var firsts: [ASCIISet] = [.all]
    /// The first nodes of the alternatives.
    private var starts: [Int] = []

    /// Compiles the source of a regular expression; nil when ``PatternParser`` does not know a part of it, or when the
    /// expression matches the empty text.
    init?(_ source: [UInt8]) {
        guard let syntax = PatternParser.parse(source), PatternSyntax.minimumLength(syntax) > 0 else { return nil }
        for sequence in syntax { starts.append(compile(sequence, next: 0)) }
    }

    private mutating func compile(_ sequence: [PatternSyntax], next end: Int) -> Int {
        sequence.reversed().reduce(end) { next, item in
            switch item {
            case .repeated(let set, let minimum, let maximum, let isPossessive):
                return append(
                    .repeated(set, minimum: minimum, maximum: maximum, isPossessive: isPossessive, next: next))
            case .group(let alternatives, let isOptional):
                let starts = alternatives.map { compile($0, next: next) }
                return append(.choice(isOptional ? starts + [next] : starts))
            case .lookahead(let set, let isNegative):
                return append(.lookahead(set, isNegative: isNegative, next: next))
            }
        }
    }

    private mutating func append(_ node: Node) -> Int {
        let first: ASCIISet =
            switch node {
            case .repeated(let set, let minimum, _, _, let next):
                minimum > 0 ? set.ascii : set.ascii.union(firsts[next])
            case .choice(let starts): starts.reduce(ASCIISet()) { $0.union(firsts[$1]) }
            case .lookahead, .end: .all
            }
        nodes.append(node)
        firsts.append(first)
        return nodes.count - 1
    }

    /// Where the match that starts at `start` ends; nil when there is none. `start` is an index of `text`.
    func end(ofMatchAt start: Int, in text: ArraySlice<Unicode.Scalar>) -> Int? {
        let scalar = text[start]
        for node in starts where !scalar.isASCII || firsts[node].contains(scalar) {
            if let end = match(node, at: start, in: text) { return end }
        }
        return nil
    }

    private func match(_ node: Int, at position: Int, in text: ArraySlice<Unicode.Scalar>) -> Int? {
        switch nodes[node] {
        case .end:
            return position
        case .choice(let starts):
            for start in starts {
                if let end = match(start, at: position, in: text) { return end }
            }
            return nil
        case .lookahead(let set, let isNegative, let next):
            let follows = position < text.endIndex && set.contains(text[position])
            return follows != isNegative ? match(next, at: position, in: text) : nil
        case .repeated(let set, let minimum, let maximum, let isPossessive, let next):
            let limit = maximum < text.endIndex - position ? position + maximum : text.endIndex
            var end = position
            while end < limit, set.contains(text[end]) { end += 1 }
            guard end - position >= minimum else { return nil }
            if next == 0 { return end }
            if isPossessive { return match(next, at: end, in: text) }
            while true {
                if let matched = match(next, at: end, in: text) { return matched }
                guard end - position > minimum else { return nil }
                end -= 1
            }
        }
    }
}
