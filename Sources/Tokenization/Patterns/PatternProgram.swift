/// A regular expression as a program for a matcher that never looks twice.
///
/// What follows from an instruction at a position doesn't depend on how the matcher came there. So it remembers the
/// instructions and positions from which nothing matched. In all of a text, each is tried once, and the time is bounded by
/// the number of instructions times the length of the text. Only instructions to which several others lead need to be
/// remembered, since the others are tried no more often than the one that leads to them.
struct PatternProgram: Sendable {
    private enum Instruction: Sendable {
        case scalar(ScalarSet, next: Int)
        /// The first of these that leads to a match.
        case choice([Int])
        case lookahead(ScalarSet, isNegative: Bool, next: Int)
        case groupAhead(start: Int, isNegative: Bool, next: Int)
        case anchor(PatternAnchor, next: Int)
        case end
    }

    /// Instruction 0 is the end.
    private var instructions: [Instruction] = [.end]
    private var start = 0
    /// The number of each instruction among those that are remembered; -1 for the others.
    private var memoIndices: [Int] = []
    private var memoCount = 0

    init(_ syntax: [[PatternSyntax]]) {
        start = compile(syntax, next: 0)
        findMemos()
    }

    private mutating func append(_ instruction: Instruction) -> Int {
        instructions.append(instruction)
        return instructions.count - 1
    }

    private mutating func compile(_ alternatives: [[PatternSyntax]], next: Int) -> Int {
        var starts: [Int] = []
        for sequence in alternatives {
            starts.append(sequence.reversed().reduce(next) { compile($1, next: $0) })
        }
        return starts.count == 1 ? starts[0] : append(.choice(starts))
    }

    private mutating func compile(_ item: PatternSyntax, next: Int) -> Int {
        switch item {
        case .repeated(let set, let minimum, let maximum, .possessive):
            // What is kept ends where no more can be taken: after as many as may be, or before another scalar.
            let stop = append(.lookahead(set, isNegative: true, next: next))
            if maximum == .max {
                return repeated(minimum, maximum, isLazy: false, next: stop) { $0.scalar(set, next: $1) }
            }
            var start = next
            for count in (0..<maximum).reversed() {
                let taken = append(.scalar(set, next: start))
                start = count < minimum ? taken : append(.choice([taken, stop]))
            }
            return start
        case .repeated(let set, let minimum, let maximum, let preference):
            return repeated(minimum, maximum, isLazy: preference == .lazy, next: next) { $0.scalar(set, next: $1) }
        case .group(let alternatives): return compile(alternatives, next: next)
        case .repeatedGroup(let alternatives, let minimum, let maximum, let isLazy):
            return repeated(minimum, maximum, isLazy: isLazy, next: next) { $0.compile(alternatives, next: $1) }
        case .lookahead(let set, let isNegative):
            return append(.lookahead(set, isNegative: isNegative, next: next))
        case .groupAhead(let alternatives, let isNegative):
            // A choice of its own, so that nothing else leads to it.
            let start = append(.choice([compile(alternatives, next: 0)]))
            return append(.groupAhead(start: start, isNegative: isNegative, next: next))
        case .anchor(let anchor): return append(.anchor(anchor, next: next))
        }
    }

    private mutating func scalar(_ set: ScalarSet, next: Int) -> Int { append(.scalar(set, next: next)) }

    private mutating func repeated(
        _ minimum: Int, _ maximum: Int, isLazy: Bool, next: Int,
        _ compileOne: (inout PatternProgram, _ next: Int) -> Int
    ) -> Int {
        func ordered(_ taken: Int) -> [Int] { isLazy ? [next, taken] : [taken, next] }
        var start = next
        if maximum == .max {
            let loop = append(.end)
            instructions[loop] = .choice(ordered(compileOne(&self, loop)))
            start = loop
        } else {
            for _ in minimum..<max(minimum, maximum) {
                let taken = compileOne(&self, start)
                start = append(.choice(ordered(taken)))
            }
        }
        for _ in 0..<minimum { start = compileOne(&self, start) }
        return start
    }

