/// Reads the regular expressions that ECMA-262 and JSON schemas share with most other languages.
///
/// Source: ECMA-262, section 22.2 (patterns, in Unicode mode).
struct RegularExpressionParser {
    /// The most characters of a pattern.
    static let maximumLength = 1 << 16
    private static let maximumDepth = 100

    /// A pattern's alternatives, and whether each is bound to the beginning and the end of the text.
    struct Alternative {
        var expression: Expression
        var isAtStart: Bool
        var isAtEnd: Bool
    }

    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    private init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

    /// The texts that match as a whole. `^` at a beginning and `$` at an end change nothing.
    static func whole(_ pattern: String) throws(ConstraintError) -> Expression {
        .choice(try alternatives(pattern).map(\.expression))
    }

    /// The texts that have a match somewhere, unless `^` and `$` bind it.
    static func containing(_ pattern: String) throws(ConstraintError) -> Expression {
        let any = Expression.repeated(.scalars(.all), minimum: 0, maximum: nil)
        return .choice(
            try alternatives(pattern).map { alternative in
                .sequence(
                    (alternative.isAtStart ? [] : [any]) + [alternative.expression] + (alternative.isAtEnd ? [] : [any])
                )
            })
    }

    private static func alternatives(_ pattern: String) throws(ConstraintError) -> [Alternative] {
        var parser = RegularExpressionParser(pattern)
        guard parser.scalars.count <= maximumLength else { throw .tooLarge(limit: maximumLength) }
        var alternatives: [Alternative] = []
        repeat { alternatives.append(try parser.alternative(isOutermost: true)) } while parser.skip("|")
        guard parser.position == parser.scalars.count else { throw parser.malformed("a ) without a (") }
        return alternatives
    }

    // MARK: Reading

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    private func isNext(_ text: String) -> Bool { scalars[position...].starts(with: text.unicodeScalars) }

    private func malformed(_ reason: String) -> ConstraintError {
        .malformed(at: place, reason: reason)
    }

    private var place: String { "character \(position + 1) of the pattern" }

    // MARK: Structure

