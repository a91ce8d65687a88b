import Foundation

/// The names of filters.
enum JinjaFilters {
    /// Filters of Jinja that chat templates have no use for. A template that uses one is refused when it is parsed.
    static let unsupported: Set<String> = [
        "filesizeformat", "format", "pprint", "random", "striptags", "urlencode", "urlize", "wordwrap", "xmlattr",
    ]
}

/// Filters of texts and numbers.
extension JinjaInterpreter {
    func filter(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaValue {
        switch name {
        case "default", "d": return try defaulted(value, arguments)
        case "tojson": return .text(try json(value, arguments))
        case "length", "count":
            guard let length = length(of: value) else { throw failure("a \(value.typeName) has no length") }
            return .integer(length)
        case "string": return .text(try text(of: value))
        case "trim":
            let set = try text(try bind(arguments, to: name, ["chars"])[0], name)
            return try changed(value) { $0.stripped(set) }
        case "upper": return try changed(value, name, arguments) { $0.uppercased }
        case "lower": return try changed(value, name, arguments) { $0.lowercased }
        case "capitalize": return try changed(value, name, arguments) { $0.capitalized }
        case "title": return try changed(value, name, arguments) { $0.titledByWords }
        case "safe":
            return try changed(value, name, arguments) { text in
                var safe = text
                safe.isMarkup = true
                return safe
            }
        case "escape", "e": return try changed(value, name, arguments) { $0.escapedForHTML }
        case "forceescape":
            return try changed(value, name, arguments) { text in
                var plain = text
                plain.isMarkup = false
                return plain.escapedForHTML
            }
        case "replace": return try replaced(value, arguments)
        case "indent": return try indented(value, arguments)
        case "truncate": return try truncated(value, arguments)
        case "center":
            let width = try integer(try bind(arguments, to: name, ["width"])[0], name) ?? 80
            return .text(try padded(try text(of: value), to: width, with: JinjaText(" "), .center))
        case "wordcount":
            let text = try text(of: value)
            try study(text.count)
            let starts = text.scalars.indices.filter { index in
                text.scalars[index].isPythonWord && (index == 0 || !text.scalars[index - 1].isPythonWord)
            }
            return .integer(starts.count)
        case "int": return try wholeNumber(value, arguments)
        case "float":
            let standard = try bind(arguments, to: name, ["default"])[0] ?? .float(0)
            return try floatingNumber(value).map { .float($0) } ?? standard
        case "abs": return try absolute(value)
        case "round": return try rounded(value, arguments)
        case "attr":
            guard let text = try bind(arguments, to: name, ["name"], required: 1)[0]?.text else {
                throw failure("attr needs a string")
            }
            let attribute = try self.name(text)
            // Only what `.` finds before it looks for an item.
            if case .dictionary = value, !JinjaMethods.ofDictionaries.contains(attribute) {
                return .undefined("a dict has no \(attribute.shortened(to: 60))")
            }
            return try self.attribute(attribute, of: value)
        default: return try sequenceFilter(name, value, arguments)
        }
    }

    /// Changes a text, which may make it three times as long.
    private func changed(
        _ value: JinjaValue, _ name: String = "", _ arguments: JinjaArguments = JinjaArguments(),
        _ change: (JinjaText) -> JinjaText
    ) throws(JinjaError) -> JinjaValue {
        _ = try bind(arguments, to: name, [])
        let text = try text(of: value)
        try make(text.count)
        try study(name.isEmpty ? text.count / 8 : text.count)
        var result = change(text)
        if name != "title" { result.isMarkup = result.isMarkup || text.isMarkup }
        try make(max(0, result.count - text.count))
        return .text(result)
    }

    private func defaulted(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "default", ["default_value", "boolean"])
        let isMissing = value.isUndefined || values[1]?.isTrue == true && !value.isTrue
        return isMissing ? values[0] ?? JinjaValue("") : value
    }

