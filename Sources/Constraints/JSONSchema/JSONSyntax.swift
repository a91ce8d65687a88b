import StrictJSON

/// The parts of JSON's grammar (RFC 8259) as expressions.
enum JSONSyntax {
    /// What a string can only hold as an escape.
    static let escapedScalars = ScalarSet([0x00...0x1F, 0x22...0x22, 0x5C...0x5C])

    /// The shortest escape of a scalar below U+0080.
    static func escape(_ scalar: UInt32) -> [UInt8] {
        let short: String? =
            switch scalar {
            case 0x22: "\\\""
            case 0x5C: "\\\\"
            case 0x08: "\\b"
            case 0x0C: "\\f"
            case 0x0A: "\\n"
            case 0x0D: "\\r"
            case 0x09: "\\t"
            default: nil
            }
        if let short { return Array(short.utf8) }
        let digits = String(scalar, radix: 16)
        return Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
    }

    /// A string as JSON spells it, with its quotes.
    static func quoted(_ text: some Sequence<UInt8>) -> [UInt8] {
        var quoted: [UInt8] = [0x22]
        for byte in text {
            // All that is escaped is ASCII.
            if byte < 0x80, escapedScalars.contains(UInt32(byte)) {
                quoted += escape(UInt32(byte))
            } else {
                quoted.append(byte)
            }
        }
        return quoted + [0x22]
    }

    /// A character of a string, with all the ways to spell it: itself, a short escape, `\u` with four digits, or two of
    /// those for one character beyond U+FFFF.
    static let character: Expression = {
        func digits(_ ranges: [ClosedRange<UInt32>]) -> Expression { .scalars(ScalarSet(ranges)) }
        let digit = digits([0x30...0x39, 0x41...0x46, 0x61...0x66])
        let d = digits([0x44...0x44, 0x64...0x64])
        let notD = digits([0x30...0x39, 0x41...0x43, 0x45...0x46, 0x61...0x63, 0x65...0x66])
        let highHalf = digits([0x38...0x39, 0x41...0x42, 0x61...0x62])
        let lowHalf = digits([0x43...0x46, 0x63...0x66])
        let unit: Expression = .choice([
            .sequence([notD, digit, digit, digit]), .sequence([d, digits([0x30...0x37]), digit, digit]),
            .sequence([d, highHalf, digit, digit, .literal("\\u"), d, lowHalf, digit, digit]),
        ])
        return .choice([
            .scalars(escapedScalars.complement),
            .sequence([
                .literal("\\"),
                .choice([.scalars(ScalarSet("\"\\/bfnrt".unicodeScalars)), .sequence([.literal("u"), unit])]),
            ]),
        ])
    }()

    private static let digit = Expression.scalars(ScalarSet([0x30...0x39]))
    private static let firstDigit = Expression.scalars(ScalarSet([0x31...0x39]))

    /// A whole number of up to 18 digits, so that 64 bits hold it. -0 is left out.
    static let integer: Expression = .choice([
        .literal("0"),
        .sequence([.optional(.literal("-")), firstDigit, .repeated(digit, minimum: 0, maximum: 17)]),
    ])

    /// A number of up to 15 digits before the point, 15 after it and 2 in the exponent, so that a `Double` can hold it.
    static let number: Expression = .sequence([
        .optional(.literal("-")),
        .choice([.literal("0"), .sequence([firstDigit, .repeated(digit, minimum: 0, maximum: 14)])]),
        .optional(.sequence([.literal("."), .repeated(digit, minimum: 1, maximum: 15)])),
        .optional(
            .sequence([
                .scalars(ScalarSet("eE".unicodeScalars)), .optional(.scalars(ScalarSet("+-".unicodeScalars))),
                .repeated(digit, minimum: 1, maximum: 2),
            ])),
    ])
}

/// Rules for JSON values with one style of white space.
struct JSONRules {
    let whitespace: Constraint.Whitespace
    var rules = RuleSet()
    /// Whether an object has keys that aren't listed.
    private(set) var hasFreeKeys = false
    private var characterRule: Int?
    private var valueRule: Int?
    private var spaceRule: Int?

    init(_ whitespace: Constraint.Whitespace) { self.whitespace = whitespace }

    /// What may stand within brackets at their ends.
    mutating func padding() -> Expression {
        guard whitespace == .flexible else { return .empty }
        if let spaceRule { return .rule(spaceRule) }
        let indentation: Expression = .choice([
            .repeated(.literal(" "), minimum: 0, maximum: 32), .repeated(.literal("\t"), minimum: 1, maximum: 8),
        ])
        let rule = rules.add(
            .optional(.choice([.literal(" "), .sequence([.literal("\n"), indentation])])))
        spaceRule = rule
        return .rule(rule)
    }

    /// What stands between elements or members.
    mutating func comma() -> Expression {
        switch whitespace {
        case .compact: .literal(",")
        case .spaced: .literal(", ")
        case .flexible: .sequence([.literal(","), padding()])
        }
    }

    /// What stands between a key and its value.
    mutating func colon() -> Expression {
        switch whitespace {
        case .compact: .literal(":")
        case .spaced: .literal(": ")
        case .flexible: .sequence([.literal(":"), .optional(.literal(" "))])
        }
    }

