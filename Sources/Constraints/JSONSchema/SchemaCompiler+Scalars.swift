import StrictJSON

// Strings and numbers.

extension SchemaCompiler {
    /// Longer strings are never written where the length has a limit.
    private static let greatestLength = 1 << 14

    mutating func string(_ schema: SchemaObject) throws(ConstraintError) -> Expression {
        let minimum = try schema.count("minLength") ?? 0
        var maximum = try schema.count("maxLength")
        if let limit = maximum {
            if limit < minimum { throw .unsatisfiable(at: schema.place("maxLength")) }
            maximum = min(limit, max(minimum, Self.greatestLength))
        }
        guard let content = try content(schema) else {
            return json.inQuotes(json.characters(minimum: minimum, maximum: maximum))
        }
        guard minimum > 0 || maximum != nil else { return json.inQuotes(content.quoted) }
        return json.inQuotes(.counted(content.quoted, minimum: minimum, maximum: maximum))
    }

    /// What `pattern` or `format` allows; nil without them.
    private func content(_ schema: SchemaObject) throws(ConstraintError) -> Expression? {
        let pattern = try schema.string("pattern")
        guard let format = try schema.string("format") else {
            guard let pattern else { return nil }
            do throws(ConstraintError) {
                return try RegularExpressionParser.containing(pattern)
            } catch { throw error.within(schema.place("pattern")) }
        }
        guard pattern == nil else { throw schema.unsupported("format beside pattern", "format") }
        guard let known = Self.formats[format] else { throw schema.unsupported("the format \(format)", "format") }
        return try RegularExpressionParser.whole(known)
    }

    /// Formats as patterns. Dates and times: RFC 3339, section 5.6, without leap seconds, in the years 1000 to 9999.
    private static let formats: [String: String] = {
        let leapYear = "[1-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00"
        let date =
            "([1-9][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
            + "|02-(0[1-9]|1[0-9]|2[0-8]))|(\(leapYear))-02-29)"
        let time = #"([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"#
        let byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
        return [
            "date": date, "time": time, "date-time": "\(date)T\(time)",
            "uuid": "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "ipv4": #"\#(byte)(\.\#(byte)){3}"#,
        ]
    }()

    // MARK: Numbers

    /// A number, or a whole number.
    func number(_ schema: SchemaObject, isWhole: Bool) throws(ConstraintError) -> Expression {
        let divisor = try divisor(schema)
        // A multiple of a whole number is written as one.
        let isWhole = isWhole || schema["multipleOf"] != nil
        let keywords = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
        let hasBounds = keywords.contains { schema[$0] != nil }
        guard hasBounds || divisor > 1 else { return isWhole ? JSONSyntax.integer : JSONSyntax.number }
        // The tighter of two bounds is the one that counts.
        var lower = try schema.number("minimum").map { ($0, false) }
        if let exclusive = try schema.number("exclusiveMinimum") {
            if lower.map({ $0.0.double <= exclusive.double }) ?? true { lower = (exclusive, true) }
        }
        var upper = try schema.number("maximum").map { ($0, false) }
        if let exclusive = try schema.number("exclusiveMaximum") {
            if upper.map({ $0.0.double >= exclusive.double }) ?? true { upper = (exclusive, true) }
        }
        if let lower, let upper {
            let (low, high) = (lower.0.double, upper.0.double)
            if low > high || low == high && (lower.1 || upper.1) { throw .unsatisfiable(at: schema.pointer) }
        }
        guard
            let range = isWhole
                ? DecimalRange.whole(lower, upper, divisor: divisor) : DecimalRange.real(lower, upper)
        else {
            throw .unsupported("a bound with so many digits", at: schema.pointer)
        }
        return .decimal(range)
    }

    private func divisor(_ schema: SchemaObject) throws(ConstraintError) -> Int {
        guard let number = try schema.number("multipleOf") else { return 1 }
        guard number.double > 0 else { throw schema.malformed("multipleOf", "more than 0") }
        guard let divisor = number.wholeNumber, divisor <= 1_000 else {
            throw schema.unsupported("multipleOf that isn't a whole number up to 1,000", "multipleOf")
        }
        return divisor
    }
}

extension ConstraintError {
    /// The same error in a part of a schema.
    fileprivate func within(_ pointer: String) -> ConstraintError {
        switch self {
        case .malformed(let place, let reason): .malformed(at: "\(pointer), \(place)", reason: reason)
        case .unsupported(let feature, let place): .unsupported(feature, at: "\(pointer), \(place)")
        default: self
        }
    }
}