    private func replaced(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "replace", ["old", "new", "count"], required: 2)
        return .text(
            try replaced(
                try text(of: value).plain, try text(of: values[0] ?? .null), try text(of: values[1] ?? .null),
                try integer(values[2], "replace")))
    }

    /// Replaces, after counting what that makes.
    func replaced(
        _ text: JinjaText, _ old: JinjaText, _ new: JinjaText, _ count: Int?
    ) throws(JinjaError) -> JinjaText {
        try scan(text.count + old.count)
        let maximum = count.map { $0 < 0 ? Int.max : $0 } ?? .max
        let occurrences = min(text.occurrences(of: old, in: 0..<text.count), maximum)
        if occurrences == 0 { return text }
        try make(text.count)
        try make(size(new.size, times: occurrences))
        return text.replacing(old, with: new, maximumCount: maximum)
    }

    private func indented(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "indent", ["width", "first", "blank"])
        guard let text = value.text else { throw failure("indent needs a string, not a \(value.typeName)") }
        var indentation = JinjaText(String(repeating: " ", count: 4))
        if let given = values[0]?.text {
            indentation = given
        } else if let width = try integer(values[0], "indent") {
            try make(max(width, 0))
            indentation = JinjaText(String(repeating: " ", count: max(width, 0)))
        }
        var whole = text
        whole.append("\n")
        let lines = whole.lines(keepingEnds: false)
        try make(text.count + size(indentation.count + 1, times: lines.count))
        var result = JinjaText()
        if values[1]?.isTrue == true { result.append(indentation) }
        for (index, line) in lines.enumerated() {
            if index > 0 {
                result.append("\n")
                if !line.isEmpty || values[2]?.isTrue == true { result.append(indentation) }
            }
            result.append(line)
        }
        result.isMarkup = text.isMarkup
        return .text(result)
    }

    private func truncated(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "truncate", ["length", "killwords", "end", "leeway"])
        let length = try integer(values[0], "truncate") ?? 255
        let end = try self.text(values[2], "truncate") ?? JinjaText("...")
        let leeway = try integer(values[3], "truncate") ?? 5
        guard length >= end.count, leeway >= 0 else { throw failure("truncate has lengths that can't be") }
        // Python asks for the length of anything first.
        if let count = self.length(of: value), count - leeway <= length { return value }
        guard let text = value.text else { throw failure("truncate needs a string, not a \(value.typeName)") }
        try make(length)
        var kept = text[0..<(length - end.count)]
        if values[1]?.isTrue != true {
            kept = kept.splitFromEnd(at: JinjaText(" "), maximumCuts: 1).first ?? kept
        }
        kept.append(text.isMarkup ? end.escapedForHTML : end)
        kept.isMarkup = text.isMarkup
        return .text(kept)
    }

    enum Alignment { case left, right, center }

    /// A text made so wide, as Python's `ljust`, `rjust` and `center` do it.
    func padded(
        _ text: JinjaText, to width: Int, with filler: JinjaText, _ alignment: Alignment
    ) throws(JinjaError) -> JinjaText {
        guard filler.count == 1 else { throw failure("the filler isn't one character") }
        guard width > text.count else { return text }
        try make(width)
        let missing = width - text.count
        let left =
            switch alignment {
            case .left: 0
            case .right: missing
            // Python puts the odd one left where the width is odd.
            case .center: missing / 2 + (missing & width & 1)
            }
        var result = try repeated(filler, left)
        result.append(text)
        result.append(try repeated(filler, missing - left))
        result.isMarkup = text.isMarkup
        return result
    }
}

// MARK: - Numbers