    /// Characters of a string without its quotes, spelled in any way.
    mutating func characters(minimum: Int, maximum: Int?) -> Expression {
        let rule = characterRule ?? rules.add(JSONSyntax.character)
        characterRule = rule
        return .repeated(.rule(rule), minimum: minimum, maximum: maximum)
    }

    /// An expression in quotes.
    func inQuotes(_ expression: Expression) -> Expression { .sequence([.literal("\""), expression, .literal("\"")]) }

    /// An array.
    ///
    /// - Parameters:
    ///   - first: The elements at the beginning, each with its own expression. At least `minimum` of them are there.
    ///   - rest: The elements after them; nil: none.
    mutating func array(first: [Expression], rest: Expression?, minimum: Int, maximum: Int?) -> Expression {
        if rest == nil, minimum > first.count { return .nothing }
        let comma = comma()
        var elements: Expression = .empty
        if let rest {
            // How many may follow those at the beginning.
            let least = max(0, minimum - first.count)
            let most = maximum.map { max(0, $0 - first.count) }
            let element = rules.shared(rest)
            let following: Expression = .sequence([comma, element])
            if !first.isEmpty {
                elements = .repeated(following, minimum: least, maximum: most)
            } else if most != 0 {
                elements = .sequence([
                    element, .repeated(following, minimum: max(0, least - 1), maximum: most.map { $0 - 1 }),
                ])
                if least == 0 { elements = .optional(elements) }
            }
        }
        for index in first.indices.reversed() {
            guard maximum.map({ index < $0 }) ?? true else {
                elements = .empty
                continue
            }
            elements = .sequence([index == 0 ? .empty : comma, first[index], elements])
            if index >= minimum { elements = .optional(elements) }
        }
        return .sequence([.literal("["), padding(), elements, padding(), .literal("]")])
    }

    /// Any value.
    mutating func anyValue() -> Expression {
        if let valueRule { return .rule(valueRule) }
        let rule = rules.reserve()
        valueRule = rule
        let string = inQuotes(characters(minimum: 0, maximum: nil))
        let value: Expression = .choice([
            anyObject(), array(first: [], rest: .rule(rule), minimum: 0, maximum: nil), string, JSONSyntax.number,
            .texts(["true", "false", "null"].map { Array($0.utf8) }),
        ])
        rules.set(rule, to: value)
        return .rule(rule)
    }

    private mutating func anyObject() -> Expression {
        let key = inQuotes(.repeated(.quotedScalars(.all), minimum: 0, maximum: nil))
        return object([], extra: .sequence([key, colon(), anyValue()]), minimumExtra: 0, maximumExtra: nil)
    }

    /// An object.
    ///
    /// - Parameters:
    ///   - members: The known members in their order: key, colon and value, and whether each has to be there.
    ///   - extra: A member with another key; nil: none.
    mutating func object(
        _ members: [(expression: Expression, isRequired: Bool)], extra: Expression?, minimumExtra: Int,
        maximumExtra: Int?
    ) -> Expression {
        let comma = comma()
        // What follows once a member has been written, and the same before the first one.
        var following: Expression = .empty
        var beginning: Expression = .empty
        if let extra, maximumExtra != 0 {
            hasFreeKeys = true
            let extra = rules.shared(extra)
            let more: Expression = .sequence([comma, extra])
            following = .repeated(more, minimum: minimumExtra, maximum: maximumExtra)
            beginning = .sequence([
                extra,
                .repeated(more, minimum: max(0, minimumExtra - 1), maximum: maximumExtra.map { $0 - 1 }),
            ])
            if minimumExtra == 0 { beginning = .optional(beginning) }
        }
        for (expression, isRequired) in members.reversed() {
            let member = rules.shared(expression)
            let rest = rules.shared(following)
            let first: Expression = .sequence([member, rest])
            beginning = isRequired ? first : .choice([first, rules.shared(beginning)])
            let next: Expression = .sequence([comma, member])
            following = .sequence([isRequired ? next : .optional(next), rest])
        }
        return .sequence([.literal("{"), padding(), beginning, padding(), .literal("}")])
    }

    /// A value that is known.
    func text(of value: JSONValue) -> [UInt8] {
        let (comma, colon) = whitespace == .spaced ? (", ", ": ") : (",", ":")
        switch value {
        case .null: return Array("null".utf8)
        case .bool(let bool): return Array((bool ? "true" : "false").utf8)
        case .number(.integer(let integer)): return Array("\(integer)".utf8)
        case .number(.unsigned(let integer)): return Array("\(integer)".utf8)
        case .number(.real(let real)): return Array("\(real)".utf8)
        case .string(let bytes): return JSONSyntax.quoted(bytes)
        case .array(let elements):
            return Array("[".utf8) + elements.map { text(of: $0) }.joined(separator: comma.utf8) + Array("]".utf8)
        case .object(let members):
            let texts = members.map { JSONSyntax.quoted($0.key) + Array(colon.utf8) + text(of: $0.value) }
            return Array("{".utf8) + texts.joined(separator: comma.utf8) + Array("}".utf8)
        }
    }
}
