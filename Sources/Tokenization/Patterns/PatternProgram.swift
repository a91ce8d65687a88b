/// A regular expression as a program for a matcher that never looks twice.
///
/// What follows from an instruction at a position doesn't depend on how the matcher came there. So it remembers the
/// instructions and positions from which nothing matched. In all of a text, each is tried once, and the time is bounded by
/// the number of instructions times the length of the text. Only instructions to which several others lead need to be
/// remembered, since the others are tried no more often than the one that leads to them.
struct PatternProgram: Sendable {
    struct Count: Sendable {
        let minimum: Int
        let maximum: Int
        let isLazy: Bool
    }

    private enum Instruction: Sendable {
        case scalar(ScalarSet, next: Int)
        /// As many scalars of a set, or as few. `index` is its number among those that count.
        case counted(ScalarSet, index: Int, Count, next: Int)
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
    private var countedSets: [ScalarSet] = []

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
        case .repeated(let set, let minimum, let maximum, let preference)
        where PatternSyntax.isCounted(minimum: minimum, maximum: maximum):
            countedSets.append(set)
            let count = Count(minimum: minimum, maximum: maximum, isLazy: preference == .lazy)
            return append(.counted(set, index: countedSets.count - 1, count, next: next))
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
            case .counted(_, _, _, let next):
                // Always remembered, so that failures can be skipped.
                sources[next] += 2
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
            /// Of a repetition that counts: the end to be tried, as an index of the text.
            var end: Int?
        }

        private let program: PatternProgram
        private let text: ArraySlice<Unicode.Scalar>
        /// Which instructions lead to no match, by position.
        private var failed: [UInt64]
        /// Which instructions of a look-ahead lead to its end.
        private var succeeded: [UInt64]
        private var stack: [Entry] = []
        private var counters: [Counter] = []

        init(_ program: PatternProgram, in text: ArraySlice<Unicode.Scalar>) {
            self.program = program
            self.text = text
            let count = (program.memoCount * (text.count + 1) + 63) / 64
            failed = [UInt64](repeating: 0, count: count)
            let hasLooks = program.instructions.contains { if case .groupAhead = $0 { true } else { false } }
            succeeded = [UInt64](repeating: 0, count: hasLooks ? count : 0)
            counters = program.countedSets.map { Counter($0, in: text) }
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
            if let end = entry.end {
                guard let first = firstEnd(instruction, from: position, end) else { return nil }
                (instruction, position) = first
            }
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
                case .counted:
                    guard let first = firstEnd(instruction, from: position, nil) else { return nil }
                    (instruction, position) = first
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

        /// The next end of a repetition from which the rest may match, with the rest. The ends after it wait on the stack.
        private mutating func firstEnd(
            _ instruction: Int, from start: Int, _ end: Int?
        ) -> (instruction: Int, position: Int)? {
            guard case .counted(_, let index, let count, let next) = program.instructions[instruction] else {
                return nil
            }
            let runEnd = Int(counters[index].runEnds[start - text.startIndex]) + text.startIndex
            guard runEnd - start >= count.minimum else { return nil }
            let (low, high) = (start + count.minimum, count.maximum < runEnd - start ? start + count.maximum : runEnd)
            var end = end ?? (count.isLazy ? low : high)
            if program.memoIndices[next] >= 0 {
                let first = bit(next, text.startIndex)
                end =
                    text.startIndex
                    + counters[index].first(from: end - text.startIndex, isUpwards: count.isLazy) { position in
                        let bit = first + position
                        return failed[bit >> 6] >> UInt64(bit & 63) & 1 == 1
                    }
            }
            guard low...high ~= end else { return nil }
            let other = count.isLazy ? end + 1 : end - 1
            if low...high ~= other { stack.append(Entry(instruction: instruction, position: start, end: other)) }
            return (next, end)
        }

        private func bit(_ instruction: Int, _ position: Int) -> Int {
            program.memoIndices[instruction] * (text.count + 1) + position - text.startIndex
        }
    }
}

extension PatternProgram {
    /// What a repetition knows of a text, so that it takes about constant time at each start: its ends are tried one by one,
    /// but never twice.
    private struct Counter {
        /// Where the scalars of the set end that begin at each position.
        private(set) var runEnds: [Int32]
        /// Where the search goes on from a position at which the rest doesn't match; before the search has been there, 0.
        private var jumps: [Int32]

        init(_ set: ScalarSet, in text: ArraySlice<Unicode.Scalar>) {
            jumps = [Int32](repeating: 0, count: text.count + 1)
            runEnds = [Int32](repeating: Int32(text.count), count: text.count + 1)
            for index in (0..<text.count).reversed() {
                runEnds[index] = set.contains(text[text.startIndex + index]) ? runEnds[index + 1] : Int32(index)
            }
        }

        /// The first position in a direction that hasn't failed; -1 or the one beyond the end where there is none.
        mutating func first(from start: Int, isUpwards: Bool, _ hasFailed: (Int) -> Bool) -> Int {
            func next(_ position: Int) -> Int {
                // Offset by 2, since -1 is a position too.
                let jump = Int(jumps[position])
                return jump != 0 ? jump - 2 : isUpwards ? position + 1 : position - 1
            }
            var end = start
            while jumps.indices.contains(end), hasFailed(end) { end = next(end) }
            var position = start
            while position != end {
                let following = next(position)
                jumps[position] = Int32(end + 2)
                position = following
            }
            return end
        }
    }
}
