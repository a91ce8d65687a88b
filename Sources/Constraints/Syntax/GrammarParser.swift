/// Reads grammars in GBNF, the notation of llama.cpp.
///
/// Source: the documentation of GBNF in llama.cpp, grammars/README.md.
struct GrammarParser {
    /// The most characters of a grammar.
    static let maximumLength = 1 << 20
    private static let maximumDepth = 100

    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private var rules = RuleSet()
    /// The number of each rule that has been named, and where it was named first.
    private var numbers: [String: (rule: Int, position: Int)] = [:]
    private var defined: Set<String> = []

    private init(_ grammar: String) { scalars = Array(grammar.unicodeScalars) }

    /// The rules of a grammar. The text is what the rule "root" describes.
    static func rules(_ grammar: String) throws(ConstraintError) -> RuleSet {
        var parser = GrammarParser(grammar)
        guard parser.scalars.count <= maximumLength else { throw .tooLarge(limit: maximumLength) }
        return try parser.read()
    }

    private mutating func read() throws(ConstraintError) -> RuleSet {
        skipSpace(acrossLines: true)
        while next != nil {
            try rule()
            skipSpace(acrossLines: true)
        }
        for (name, number) in numbers.sorted(by: { $0.value.position < $1.value.position })
        where !defined.contains(name) {
            position = number.position
            throw malformed("the rule \(name) isn't defined")
        }
        guard let root = numbers["root"] else { throw malformed("there is no rule root") }
        rules.set(RuleSet.root, to: .rule(root.rule))
        return rules
    }

    private mutating func rule() throws(ConstraintError) {
        let start = position
        guard let name = name() else { throw malformed("expected a rule's name") }
        guard defined.insert(name).inserted else {
            position = start
            throw malformed("the rule \(name) is defined twice")
        }
        skipSpace(acrossLines: false)
        guard isNext("::=") else { throw malformed("expected ::=") }
        position += 3
        skipSpace(acrossLines: true)
        let number = number(of: name, at: start)
        rules.set(number, to: try alternatives(isNested: false))
        skipSpace(acrossLines: false)
        if let next, !Self.isLineEnd(next) { throw malformed("expected the end of the rule") }
    }

    private mutating func number(of name: String, at position: Int) -> Int {
        if let known = numbers[name] { return known.rule }
        let rule = rules.reserve()
        rules.names[rule] = "the rule \(name)"
        numbers[name] = (rule, position)
        return rule
    }

    // MARK: Expressions

    private mutating func alternatives(isNested: Bool) throws(ConstraintError) -> Expression {
        var alternatives = [try sequence(isNested: isNested)]
        while skipToBar(isNested: isNested) { alternatives.append(try sequence(isNested: isNested)) }
        return .choice(alternatives)
    }

    /// Passes a `|`, which may stand on the next line.
    private mutating func skipToBar(isNested: Bool) -> Bool {
        let start = position
        skipSpace(acrossLines: true)
        if next == "|" {
            position += 1
            skipSpace(acrossLines: true)
            return true
        }
        if !isNested { position = start }
        return false
    }

    private mutating func sequence(isNested: Bool) throws(ConstraintError) -> Expression {
        var parts: [Expression] = []
        while true {
            skipSpace(acrossLines: isNested)
            let part: Expression
            switch next {
            case "\"": part = try literal()
            case "[": part = .scalars(try characterSet())
            case ".":
                position += 1
                part = .scalars(.all)
            case "(": part = try group()
            case "<", "!": throw .unsupported("a token in a grammar", at: place)
            default:
                let start = position
                guard let name = name() else { return .sequence(parts) }
                part = .rule(number(of: name, at: start))
            }
            parts.append(try repeated(part, isNested: isNested))
        }
    }

    private mutating func group() throws(ConstraintError) -> Expression {
        let start = position
        position += 1
        depth += 1
        guard depth <= Self.maximumDepth else { throw malformed("nested deeper than \(Self.maximumDepth) groups") }
        let inner = try alternatives(isNested: true)
        depth -= 1
        guard next == ")" else {
            position = next == nil ? start : position
            throw malformed("a ( without its )")
        }
        position += 1
        return inner
    }

    private mutating func repeated(_ part: Expression, isNested: Bool) throws(ConstraintError) -> Expression {
        var part = part
        var count = 0
        while true {
            skipSpace(acrossLines: isNested)
            switch next {
            case "*": part = .repeated(part, minimum: 0, maximum: nil)
            case "+": part = .repeated(part, minimum: 1, maximum: nil)
            case "?": part = .optional(part)
            case "{":
                let (minimum, maximum) = try braces()
                part = .repeated(part, minimum: minimum, maximum: maximum)
            default: return part
            }
            count += 1
            guard count <= Self.maximumDepth else { throw malformed("too many repetitions of repetitions") }
            position += 1
        }
    }

