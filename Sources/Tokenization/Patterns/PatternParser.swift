/// Reads the regular expressions of tokenizer.json.
///
/// It knows what the pre-tokenizers of the model families use: alternatives, groups, `(?i:…)`, look-ahead, anchors, sets
/// with ranges, `\p{…}`, `\s`, `\d`, `\w` and their opposites, greedy and lazy quantifiers, and possessive ones of single
/// scalars. It refuses everything else, such as look-behind, references to groups, and sets within sets.
/// Syntax: Oniguruma's, which the `tokenizers` package uses.
struct PatternParser {
    /// Patterns with more groups or of greater length are refused: groups within groups recurse here, and a hostile file
    /// could exhaust the stack.
    private static let maximumGroupCount = 32
    private static let maximumLength = 4_000
    /// More repetitions are refused. The patterns in use count to three, few to 512.
    private static let maximumCount = 1000

    private let source: [Unicode.Scalar]
    private var position = 0
    private var groupCount = 0

    private init(_ source: [UInt8]) {
        self.source = Array(source.text.unicodeScalars)
    }

    /// The alternatives of a pattern; nil when it holds anything that is not known here.
    static func parse(_ source: [UInt8]) -> [[PatternSyntax]]? {
        guard source.count <= maximumLength else { return nil }
        var parser = PatternParser(source)
        guard let alternatives = parser.alternatives(ignoringCase: false), parser.position == parser.source.count else {
            return nil
        }
        return alternatives
    }

    private func peek(_ offset: Int = 0) -> Unicode.Scalar? {
        position + offset < source.count ? source[position + offset] : nil
    }

    private mutating func next() -> Unicode.Scalar? {
        guard let scalar = peek() else { return nil }
        position += 1
        return scalar
    }