    private mutating func findMemos() {
        var sources = [Int](repeating: 0, count: instructions.count)
        // A match begins there.
        sources[start] = 1
        for instruction in instructions {
            switch instruction {
            case .scalar(_, let next), .lookahead(_, _, let next), .anchor(_, let next): sources[next] += 1
            case .choice(let starts): for start in starts { sources[start] += 1 }
            case .groupAhead(let start, _, let next):
                // Always remembered, with its result.
                sources[start] += 2
                sources[next] += 1
            case .end: break
            }
        }
        memoIndices = [Int](repeating: -1, count: instructions.count)
        for index in instructions.indices.dropFirst() where sources[index] > 1 {
            memoIndices[index] = memoCount
            memoCount += 1
        }
    }
}

// MARK: - Running

extension PatternProgram {
    /// The matcher on one text.
    struct Run {
        private struct Entry {
            /// An instruction to be tried, or, if negative, the complement of one from which everything has been tried.
            let instruction: Int
            let position: Int
        }

        private let program: PatternProgram
        private let text: ArraySlice<Unicode.Scalar>
        /// Which instructions lead to no match, by position.
        private var failed: [UInt64]
        /// Which instructions of a look-ahead lead to its end.
        private var succeeded: [UInt64]
        private var stack: [Entry] = []

        init(_ program: PatternProgram, in text: ArraySlice<Unicode.Scalar>) {
            self.program = program
            self.text = text
            let count = (program.memoCount * (text.count + 1) + 63) / 64
            failed = [UInt64](repeating: 0, count: count)
            let hasLooks = program.instructions.contains { if case .groupAhead = $0 { true } else { false } }
            succeeded = [UInt64](repeating: 0, count: hasLooks ? count : 0)
        }

        /// Where the match that starts at `start` ends; nil when there is none.
        mutating func end(ofMatchAt start: Int) -> Int? {
            match(program.start, at: start, isLook: false)
        }

        private mutating func match(_ start: Int, at position: Int, isLook: Bool) -> Int? {
            let base = stack.count
            stack.append(Entry(instruction: start, position: position))
            while stack.count > base, let entry = stack.popLast() {
                if entry.instruction < 0 {
                    let bit = bit(~entry.instruction, entry.position)
                    failed[bit >> 6] |= 1 << UInt64(bit & 63)
                } else if let end = follow(entry, isLook: isLook) {
                    if isLook { noteSuccess(from: base) }
                    stack.removeLast(stack.count - base)
                    return end
                }
            }
            return nil
        }

        /// Goes on from an entry until nothing matches any more, with the other alternatives on the stack.
        private mutating func follow(_ entry: Entry, isLook: Bool) -> Int? {
            var (instruction, position) = (entry.instruction, entry.position)
            while true {
                if program.memoIndices[instruction] >= 0 {
                    let bit = bit(instruction, position)
                    if failed[bit >> 6] >> UInt64(bit & 63) & 1 == 1 { return nil }
                    if isLook, succeeded[bit >> 6] >> UInt64(bit & 63) & 1 == 1 { return position }
                    stack.append(Entry(instruction: ~instruction, position: position))
                }
                switch program.instructions[instruction] {
                case .end: return position
                case .scalar(let set, let next):
                    guard position < text.endIndex, set.contains(text[position]) else { return nil }
                    instruction = next
                    position += 1
                case .choice(let starts):
                    for start in starts.dropFirst().reversed() {
                        stack.append(Entry(instruction: start, position: position))
                    }
                    instruction = starts[0]
                case .lookahead(let set, let isNegative, let next):
                    let follows = position < text.endIndex && set.contains(text[position])
                    guard follows != isNegative else { return nil }
                    instruction = next
                case .groupAhead(let start, let isNegative, let next):
                    guard (match(start, at: position, isLook: true) != nil) != isNegative else { return nil }
                    instruction = next
                case .anchor(let anchor, let next):
                    guard anchor.holds(at: position, in: text) else { return nil }
                    instruction = next
                }
            }
        }

        /// The instructions on the way to a success are those that wait for the rest of their alternatives.
        private mutating func noteSuccess(from base: Int) {
            for entry in stack[base...] where entry.instruction < 0 {
                let bit = bit(~entry.instruction, entry.position)
                succeeded[bit >> 6] |= 1 << UInt64(bit & 63)
            }
        }

        private func bit(_ instruction: Int, _ position: Int) -> Int {
            program.memoIndices[instruction] * (text.count + 1) + position - text.startIndex
        }
    }
}
