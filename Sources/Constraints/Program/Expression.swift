/// A set of texts, as a tree. Every source of a constraint becomes one, with rules where it is recursive.
indirect enum Expression: Sendable {
    /// The empty text.
    case empty
    /// No text.
    case nothing
    /// Exactly these bytes.
    case literal([UInt8])
    /// One character out of a set, in UTF-8.
    case scalars(ScalarSet)
    /// One character out of a set, as a JSON string spells it: quotes, backslashes and control characters are escaped.
    case quotedScalars(ScalarSet)
    /// One after another.
    case sequence([Expression])
    /// Any one of them.
    case choice([Expression])
    /// Any one of these texts. They share their beginnings.
    case texts([[UInt8]])
    /// So many times; without a maximum, any number of times.
    case repeated(Expression, minimum: Int, maximum: Int?)
    /// The texts of an expression without rules that have so many characters.
    case counted(Expression, minimum: Int, maximum: Int?)
    /// A rule's texts.
    case rule(Int)
    /// A number within bounds.
    case decimal(DecimalRange)

    /// A literal.
    static func literal(_ text: String) -> Expression { .literal(Array(text.utf8)) }

    /// The expression, or the empty text.
    static func optional(_ expression: Expression) -> Expression { .repeated(expression, minimum: 0, maximum: 1) }

    /// The same texts of characters, as a JSON string spells them.
    var quoted: Expression {
        switch self {
        case .scalars(let set): .quotedScalars(set)
        case .sequence(let parts): .sequence(parts.map(\.quoted))
        case .choice(let parts): .choice(parts.map(\.quoted))
        case .repeated(let body, let minimum, let maximum):
            .repeated(body.quoted, minimum: minimum, maximum: maximum)
        case .empty, .nothing, .literal, .quotedScalars, .texts, .counted, .rule, .decimal: self
        }
    }

    /// About how many instructions the expression takes, up to `limit`.
    func size(limit: Int) -> Int {
        switch self {
        case .empty, .nothing: return 0
        case .rule: return 1
        case .literal(let bytes): return bytes.count
        case .scalars(let set): return (set.ranges.last?.upperBound ?? 0) > 0x7F ? 8 : 1
        case .quotedScalars: return 8
        case .texts(let texts): return texts.reduce(0) { min(limit, $0 + $1.count) }
        case .decimal, .counted: return limit
        case .sequence(let parts), .choice(let parts):
            var size = 1
            for part in parts where size < limit { size += part.size(limit: limit) }
            return min(size, limit)
        case .repeated(let body, let minimum, let maximum):
            let copies = min(max(maximum ?? (min(minimum, limit) + 1), 1), limit)
            return min(limit, copies * (1 + body.size(limit: limit)))
        }
    }
}

/// Expressions that refer to one another by number. The first is the whole text.
struct RuleSet: Sendable {
    /// The expression of each rule; nil until it is known.
    private(set) var rules: [Expression?] = [nil]

    /// What people call some of the rules, for errors.
    var names: [Int: String] = [:]

    /// The rule of the whole text.
    static let root = 0

    /// A new rule, to be set later.
    mutating func reserve() -> Int {
        rules.append(nil)
        return rules.count - 1
    }

    /// A new rule.
    mutating func add(_ expression: Expression) -> Int {
        rules.append(expression)
        return rules.count - 1
    }

    mutating func set(_ rule: Int, to expression: Expression) { rules[rule] = expression }

    /// The expression itself where it is small, or a rule for it, so that using it often costs little.
    mutating func shared(_ expression: Expression) -> Expression {
        expression.size(limit: 9) < 9 ? expression : .rule(add(expression))
    }
}
