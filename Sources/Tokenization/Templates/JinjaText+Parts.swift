/// Searching, splitting, trimming and replacing, as Python's `str` has them.
extension JinjaText {
    /// Where a text occurs for the first time from a position on. Time is linear in both lengths.
    func firstRange(of pattern: JinjaText, in range: Range<Int>) -> Range<Int>? {
        var found: Range<Int>?
        forEachRange(of: pattern, in: range) {
            found = $0
            return false
        }
        return found
    }

    /// Where a text occurs, from left to right and without overlaps.
    ///
    /// - Parameter body: says whether to go on.
    func forEachRange(of pattern: JinjaText, in range: Range<Int>, _ body: (Range<Int>) -> Bool) {
        let (text, pattern) = (scalars, pattern.scalars)
        guard let first = pattern.first, pattern.count <= range.count else { return }
        // The method of Knuth, Morris and Pratt (1977): how much of the pattern still matches after a mismatch.
        var fallback = [0]
        fallback.reserveCapacity(pattern.count)
        var length = 0
        for index in pattern.indices.dropFirst() {
            while length > 0, pattern[index] != pattern[length] { length = fallback[length - 1] }
            if pattern[index] == pattern[length] { length += 1 }
            fallback.append(length)
        }
        var matched = 0
        for position in range {
            let scalar = text[position]
            if matched == 0, scalar != first { continue }
            while matched > 0, pattern[matched] != scalar { matched = fallback[matched - 1] }
            if pattern[matched] == scalar { matched += 1 }
            guard matched == pattern.count else { continue }
            matched = 0
            guard body((position + 1 - pattern.count)..<(position + 1)) else { return }
        }
    }

    func lastRange(of pattern: JinjaText, in range: Range<Int>) -> Range<Int>? {
        var reversed = JinjaText(Array(scalars[range].reversed()))
        reversed.isMarkup = false
        let mirrored = JinjaText(Array(pattern.scalars.reversed()))
        guard let found = reversed.firstRange(of: mirrored, in: 0..<reversed.count) else { return nil }
        return (range.upperBound - found.upperBound)..<(range.upperBound - found.lowerBound)
    }

    func contains(_ pattern: JinjaText) -> Bool {
        pattern.isEmpty || firstRange(of: pattern, in: 0..<count) != nil
    }

    func hasPrefix(_ prefix: JinjaText) -> Bool { scalars.starts(with: prefix.scalars) }
    func hasSuffix(_ suffix: JinjaText) -> Bool {
        suffix.count <= count && scalars[(count - suffix.count)...].elementsEqual(suffix.scalars)
    }

    /// Without white space at its ends, or without the scalars of a set.
    func stripped(_ set: JinjaText?, left: Bool = true, right: Bool = true) -> JinjaText {
        let stripped = set.map { Set($0.scalars) }
        let isStripped = { (scalar: Unicode.Scalar) in stripped?.contains(scalar) ?? scalar.isPythonSpace }
        var (start, end) = (0, count)
        if left { while start < end, isStripped(scalars[start]) { start += 1 } }
        if right { while end > start, isStripped(scalars[end - 1]) { end -= 1 } }
        return self[start..<end]
    }

    /// The parts between white space; after so many cuts, the rest is one part.
    func words(maximumCuts: Int) -> [JinjaText] {
        var parts: [JinjaText] = []
        var position = 0
        while true {
            while position < count, scalars[position].isPythonSpace { position += 1 }
            guard position < count else { return parts }
            if parts.count == maximumCuts {
                parts.append(self[position..<count])
                return parts
            }
            let start = position
            while position < count, !scalars[position].isPythonSpace { position += 1 }
            parts.append(self[start..<position])
        }
    }

    /// The same, with the cuts counted from the end.
    func wordsFromEnd(maximumCuts: Int) -> [JinjaText] {
        var parts: [JinjaText] = []
        var position = count
        while true {
            while position > 0, scalars[position - 1].isPythonSpace { position -= 1 }
            guard position > 0 else { break }
            if parts.count == maximumCuts {
                parts.append(self[0..<position])
                break
            }
            let end = position
            while position > 0, !scalars[position - 1].isPythonSpace { position -= 1 }
            parts.append(self[position..<end])
        }
        return parts.reversed()
    }

    /// The parts between the occurrences of a separator that isn't empty.
    func split(at separator: JinjaText, maximumCuts: Int) -> [JinjaText] {
        var parts: [JinjaText] = []
        var start = 0
        guard maximumCuts > 0 else { return [self] }
        forEachRange(of: separator, in: 0..<count) { range in
            parts.append(self[start..<range.lowerBound])
            start = range.upperBound
            return parts.count < maximumCuts
        }
        parts.append(self[start..<count])
        return parts
    }

    /// The same, with the cuts counted from the end.
    func splitFromEnd(at separator: JinjaText, maximumCuts: Int) -> [JinjaText] {
        reversed.split(at: separator.reversed, maximumCuts: maximumCuts).reversed().map(\.reversed)
    }

    var reversed: JinjaText {
        var result = JinjaText()
        for position in scalars.indices.reversed() {
            result.append(scalars[position], isOutside: isOutside(at: position))
        }
        return result
    }

    /// Its lines, as `splitlines` has them.
    func lines(keepingEnds: Bool) -> [JinjaText] {
        var lines: [JinjaText] = []
        var (start, position) = (0, 0)
        while position < count {
            let scalar = scalars[position]
            position += 1
            guard scalar.endsPythonLine else { continue }
            let end = position - 1
            if scalar == "\r", position < count, scalars[position] == "\n" { position += 1 }
            lines.append(self[start..<(keepingEnds ? position : end)])
            start = position
        }
        if start < count { lines.append(self[start..<count]) }
        return lines
    }

    /// With the first so many occurrences of a text replaced; an empty one occurs beside each scalar.
    func replacing(_ old: JinjaText, with new: JinjaText, maximumCount: Int) -> JinjaText {
        var result = JinjaText()
        var (start, replaced) = (0, 0)
        guard maximumCount > 0 else { return self }
        if old.isEmpty {
            for position in 0...count where replaced < maximumCount {
                result.append(new)
                replaced += 1
                start = position
                if position < count { result.append(self, position..<(position + 1)) }
                start = min(position + 1, count)
            }
        } else {
            forEachRange(of: old, in: 0..<count) { range in
                result.append(self, start..<range.lowerBound)
                result.append(new)
                start = range.upperBound
                replaced += 1
                return replaced < maximumCount
            }
        }
        result.append(self, start..<count)
        return result
    }

    /// How many occurrences `replacing` would find, at most.
    func occurrences(of pattern: JinjaText, in range: Range<Int>) -> Int {
        guard !pattern.isEmpty else { return range.count + 1 }
        var found = 0
        forEachRange(of: pattern, in: range) { _ in
            found += 1
            return true
        }
        return found
    }

    /// With `&`, `<`, `>` and quotes as HTML spells them.
    var escapedForHTML: JinjaText {
        if isMarkup { return self }
        var escaped = mapped { _, scalar in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "'": "&#39;"
            case "\"": "&#34;"
            default: nil
            }
        }
        escaped.isMarkup = true
        return escaped
    }
}