    private mutating func alternative(isOutermost: Bool) throws(ConstraintError) -> Alternative {
        var isAtStart = false
        if isOutermost { while skip("^") { isAtStart = true } }
        var parts: [Expression] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if isOutermost, scalar == "$", isEnd(after: position) {
                while skip("$") {}
                return Alternative(expression: .sequence(parts), isAtStart: isAtStart, isAtEnd: true)
            }
            let atom = try atom(scalar)
            parts.append(try quantified(atom))
        }
        return Alternative(expression: .sequence(parts), isAtStart: isAtStart, isAtEnd: false)
    }

    /// Whether nothing but `$` stands between a place and the end of the alternative.
    private func isEnd(after position: Int) -> Bool {
        guard let scalar = scalars[position...].first(where: { $0 != "$" }) else { return true }
        return scalar == "|"
    }

    private mutating func atom(_ scalar: Unicode.Scalar) throws(ConstraintError) -> Expression {
        switch scalar {
        case "(": return try group()
        case "[":
            position += 1
            return .scalars(try bracketedSet())
        case ".":
            position += 1
            return .scalars(Self.lineEnds.complement)
        case "\\":
            position += 1
            return .scalars(try escape(inSet: false))
        case "^", "$": throw .unsupported("the anchor \(scalar) inside of a pattern", at: place)
        case "*", "+", "?": throw malformed("nothing stands before the quantifier \(scalar)")
        case "{": throw malformed("nothing stands before the quantifier {; a brace itself is \\{")
        case "}", "]": throw malformed("a \(scalar) alone; the character itself is \\\(scalar)")
        default:
            position += 1
            return .scalars(ScalarSet([scalar]))
        }
    }

    private mutating func group() throws(ConstraintError) -> Expression {
        for (start, name) in [
            ("(?=", "look-ahead"), ("(?!", "negative look-ahead"), ("(?<=", "look-behind"),
            ("(?<!", "negative look-behind"), ("(?>", "an atomic group"), ("(?P", "Python's kind of named group"),
        ] where isNext(start) {
            throw .unsupported(name, at: place)
        }
        let start = position
        position += 1
        if skip("?") {
            if skip("<") {
                while let scalar = next, scalar != ">" {
                    guard scalar.properties.isAlphabetic || scalar == "_" || scalar.properties.numericType != nil else {
                        throw malformed("a wrong character in a group's name")
                    }
                    position += 1
                }
                guard skip(">") else { throw malformed("a group's name without its end") }
            } else if !skip(":") {
                throw .unsupported("a group's flags", at: place)
            }
        }
        depth += 1
        guard depth <= Self.maximumDepth else { throw malformed("nested deeper than \(Self.maximumDepth) groups") }
        var alternatives: [Expression] = []
        repeat { alternatives.append(try alternative(isOutermost: false).expression) } while skip("|")
        depth -= 1
        guard skip(")") else {
            position = start
            throw malformed("a ( without its )")
        }
        return .choice(alternatives)
    }

    private mutating func quantified(_ atom: Expression) throws(ConstraintError) -> Expression {
        let bounds: (minimum: Int, maximum: Int?)
        switch next {
        case "*": bounds = (0, nil)
        case "+": bounds = (1, nil)
        case "?": bounds = (0, 1)
        case "{": bounds = try braces()
        default: return atom
        }
        position += 1
        // A lazy quantifier prefers other matches but allows the same texts.
        if !skip("?"), let scalar = next, ["*", "+", "{"].contains(scalar) {
            throw malformed("a quantifier after another")
        }
        if next == "?" { throw malformed("a quantifier after another") }
        return .repeated(atom, minimum: bounds.minimum, maximum: bounds.maximum)
    }

    /// Reads `{m}`, `{m,}` or `{m,n}` up to the closing brace, which stays.
    private mutating func braces() throws(ConstraintError) -> (minimum: Int, maximum: Int?) {
        position += 1
        let minimum = try count()
        var maximum: Int? = minimum
        if skip(",") { maximum = next == "}" ? nil : try count() }
        guard next == "}" else { throw malformed("a quantifier is {m}, {m,} or {m,n}; a brace itself is \\{") }
        if let maximum, maximum < minimum { throw malformed("a quantifier's limits are in the wrong order") }
        return (minimum, maximum)
    }

    private mutating func count() throws(ConstraintError) -> Int {
        let start = position
        var count = 0
        while let scalar = next, ("0"..."9").contains(scalar) {
            count = count * 10 + Int(scalar.value - 0x30)
            guard count <= Constraint.maximumSize else {
                throw .tooLarge(limit: Constraint.maximumSize)
            }
            position += 1
        }
        guard position > start else { throw malformed("a quantifier is {m}, {m,} or {m,n}; a brace itself is \\{") }
        return count
    }
}

// MARK: - Sets

extension RegularExpressionParser {
    private static let digits = ScalarSet([0x30...0x39])
    private static let wordCharacters = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    private static let lineEnds = ScalarSet([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029])
    /// WhiteSpace and LineTerminator of ECMA-262.
    private static let whiteSpace = ScalarSet([
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
        0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
    ])

