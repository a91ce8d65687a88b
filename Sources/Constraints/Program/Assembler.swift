/// Turns rules into instructions. Each expression is given the place where the text goes on, and returns its own
/// beginning, so expressions can share what follows them.
struct Assembler {
    private(set) var instructions: [Instruction] = []
    private(set) var targets: [Int32] = []
    private(set) var byteSets: [ByteSet] = []
    private(set) var ruleStarts: [Int32] = []
    private var setNumbers: [ByteSet: Int32] = [:]
    private var rules: RuleSet
    /// The expressions that were turned into instructions, each as often as it was, and as many more as there were counts of
    /// characters. Repetitions of what takes no instruction would go on for ever otherwise.
    private var stepCount = 0
    private var maximumStepCount: Int { 32 * sizeLimit }
    /// The most instructions.
    private let sizeLimit: Int

    init(_ rules: RuleSet, sizeLimit: Int) {
        self.rules = rules
        self.sizeLimit = sizeLimit
    }

    /// - Throws: ``ConstraintError/tooLarge(limit:)``.
    mutating func assemble() throws(ConstraintError) {
        // A repeated expression may add rules on the way.
        var rule = 0
        while rule < rules.rules.count {
            let finish = try emit(.finish)
            ruleStarts.append(try emit(rules.rules[rule] ?? .nothing, then: finish))
            rule += 1
        }
    }

    private mutating func emit(_ instruction: Instruction) throws(ConstraintError) -> Int32 {
        guard instructions.count < sizeLimit else {
            throw .tooLarge(limit: sizeLimit)
        }
        instructions.append(instruction)
        return Int32(instructions.count - 1)
    }

    /// One byte of a set.
    mutating func emit(_ set: ByteSet, then next: Int32) throws(ConstraintError) -> Int32 {
        let number = setNumbers[set] ?? Int32(byteSets.count)
        if number == byteSets.count {
            byteSets.append(set)
            setNumbers[set] = number
        }
        return try emit(.byte(set: number, next: next))
    }

    /// Any of several places; none is a dead end, which the program leaves out.
    mutating func emit(anyOf places: [Int32]) throws(ConstraintError) -> Int32 {
        if places.count == 1 { return places[0] }
        guard targets.count + places.count <= 4 * sizeLimit else {
            throw .tooLarge(limit: sizeLimit)
        }
        let start = Int32(targets.count)
        targets += places
        return try emit(.split(start..<Int32(targets.count)))
    }

    /// Takes note of work.
    mutating func charge(_ count: Int) throws(ConstraintError) {
        stepCount += count
        if stepCount > maximumStepCount { throw .tooLarge(limit: maximumStepCount) }
    }

    mutating func emit(_ expression: Expression, then next: Int32) throws(ConstraintError) -> Int32 {
        try charge(1)
        switch expression {
        case .empty: return next
        case .nothing: return try emit(anyOf: [])
        case .literal(let bytes):
            var place = next
            for byte in bytes.reversed() { place = try emit(ByteSet(byte), then: place) }
            return place
        case .scalars(let set): return try emit(set, then: next)
        case .quotedScalars(let set): return try emit(quoted: set, then: next)
        case .counted(let body, let minimum, let maximum):
            return try emit(body, countedFrom: minimum, to: maximum, then: next)
        case .sequence(let parts):
            var place = next
            for part in parts.reversed() { place = try emit(part, then: place) }
            return place
        case .choice(let parts):
            var places: [Int32] = []
            for part in parts { places.append(try emit(part, then: next)) }
            return try emit(anyOf: places)
        case .texts(let texts):
            let sorted = texts.sorted { $0.lexicographicallyPrecedes($1) }
            return try emit(sortedTexts: sorted[...], from: 0, level: 0, then: next)
        case .repeated(let body, let minimum, let maximum):
            return try emit(body, minimum, maximum, then: next)
        case .rule(let rule): return try emit(.call(rule: Int32(rule), next: next))
        case .decimal(let range): return try range.emit(into: &self, then: next)
        }
    }

    /// A place whose continuations ``set(_:toAnyOf:)`` gives later, for loops.
    mutating func emitLater() throws(ConstraintError) -> Int32 { try emit(.split(0..<0)) }

    mutating func set(_ place: Int32, toAnyOf places: [Int32]) {
        let start = Int32(targets.count)
        targets += places
        instructions[Int(place)] = .split(start..<Int32(targets.count))
    }

    private mutating func emit(_ set: ScalarSet, then next: Int32) throws(ConstraintError) -> Int32 {
        // Ranges of single bytes are one set; longer characters that end alike share their ends.
        var single = ByteSet()
        var places: [Int32] = []
        var ends: [[ClosedRange<UInt8>]: Int32] = [:]
        for sequence in set.byteSequences {
            if sequence.count == 1 {
                single = single.union(ByteSet(sequence[0]))
                continue
            }
            var place = next
            for index in sequence.indices.reversed() {
                let end = Array(sequence[index...])
                if let known = ends[end] {
                    place = known
                } else {
                    place = try emit(ByteSet(sequence[index]), then: place)
                    ends[end] = place
                }
            }
            places.append(place)
        }
        if !single.isEmpty { places.append(try emit(single, then: next)) }
        return try emit(anyOf: places)
    }

    /// Texts that share a beginning of `depth` bytes, in which they branched `level` times.
    private mutating func emit(
        sortedTexts texts: ArraySlice<[UInt8]>, from depth: Int, level: Int, then next: Int32
    ) throws(ConstraintError) -> Int32 {
        // A bound of the recursion: only texts that are each other's beginnings come near it.
        guard level < 256 else { throw .tooLarge(limit: 256) }
        // A single text needs no recursion, whatever its length.
        if texts.count == 1, let text = texts.first {
            return try emit(.literal(Array(text[depth...])), then: next)
        }
        var places: [Int32] = []
        var rest = texts
        while let first = rest.first {
            if first.count == depth {
                places = [next]
                rest = rest.drop { $0.count == depth }
                continue
            }
            let byte = first[depth]
            let group = rest.prefix { $0[depth] == byte }
            rest = rest.dropFirst(group.count)
            // What all of the group begin with.
            var end = depth + 1
            let last = group.last ?? first
            while end < first.count, end < last.count, first[end] == last[end] { end += 1 }
            let following = try emit(sortedTexts: group, from: end, level: level + 1, then: next)
            places.append(try emit(.literal(Array(first[depth..<end])), then: following))
        }
        return try emit(anyOf: places)
    }

    private mutating func emit(
        _ body: Expression, _ minimum: Int, _ maximum: Int?, then next: Int32
    ) throws(ConstraintError) -> Int32 {
        if let maximum, maximum < minimum { return try emit(anyOf: []) }
        // Copies of something large are calls of a rule.
        let body = max(minimum, maximum ?? 0) > 1 ? rules.shared(body) : body
        var place = next
        if let maximum {
            for _ in 0..<(maximum - minimum) {
                place = try emit(anyOf: [try emit(body, then: place), next])
            }
        } else {
            // The loop comes before its body.
            let loop = try emitLater()
            set(loop, toAnyOf: [try emit(body, then: loop), next])
            place = loop
        }
        for _ in 0..<minimum { place = try emit(body, then: place) }
        return place
    }
}
