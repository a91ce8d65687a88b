// Characters of JSON strings, and texts whose characters are counted.

extension Assembler {
    /// A character of a set as a JSON string spells it (RFC 8259, section 7), with escapes only where they are needed.
    mutating func emit(quoted set: ScalarSet, then next: Int32) throws(ConstraintError) -> Int32 {
        var places: [Int32] = []
        let plain = set.subtracting(JSONSyntax.escapedScalars)
        if !plain.isEmpty { places.append(try emit(.scalars(plain), then: next)) }
        var escapes: [[UInt8]] = []
        for range in set.intersection(JSONSyntax.escapedScalars).ranges {
            escapes += range.map { JSONSyntax.escape($0) }
        }
        if !escapes.isEmpty { places.append(try emit(.texts(escapes), then: next)) }
        return try emit(anyOf: places)
    }

    /// The texts of an expression that have so many characters. Every place exists once for each count.
    mutating func emit(
        _ expression: Expression, countedFrom minimum: Int, to maximum: Int?, then next: Int32
    ) throws(ConstraintError) -> Int32 {
        let highest = maximum ?? minimum
        guard highest < 1 << 16 else { throw .tooLarge(limit: 1 << 16) }
        let dead = try emit(anyOf: [])
        var ends = [Int32](repeating: dead, count: highest + 1)
        for count in ends.indices where count >= minimum { ends[count] = next }
        let counter = Counter(dead: dead, isUnlimited: maximum == nil)
        return try emit(expression, counter, then: ends)[0]
    }

    private struct Counter {
        let dead: Int32
        /// Whether the highest count stands for all above it as well.
        let isUnlimited: Bool
    }

    /// - Parameter ends: By count, where the text goes on.
    /// - Returns: By count, where the expression begins.
    private mutating func emit(
        _ expression: Expression, _ counter: Counter, then ends: [Int32]
    ) throws(ConstraintError) -> [Int32] {
        try charge(ends.count)
        switch expression {
        case .sequence(let parts):
            var places = ends
            for part in parts.reversed() { places = try emit(part, counter, then: places) }
            return places
        case .choice(let parts):
            var branches: [[Int32]] = []
            for part in parts { branches.append(try emit(part, counter, then: ends)) }
            var places: [Int32] = []
            for count in ends.indices { places.append(try emit(anyOf: branches.map { $0[count] })) }
            return places
        case .repeated(let body, let minimum, let maximum):
            return try emit(body, minimum, maximum, counter, then: ends)
        case .empty: return ends
        default:
            // One character.
            var places: [Int32] = []
            for count in ends.indices {
                let last = counter.isUnlimited ? ends[ends.count - 1] : counter.dead
                let end = count + 1 < ends.count ? ends[count + 1] : last
                places.append(end == counter.dead ? counter.dead : try emit(expression, then: end))
            }
            return places
        }
    }

    private mutating func emit(
        _ body: Expression, _ minimum: Int, _ maximum: Int?, _ counter: Counter, then ends: [Int32]
    ) throws(ConstraintError) -> [Int32] {
        var places = ends
        if let maximum {
            for _ in 0..<max(0, maximum - minimum) {
                let starts = try emit(body, counter, then: places)
                for count in ends.indices { places[count] = try emit(anyOf: [starts[count], ends[count]]) }
            }
        } else {
            for count in ends.indices { places[count] = try emitLater() }
            let starts = try emit(body, counter, then: places)
            for count in ends.indices { set(places[count], toAnyOf: [starts[count], ends[count]]) }
        }
        for _ in 0..<minimum { places = try emit(body, counter, then: places) }
        return places
    }
}