extension JinjaInterpreter {
    private func wholeNumber(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "int", ["default", "base"])
        let standard = values[0] ?? .integer(0)
        let base = try integer(values[1], "int") ?? 10
        if case .undefined(let reason) = value { throw failure(reason) }
        if let integer = value.integer { return .integer(integer) }
        if let text = value.text {
            guard base == 10 || (2...36).contains(base) else { throw unsupported("the base \(base) of int") }
            try study(text.count)
            if let number = wholeNumber(text, base: base) { return .integer(number) }
        }
        guard let number = try floatingNumber(value), number.isFinite else { return standard }
        guard let integer = Int(exactly: number.rounded(.towardZero)) else {
            throw limit("an integer doesn't fit 64 bits")
        }
        return .integer(integer)
    }

    private func wholeNumber(_ text: JinjaText, base: Int) -> Int? {
        // Python reads at most so many digits.
        guard text.count <= 4_300 else { return nil }
        var bytes: [UInt8] = []
        for scalar in text.stripped(nil).scalars {
            if scalar.isASCII {
                bytes.append(UInt8(ascii: scalar))
            } else if let digit = scalar.decimalDigit {
                bytes.append(UInt8(ascii: "0") + UInt8(digit))
            } else {
                return nil
            }
        }
        let sign = bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+") ? bytes[..<1] : []
        var digits = bytes[sign.count...]
        for (letter, radix) in [("x", 16), ("o", 8), ("b", 2)] where radix == base {
            if digits.prefix(2).text.lowercased() == "0" + letter { digits = digits.dropFirst(2) }
        }
        guard let plain = Self.withoutUnderscores(digits), plain.first?.isASCIILetterOrDigit == true else { return nil }
        return Int((sign + plain).text, radix: base)
    }

    /// The number that Python's `float` makes of a value; nil where it fails.
    private func floatingNumber(_ value: JinjaValue) throws(JinjaError) -> Double? {
        if case .undefined(let reason) = value { throw failure(reason) }
        if let float = value.float { return float }
        guard let text = value.text else { return nil }
        try study(text.count)
        var bytes: [UInt8] = []
        for scalar in text.stripped(nil).scalars {
            guard scalar.isASCII, scalar != "x", scalar != "X", scalar != "p", scalar != "P" else { return nil }
            bytes.append(UInt8(ascii: scalar) | (scalar.isPythonUppercase ? 0x20 : 0))
        }
        let sign = bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+") ? bytes[..<1] : []
        let unsigned = bytes[sign.count...]
        let isNegative = sign.first == UInt8(ascii: "-")
        switch unsigned.prefix(9).text {
        case "inf", "infinity": return isNegative ? -.infinity : .infinity
        case "nan": return .nan
        default: break
        }
        guard unsigned.allSatisfy({ $0.isASCIILetterOrDigit ? $0 <= 0x39 || $0 == 0x65 : "._+-".utf8.contains($0) }),
            var digits = Self.withoutUnderscores(unsigned), let first = digits.first, "0123456789.".utf8.contains(first)
        else { return nil }
        // The standard library wants a digit on both sides of a point.
        if let point = digits.firstIndex(of: UInt8(ascii: ".")) {
            let isDigit = { (index: Int) in digits.indices.contains(index) && (0x30...0x39).contains(digits[index]) }
            guard isDigit(point - 1) || isDigit(point + 1) else { return nil }
            if !isDigit(point + 1) { digits.insert(UInt8(ascii: "0"), at: point + 1) }
            if !isDigit(point - 1) { digits.insert(UInt8(ascii: "0"), at: point) }
        }
        return Double((sign + digits).text)
    }

    /// Digits without the underscores between them; nil where one stands elsewhere.
    private static func withoutUnderscores(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var plain: [UInt8] = []
        plain.reserveCapacity(bytes.count)
        for index in bytes.indices {
            guard bytes[index] == UInt8(ascii: "_") else {
                plain.append(bytes[index])
                continue
            }
            guard index > bytes.startIndex, index + 1 < bytes.endIndex, bytes[index - 1].isASCIILetterOrDigit,
                bytes[index + 1].isASCIILetterOrDigit
            else { return nil }
        }
        return plain
    }

    private func absolute(_ value: JinjaValue) throws(JinjaError) -> JinjaValue {
        if let integer = value.integer { return try signed(.integer(integer), integer < 0) }
        if case .float(let float) = value { return .float(abs(float)) }
        throw failure("abs of a \(value.typeName)")
    }

    private func rounded(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "round", ["precision", "method"])
        let precision = try integer(values[0], "round") ?? 0
        let method = try text(values[1], "round")?.string ?? "common"
        // Finding the nearest decimal is slow.
        try step(40 + abs(max(min(precision, 300), -300)))
        guard let number = value.float else { throw failure("round of a \(value.typeName)") }
        guard (-300...300).contains(precision) else { throw failure("round has the precision \(precision)") }
        guard ["common", "ceil", "floor"].contains(method) else { throw failure("round has the method \(method)") }
        if method == "common" {
            if let integer = value.integer, precision >= 0 { return .integer(integer) }
            guard value.integer == nil, precision >= 0 else { throw unsupported("round to tens") }
            // The nearest decimal, ties to even, as printing has it.
            return .float(number.isFinite ? Self.nearestDecimal(number, precision) : number)
        }
        let power = (0..<abs(precision)).reduce(1.0) { result, _ in result * 10 }
        let scaled = precision < 0 ? number / power : number * power
        let whole = scaled.rounded(method == "ceil" ? .up : .down)
        guard whole.isFinite else { throw failure("round of \(number.pythonDescription)") }
        return .float(precision < 0 ? whole * power : whole / power)
    }

    private static func nearestDecimal(_ number: Double, _ precision: Int) -> Double {
        guard precision > 0 else { return number.rounded(.toNearestOrEven) }
        // These have no decimals.
        if number.magnitude >= 0x1p53 { return number }
        return Double(String(format: "%.\(precision)f", number)) ?? number
    }
}

extension UInt8 {
    fileprivate var isASCIILetterOrDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
    }
}