extension DecimalRange {
    /// A bound of a schema, and whether it is left out.
    typealias Limit = (number: JSONNumber, isExclusive: Bool)

    /// Whole numbers of up to 18 digits; nil for a bound beyond them.
    static func whole(_ lower: Limit?, _ upper: Limit?, divisor: Int) -> DecimalRange? {
        let greatest = 999_999_999_999_999_999
        var (low, high) = (-greatest, greatest)
        if let lower {
            guard let whole = lower.number.rounded(.up) else { return nil }
            let isItself = lower.number.wholeNumber != nil
            low = isItself && lower.isExclusive ? whole + 1 : whole
        }
        if let upper {
            guard let whole = upper.number.rounded(.down) else { return nil }
            let isItself = upper.number.wholeNumber != nil
            high = isItself && upper.isExclusive ? whole - 1 : whole
        }
        return DecimalRange(
            lower: SignedBound(isNegative: low < 0, magnitude: Bound(whole: digits(low.magnitude))),
            upper: SignedBound(isNegative: high < 0, magnitude: Bound(whole: digits(high.magnitude))),
            fractionDigits: 0, divisor: divisor)
    }

    /// Numbers of about 15 digits, so that no two of them are the same `Double`; nil for a bound that needs more.
    static func real(_ lower: Limit?, _ upper: Limit?) -> DecimalRange? {
        var bounds: [SignedBound] = []
        for limit in [lower, upper].compactMap({ $0 }) {
            guard let bound = SignedBound(limit) else { return nil }
            bounds.append(bound)
        }
        // Where there is no bound: nine digits, or one more than the other bound has.
        let wholeDigits = bounds.map(\.magnitude.whole.count).max() ?? 0
        let free = Bound(whole: [UInt8](repeating: 9, count: max(9, wholeDigits + 1)))
        var rest = bounds[...]
        let low = lower == nil ? SignedBound(isNegative: true, magnitude: free) : rest.removeFirst()
        let high = upper == nil ? SignedBound(isNegative: false, magnitude: free) : rest.removeFirst()
        let longest = max(low.magnitude.whole.count, high.magnitude.whole.count)
        let needed = max(low.magnitude.fraction.count, high.magnitude.fraction.count)
        let fractionDigits = max(needed, min(10, 15 - longest))
        guard longest + fractionDigits <= 15 else { return nil }
        return DecimalRange(lower: low, upper: high, fractionDigits: fractionDigits, divisor: 1)
    }

    fileprivate static func digits(_ magnitude: UInt) -> [UInt8] {
        String(magnitude).utf8.map { $0 - UInt8(ascii: "0") }
    }
}

extension DecimalRange.SignedBound {
    /// A bound as its digits; nil for one with too many.
    fileprivate init?(_ limit: DecimalRange.Limit) {
        if let whole = limit.number.wholeNumber {
            isNegative = whole < 0
            magnitude = DecimalRange.Bound(
                whole: DecimalRange.digits(whole.magnitude), isExclusive: limit.isExclusive)
            return
        }
        // The shortest decimal that is this `Double`, such as 0.1, 2.5e-07 or 1e+20.
        let double = limit.number.double
        let parts = "\(abs(double))".split(separator: "e")
        let number = parts[0].split(separator: ".")
        guard let exponent = parts.count > 1 ? Int(parts[1]) : 0, abs(exponent) <= 20 else { return nil }
        var whole = number[0].utf8.map { $0 - UInt8(ascii: "0") }
        var fraction = number.count > 1 ? number[1].utf8.map { $0 - UInt8(ascii: "0") } : []
        for _ in 0..<max(exponent, 0) { whole.append(fraction.isEmpty ? 0 : fraction.removeFirst()) }
        for _ in 0..<max(-exponent, 0) { fraction.insert(whole.popLast() ?? 0, at: 0) }
        while whole.first == 0 { whole.removeFirst() }
        while fraction.last == 0 { fraction.removeLast() }
        isNegative = double < 0
        magnitude = DecimalRange.Bound(
            whole: whole.isEmpty ? [0] : whole, fraction: fraction, isExclusive: limit.isExclusive)
    }
}

extension JSONNumber {
    /// The nearest whole number in a direction, of up to 18 digits; nil beyond.
    fileprivate func rounded(_ rule: FloatingPointRoundingRule) -> Int? {
        let greatest = 999_999_999_999_999_999
        let whole: Int?
        if case .integer(let integer) = self {
            whole = integer
        } else {
            whole = abs(double) <= 0x1p53 ? Int(exactly: double.rounded(rule)) : nil
        }
        return whole.flatMap { -greatest...greatest ~= $0 ? $0 : nil }
    }
}