    private mutating func skip(_ text: String) -> Bool {
        guard source[position...].starts(with: text.unicodeScalars) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    private mutating func alternatives(ignoringCase: Bool) -> [[PatternSyntax]]? {
        var alternatives: [[PatternSyntax]] = []
        repeat {
            var sequence: [PatternSyntax] = []
            while let scalar = peek(), scalar != "|", scalar != ")" {
                guard let item = item(ignoringCase: ignoringCase) else { return nil }
                sequence.append(item)
            }
            alternatives.append(sequence)
        } while skip("|")
        return alternatives
    }

    private mutating func item(ignoringCase: Bool) -> PatternSyntax? {
        if skip("(?!") { return lookahead(isNegative: true, ignoringCase: ignoringCase) }
        if skip("(?=") { return lookahead(isNegative: false, ignoringCase: ignoringCase) }
        if skip("(?:") { return group(ignoringCase: ignoringCase) }
        if skip("(?i:") { return group(ignoringCase: true) }
        if peek() == "(", peek(1) != "?" {
            position += 1
            return group(ignoringCase: ignoringCase)
        }
        if let anchor = anchor() { return isQuantifier(peek()) ? nil : .anchor(anchor) }
        guard let set = set(ignoringCase: ignoringCase) else { return nil }
        return quantified(set)
    }

    private mutating func anchor() -> PatternAnchor? {
        let anchors: [(String, PatternAnchor)] = [
            ("^", .startOfLine), ("$", .endOfLine), (#"\A"#, .startOfText), (#"\z"#, .endOfText),
            (#"\Z"#, .endOfLastLine), (#"\b"#, .wordBoundary), (#"\B"#, .noWordBoundary),
        ]
        for (text, anchor) in anchors where skip(text) { return anchor }
        return nil
    }

    private mutating func enclosed(ignoringCase: Bool) -> [[PatternSyntax]]? {
        groupCount += 1
        guard groupCount <= Self.maximumGroupCount, let alternatives = alternatives(ignoringCase: ignoringCase),
            skip(")")
        else { return nil }
        return alternatives
    }

    private mutating func lookahead(isNegative: Bool, ignoringCase: Bool) -> PatternSyntax? {
        guard let alternatives = enclosed(ignoringCase: ignoringCase), !isQuantifier(peek()) else { return nil }
        if alternatives.count == 1, alternatives[0].count == 1, case .repeated(let set, 1, 1, _) = alternatives[0][0] {
            return .lookahead(set, isNegative: isNegative)
        }
        return .groupAhead(alternatives, isNegative: isNegative)
    }

    private mutating func group(ignoringCase: Bool) -> PatternSyntax? {
        guard let alternatives = enclosed(ignoringCase: ignoringCase) else { return nil }
        guard isQuantifier(peek()) else { return .group(alternatives) }
        guard let quantifier = quantifier(), quantifier.preference != .possessive, !quantifier.isRepeated else {
            return nil
        }
        // Matching could go round in circles.
        if quantifier.maximum == .max, PatternSyntax.minimumLength(alternatives) == 0 { return nil }
        return .repeatedGroup(
            alternatives, minimum: quantifier.minimum, maximum: quantifier.maximum,
            isLazy: quantifier.preference == .lazy)
    }
}

// MARK: - Quantifiers

extension PatternParser {
    private struct Quantifier {
        var minimum: Int
        var maximum: Int
        var preference = PatternSyntax.Preference.greedy
        /// Whether the repetitions are repeated once or more: `{2,3}+`.
        var isRepeated = false
    }

    private func isQuantifier(_ scalar: Unicode.Scalar?) -> Bool {
        scalar == "?" || scalar == "*" || scalar == "+" || scalar == "{"
    }

    private mutating func quantified(_ set: ScalarSet) -> PatternSyntax? {
        guard isQuantifier(peek()) else { return .repeated(set, minimum: 1, maximum: 1, .greedy) }
        guard let quantifier = quantifier() else { return nil }
        let repeated = PatternSyntax.repeated(
            set, minimum: quantifier.minimum, maximum: quantifier.maximum, quantifier.preference)
        guard quantifier.isRepeated else { return repeated }
        guard quantifier.minimum > 0 else { return nil }
        return .repeatedGroup([[repeated]], minimum: 1, maximum: .max, isLazy: false)
    }

    private mutating func quantifier() -> Quantifier? {
        var quantifier: Quantifier
        if peek() == "{" {
            guard let counts = counts() else { return nil }
            quantifier = counts
            // Oniguruma reads a plus sign after counts as a second quantifier, and a question mark after a single one.
            if skip("+") {
                quantifier.isRepeated = true
            } else if quantifier.minimum < quantifier.maximum, skip("?") {
                quantifier.preference = .lazy
            }
        } else {
            if skip("?") {
                quantifier = Quantifier(minimum: 0, maximum: 1)
            } else if skip("*") {
                quantifier = Quantifier(minimum: 0, maximum: .max)
            } else {
                position += 1
                quantifier = Quantifier(minimum: 1, maximum: .max)
            }
            if skip("+") { quantifier.preference = .possessive } else if skip("?") { quantifier.preference = .lazy }
        }
        return isQuantifier(peek()) ? nil : quantifier
    }

    /// `{2}`, `{2,}`, `{2,3}` or `{,3}`.
    private mutating func counts() -> Quantifier? {
        guard skip("{") else { return nil }
        let minimum = number()
        var maximum = minimum
        if skip(",") {
            maximum = number()
            guard minimum != nil || maximum != nil else { return nil }
            if maximum == nil { maximum = .max }
        }
        let lower = minimum ?? 0
        guard let maximum, skip("}"), lower <= maximum, maximum > 0, lower <= Self.maximumCount,
            maximum == .max || maximum <= Self.maximumCount
        else { return nil }
        return Quantifier(minimum: lower, maximum: maximum)
    }

    /// Nil where there are no digits. All numbers that are too large are the same one.
    private mutating func number() -> Int? {
        var digits = ""
        while let scalar = peek(), ("0"..."9").contains(scalar) {
            digits.unicodeScalars.append(scalar)
            position += 1
        }
        if digits.isEmpty { return nil }
        return min(Int(digits) ?? .max, Self.maximumCount + 1)
    }
}

// MARK: - Sets

extension PatternParser {
    private mutating func set(ignoringCase: Bool) -> ScalarSet? {
        switch peek() {
        case "[":
            position += 1
            return bracketed(ignoringCase: ignoringCase)
        case ".":
            position += 1
            return ScalarSet([.scalars(0x0A...0x0A)], isInverted: true)
        case "\\":
            return member(ignoringCase: ignoringCase).map { ScalarSet($0) }
        case nil, "(", ")", "|", "?", "*", "+", "{", "^", "$":
            return nil
        default:
            return member(ignoringCase: ignoringCase).map { ScalarSet($0) }
        }
    }

    private mutating func bracketed(ignoringCase: Bool) -> ScalarSet? {
        let isInverted = skip("^")
        var members: [ScalarSet.Member] = []
        while let scalar = peek(), scalar != "]" {
            // Sets within sets, and their intersections.
            guard scalar != "[", scalar != "&" || peek(1) != "&" else { return nil }
            guard let first = member(ignoringCase: ignoringCase) else { return nil }
            guard peek() == "-", peek(1) != "]" else {
                members += first
                continue
            }
            position += 1
            guard let last = member(ignoringCase: ignoringCase), case .scalars(let low)? = first.first,
                case .scalars(let high)? = last.first, first.count == 1, last.count == 1, low.count == 1,
                high.count == 1, low.lowerBound <= high.lowerBound
            else { return nil }
            members.append(.scalars(low.lowerBound...high.lowerBound))
        }
        guard !members.isEmpty, skip("]") else { return nil }
        return ScalarSet(members, isInverted: isInverted)
    }

    /// A character, with its other cases when they are to be ignored, or an escape.
    private mutating func member(ignoringCase: Bool) -> [ScalarSet.Member]? {
        guard let scalar = next() else { return nil }
        guard scalar == "\\" else { return literal(scalar, ignoringCase: ignoringCase) }
        guard let escape = next() else { return nil }
        switch escape {
        case "r": return literal("\r", ignoringCase: false)
        case "n": return literal("\n", ignoringCase: false)
        case "t": return literal("\t", ignoringCase: false)
        case "s": return [.whitespace(true)]
        case "S": return [.whitespace(false)]
        case "w": return [.word(true)]
        case "W": return [.word(false)]
        case "d": return GeneralCategories.mask(name: "Nd").map { [.categories($0)] }
        case "D": return GeneralCategories.mask(name: "Nd").map { [.categories(GeneralCategories.all & ~$0)] }
        case "p": return property().map { [.categories($0)] }
        case "P": return property().map { [.categories(GeneralCategories.all & ~$0)] }
        case _ where escape.isASCII && !escape.properties.isAlphabetic && !("0"..."9").contains(escape):
            return literal(escape, ignoringCase: false)
        default: return nil
        }
    }

    /// `{L}` or `{^L}` after `\p`.
    private mutating func property() -> UInt32? {
        guard skip("{") else { return nil }
        let isNegative = skip("^")
        var name = ""
        while let scalar = peek(), scalar != "}" {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard skip("}"), let mask = GeneralCategories.mask(name: name) else { return nil }
        return isNegative ? GeneralCategories.all & ~mask : mask
    }

    /// Case is ignored among ASCII letters and the other letters that fold to one: ſ is an s, and the Kelvin sign is a k.
    private func literal(_ scalar: Unicode.Scalar, ignoringCase: Bool) -> [ScalarSet.Member]? {
        guard ignoringCase else { return [.scalars(scalar.value...scalar.value)] }
        guard scalar.isASCII else { return nil }
        guard scalar.properties.isAlphabetic else { return [.scalars(scalar.value...scalar.value)] }
        let lowercase = scalar.value | 0x20
        var cases = [lowercase, lowercase & ~0x20]
        if lowercase == 0x73 { cases.append(0x17F) }
        if lowercase == 0x6B { cases.append(0x212A) }
        return cases.map { .scalars($0...$0) }
    }
}