    /// Reads a set after its opening bracket.
    private mutating func bracketedSet() throws(ConstraintError) -> ScalarSet {
        let start = position - 1
        let isNegated = skip("^")
        var ranges: [ClosedRange<UInt32>] = []
        while !skip("]") {
            guard next != nil else {
                position = start
                throw malformed("a [ without its ]")
            }
            let first = try element()
            guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                ranges += first.ranges
                continue
            }
            position += 1
            let last = try element()
            guard let low = first.onlyScalar, let high = last.onlyScalar else {
                throw malformed("a range between sets")
            }
            guard low <= high else { throw malformed("a range in the wrong order") }
            ranges.append(low...high)
        }
        let set = ScalarSet(ranges)
        return isNegated ? set.complement : set
    }

    private mutating func element() throws(ConstraintError) -> ScalarSet {
        guard let scalar = next else { throw malformed("a [ without its ]") }
        position += 1
        return scalar == "\\" ? try escape(inSet: true) : ScalarSet([scalar])
    }

    /// Reads what follows a backslash.
    private mutating func escape(inSet: Bool) throws(ConstraintError) -> ScalarSet {
        guard let scalar = next else { throw malformed("a backslash at the end") }
        let place = place
        position += 1
        switch scalar {
        case "d": return Self.digits
        case "D": return Self.digits.complement
        case "w": return Self.wordCharacters
        case "W": return Self.wordCharacters.complement
        case "s": return Self.whiteSpace
        case "S": return Self.whiteSpace.complement
        case "t": return ScalarSet([0x09...0x09])
        case "n": return ScalarSet([0x0A...0x0A])
        case "v": return ScalarSet([0x0B...0x0B])
        case "f": return ScalarSet([0x0C...0x0C])
        case "r": return ScalarSet([0x0D...0x0D])
        case "x": return try single(try hexadecimal(2))
        case "u": return try single(try codePoint())
        case "c":
            guard let letter = next, letter.isASCII, letter.properties.isAlphabetic else {
                throw malformed("\\c is followed by a letter")
            }
            position += 1
            return try single(letter.value & 0x1F)
        case "0":
            if let digit = next, ("0"..."9").contains(digit) { throw .unsupported("an octal escape", at: place) }
            return try single(0)
        case "b" where inSet: return try single(0x08)
        case "b", "B": throw .unsupported("the word boundary \\\(scalar)", at: place)
        case "1"..."9", "k": throw .unsupported("the back reference \\\(scalar)", at: place)
        case "p", "P": throw .unsupported("the Unicode property \\\(scalar)", at: place)
        default:
            // Letters and digits are kept for the future; anything else stands for itself.
            guard !(scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))) else {
                throw .unsupported("the escape \\\(scalar)", at: place)
            }
            return ScalarSet([scalar])
        }
    }

    private func single(_ value: UInt32) throws(ConstraintError) -> ScalarSet {
        guard Unicode.Scalar(value) != nil else { throw malformed("an escape of half a surrogate pair") }
        return ScalarSet([value...value])
    }

    /// `\uXXXX`, two of them for a surrogate pair, or `\u{…}`, after the u.
    private mutating func codePoint() throws(ConstraintError) -> UInt32 {
        if skip("{") {
            var value: UInt32 = 0
            let start = position
            while let digit = next.flatMap(Self.hexadecimalValue) {
                value = value * 16 + digit
                guard value <= 0x10FFFF else { throw malformed("an escape beyond Unicode") }
                position += 1
            }
            guard position > start, skip("}") else { throw malformed("\\u{ is followed by hexadecimal digits and }") }
            return value
        }
        let unit = try hexadecimal(4)
        guard 0xD800...0xDBFF ~= unit, isNext("\\u") else { return unit }
        position += 2
        let second = try hexadecimal(4)
        guard 0xDC00...0xDFFF ~= second else { throw malformed("an escape of half a surrogate pair") }
        return 0x10000 + (unit & 0x3FF) << 10 + (second & 0x3FF)
    }

    private mutating func hexadecimal(_ count: Int) throws(ConstraintError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = next.flatMap(Self.hexadecimalValue) else {
                throw malformed("an escape needs \(count) hexadecimal digits")
            }
            value = value * 16 + digit
            position += 1
        }
        return value
    }

    static func hexadecimalValue(_ scalar: Unicode.Scalar) -> UInt32? {
        switch scalar {
        case "0"..."9": scalar.value - 0x30
        case "a"..."f": scalar.value - 0x61 + 10
        case "A"..."F": scalar.value - 0x41 + 10
        default: nil
        }
    }
}

extension ScalarSet {
    /// The scalar of a set of one; nil for any other set.
    fileprivate var onlyScalar: UInt32? {
        guard ranges.count == 1, let range = ranges.first, range.count == 1 else { return nil }
        return range.lowerBound
    }
}