    /// Reads `{m}`, `{m,}`, `{,n}` or `{m,n}` up to the closing brace, which stays.
    private mutating func braces() throws(ConstraintError) -> (Int, Int?) {
        position += 1
        skipSpace(acrossLines: false)
        let least = try count()
        skipSpace(acrossLines: false)
        guard next == "," else {
            guard let least, next == "}" else { throw malformed("a repetition is {m}, {m,}, {,n} or {m,n}") }
            return (least, least)
        }
        position += 1
        skipSpace(acrossLines: false)
        let most = try count()
        skipSpace(acrossLines: false)
        guard next == "}", least != nil || most != nil else {
            throw malformed("a repetition is {m}, {m,}, {,n} or {m,n}")
        }
        if let most, most < least ?? 0 { throw malformed("a repetition's limits are in the wrong order") }
        return (least ?? 0, most)
    }

    private mutating func count() throws(ConstraintError) -> Int? {
        var count: Int?
        while let digit = next, ("0"..."9").contains(digit) {
            let value = (count ?? 0) * 10 + Int(digit.value - 0x30)
            guard value <= Constraint.maximumSize else {
                throw .tooLarge(limit: Constraint.maximumSize)
            }
            count = value
            position += 1
        }
        return count
    }

    // MARK: Characters

    private mutating func literal() throws(ConstraintError) -> Expression {
        let start = position
        position += 1
        var bytes: [UInt8] = []
        while next != "\"" {
            guard next != nil else {
                position = start
                throw malformed("a text without its closing quote")
            }
            bytes += Array(String(Character(try character())).utf8)
        }
        position += 1
        return .literal(bytes)
    }

    private mutating func characterSet() throws(ConstraintError) -> ScalarSet {
        let start = position
        position += 1
        let isNegated = next == "^"
        if isNegated { position += 1 }
        var ranges: [ClosedRange<UInt32>] = []
        while next != "]" {
            guard next != nil else {
                position = start
                throw malformed("a [ without its ]")
            }
            let low = try character()
            guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                ranges.append(low.value...low.value)
                continue
            }
            position += 1
            let high = try character()
            guard low <= high else { throw malformed("a range in the wrong order") }
            ranges.append(low.value...high.value)
        }
        position += 1
        let set = ScalarSet(ranges)
        return isNegated ? set.complement : set
    }

    /// A character, which may be an escape.
    private mutating func character() throws(ConstraintError) -> Unicode.Scalar {
        guard let scalar = next else { throw malformed("the grammar ends inside a text or a set") }
        position += 1
        guard scalar == "\\" else { return scalar }
        guard let escape = next else { throw malformed("a backslash at the end") }
        position += 1
        switch escape {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "\\", "\"", "[", "]": return escape
        case "x": return try hexadecimal(2)
        case "u": return try hexadecimal(4)
        case "U": return try hexadecimal(8)
        default: throw malformed("an unknown escape \\\(escape)")
        }
    }

    private mutating func hexadecimal(_ count: Int) throws(ConstraintError) -> Unicode.Scalar {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = next.flatMap(RegularExpressionParser.hexadecimalValue), value < 1 << 28 else {
                throw malformed("an escape needs \(count) hexadecimal digits")
            }
            value = value << 4 | digit
            position += 1
        }
        guard let scalar = Unicode.Scalar(value) else { throw malformed("an escape that is no character") }
        return scalar
    }

    // MARK: Reading

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private func isNext(_ text: String) -> Bool { scalars[position...].starts(with: text.unicodeScalars) }

    private static func isLineEnd(_ scalar: Unicode.Scalar) -> Bool { scalar == "\n" || scalar == "\r" }

    /// Skips spaces and comments, and also the ends of lines if asked.
    private mutating func skipSpace(acrossLines: Bool) {
        while let scalar = next {
            if scalar == "#" {
                while let scalar = next, !Self.isLineEnd(scalar) { position += 1 }
            } else if scalar == " " || scalar == "\t" || acrossLines && Self.isLineEnd(scalar) {
                position += 1
            } else {
                return
            }
        }
    }

    private mutating func name() -> String? {
        var name = ""
        while let scalar = next, scalar.isASCII,
            scalar == "-" || scalar == "_" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
        {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        return name.isEmpty ? nil : name
    }

    private var place: String {
        let before = scalars[..<position]
        let line = before.count { $0 == "\n" } + 1
        let column = before.count - (before.lastIndex(of: "\n").map { $0 + 1 } ?? 0) + 1
        return "line \(line), column \(column) of the grammar"
    }

    private func malformed(_ reason: String) -> ConstraintError { .malformed(at: place, reason: reason) }
}
