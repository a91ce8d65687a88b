/// The methods of strings.
extension JinjaInterpreter {
    func call(
        _ name: String, of text: JinjaText, _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaValue {
        try scan(text.count)
        if JinjaMethods.unsupportedOfText.contains(name) { throw unsupported("the method \(name) of strings") }
        switch name {
        case "strip", "lstrip", "rstrip":
            let set = try self.text(try bind(arguments, to: name, ["chars"])[0], name)
            try make(text.count + (set?.count ?? 0))
            return .text(text.stripped(set, left: name != "rstrip", right: name != "lstrip"))
        case "split", "rsplit": return try split(name, text, arguments)
        case "splitlines":
            let keepsEnds = try bind(arguments, to: name, ["keepends"])[0]?.isTrue ?? false
            try make(text.count)
            return try texts(text.lines(keepingEnds: keepsEnds))
        case "partition", "rpartition": return try partition(name, text, arguments)
        case "startswith", "endswith": return .bool(try hasEnd(name, text, arguments))
        case "removeprefix", "removesuffix": return .text(try removing(name, text, arguments))
        case "replace":
            let values = try bind(arguments, to: name, ["old", "new", "count"], required: 2)
            guard let old = values[0]?.text, let new = values[1]?.text else { throw failure("replace needs strings") }
            return .text(try replaced(text, old, new, try integer(values[2], name)))
        case "find", "rfind", "index", "rindex", "count": return .integer(try find(name, text, arguments))
        case "join":
            let values = try elements(of: try bind(arguments, to: name, ["iterable"], required: 1)[0] ?? .null)
            var parts: [JinjaText] = []
            for value in values {
                guard let part = value.text else { throw failure("join of a \(value.typeName)") }
                parts.append(part)
            }
            return .text(try joined(parts, by: text))
        case "format": return .text(try formatted(text, arguments))
        case "zfill":
            return .text(try zeroFilled(text, try integer(try bind(arguments, to: name, ["width"])[0], name) ?? 0))
        case "ljust", "rjust", "center":
            let values = try bind(arguments, to: name, ["width", "fillchar"], required: 1)
            let filler = try self.text(values[1], name) ?? JinjaText(" ")
            let alignment: Alignment = name == "ljust" ? .left : name == "rjust" ? .right : .center
            return .text(try padded(text, to: try integer(values[0], name) ?? 0, with: filler, alignment))
        default:
            _ = try bind(arguments, to: name, [])
            return try callWithoutArguments(name, text)
        }
    }

    private func callWithoutArguments(_ name: String, _ text: JinjaText) throws(JinjaError) -> JinjaValue {
        // Case can make a text three times as long.
        try make(text.count * 3)
        try study(text.count)
        switch name {
        case "upper": return .text(text.uppercased)
        case "lower": return .text(text.lowercased)
        case "title": return .text(text.titled)
        case "capitalize": return .text(text.capitalized)
        case "swapcase": return .text(text.caseSwapped)
        case "islower": return .bool(text.isLowercase)
        case "isupper": return .bool(text.isUppercase)
        case "isspace": return .bool(text.consists(of: \.isPythonSpace))
        case "isalpha": return .bool(text.consists(of: \.isPythonLetter))
        case "isdecimal": return .bool(text.consists { $0.decimalDigit != nil })
        case "isdigit":
            return .bool(text.consists { [.decimal, .digit].contains($0.properties.numericType) })
        case "isnumeric": return .bool(text.consists { $0.properties.numericType != nil })
        case "isalnum": return .bool(text.consists { $0.isPythonLetter || $0.properties.numericType != nil })
        case "isascii": return .bool(text.scalars.allSatisfy(\.isASCII))
        default: throw unsupported("the method \(name) of strings")
        }
    }

    private func texts(_ parts: [JinjaText]) throws(JinjaError) -> JinjaValue { try list(parts.map { .text($0) }) }

    private func split(
        _ name: String, _ text: JinjaText, _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: name, ["sep", "maxsplit"])
        let cuts = try integer(values[1], name).map { $0 < 0 ? Int.max : $0 } ?? .max
        try make(text.count)
        guard let separator = try self.text(values[0], name) else {
            return try texts(
                name == "split" ? text.words(maximumCuts: cuts) : text.wordsFromEnd(maximumCuts: cuts))
        }
        guard !separator.isEmpty else { throw failure("\(name) at an empty string") }
        // Each part is a value, so they are counted before they are made.
        try make(size(16, times: min(text.occurrences(of: separator, in: 0..<text.count), cuts)))
        return try texts(
            name == "split"
                ? text.split(at: separator, maximumCuts: cuts) : text.splitFromEnd(at: separator, maximumCuts: cuts))
    }

    private func partition(
        _ name: String, _ text: JinjaText, _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaValue {
        guard let separator = try bind(arguments, to: name, ["sep"], required: 1)[0]?.text, !separator.isEmpty else {
            throw failure("\(name) needs a string that isn't empty")
        }
        try make(text.count)
        let whole = 0..<text.count
        let isFirst = name == "partition"
        guard
            let range = isFirst
                ? text.firstRange(of: separator, in: whole) : text.lastRange(of: separator, in: whole)
        else {
            let parts = isFirst ? [text, JinjaText(), JinjaText()] : [JinjaText(), JinjaText(), text]
            return try tuple(parts.map { .text($0) })
        }
        return try tuple([
            .text(text[0..<range.lowerBound]), .text(text[range]), .text(text[range.upperBound..<text.count]),
        ])
    }

    /// The part of a text between two indices, as slices have them; nil where the first is beyond the end.
    private func part(
        _ text: JinjaText, _ start: JinjaValue?, _ end: JinjaValue?, _ name: String
    ) throws(JinjaError) -> Range<Int>? {
        func position(_ value: JinjaValue?, _ standard: Int) throws(JinjaError) -> Int {
            guard let index = try integer(value, name) else { return standard }
            return index < 0 ? max(index + text.count, 0) : index
        }
        let (start, end) = (try position(start, 0), min(try position(end, text.count), text.count))
        return start <= end ? start..<end : nil
    }

    private func hasEnd(
        _ name: String, _ text: JinjaText, _ arguments: JinjaArguments
    ) throws(JinjaError) -> Bool {
        let values = try bind(arguments, to: name, ["prefix", "start", "end"], required: 1)
        guard let range = try part(text, values[1], values[2], name) else { return false }
        let ends: [JinjaValue] = if case .tuple(let ends)? = values[0] { ends.values } else { [values[0] ?? .null] }
        let searched = text[range]
        for end in ends {
            guard let end = end.text else { throw failure("\(name) needs a string, not a \(end.typeName)") }
            try scan(end.count)
            if name == "startswith" ? searched.hasPrefix(end) : searched.hasSuffix(end) { return true }
        }
        return false
    }

    private func removing(
        _ name: String, _ text: JinjaText, _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaText {
        guard let end = try bind(arguments, to: name, ["prefix"], required: 1)[0]?.text else {
            throw failure("\(name) needs a string")
        }
        try make(text.count)
        if name == "removeprefix" { return text.hasPrefix(end) ? text[end.count..<text.count] : text }
        return text.hasSuffix(end) && !end.isEmpty ? text[0..<(text.count - end.count)] : text
    }

    private func find(
        _ name: String, _ text: JinjaText, _ arguments: JinjaArguments
    ) throws(JinjaError) -> Int {
        let values = try bind(arguments, to: name, ["sub", "start", "end"], required: 1)
        guard let part = values[0]?.text else { throw failure("\(name) needs a string") }
        guard let range = try self.part(text, values[1], values[2], name) else {
            if name.hasSuffix("index") { throw failure("the string doesn't hold the other") }
            return name == "count" ? 0 : -1
        }
        try scan(part.count)
        if name == "count" { return text.occurrences(of: part, in: range) }
        let isLast = name.hasPrefix("r")
        var position: Int?
        if part.isEmpty {
            position = isLast ? range.upperBound : range.lowerBound
        } else {
            position =
                (isLast ? text.lastRange(of: part, in: range) : text.firstRange(of: part, in: range))?.lowerBound
        }
        if position == nil, name.hasSuffix("index") { throw failure("the string doesn't hold the other") }
        return position ?? -1
    }

    private func zeroFilled(_ text: JinjaText, _ width: Int) throws(JinjaError) -> JinjaText {
        guard let first = text.scalars.first, first == "-" || first == "+" else {
            return try padded(text, to: width, with: JinjaText("0"), .right)
        }
        var result = text[0..<1]
        result.append(try padded(text[1..<text.count], to: max(width, 1) - 1, with: JinjaText("0"), .right))
        return result
    }

    /// Python's `format`: `{}`, `{0}` and `{name}`, without a format specification.
    private func formatted(_ text: JinjaText, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaText {
        var result = JinjaText()
        var (position, next) = (0, 0)
        var hasNumbers = false
        var named: [String: JinjaValue] = [:]
        for (name, value) in arguments.named { named[name] = value }
        while position < text.count {
            let scalar = text.scalars[position]
            guard scalar == "{" || scalar == "}" else {
                try make(1)
                result.append(text, position..<(position + 1))
                position += 1
                continue
            }
            if position + 1 < text.count, text.scalars[position + 1] == scalar {
                result.append(text, position..<(position + 1))
                position += 2
                continue
            }
            guard scalar == "{", let end = text.scalars[position...].firstIndex(of: "}") else {
                throw failure("a single \(scalar) in the text of format")
            }
            let field = text[(position + 1)..<end].string
            position = end + 1
            let value: JinjaValue?
            if field.isEmpty {
                guard !hasNumbers else { throw failure("format has fields with and without numbers") }
                value = next < arguments.positional.count ? arguments.positional[next] : nil
                next += 1
            } else if field.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
                guard next == 0 else { throw failure("format has fields with and without numbers") }
                hasNumbers = true
                let index = Int(field) ?? .max
                value = arguments.positional.indices.contains(index) ? arguments.positional[index] : nil
            } else {
                guard field.unicodeScalars.allSatisfy(\.isPythonWord) else {
                    throw unsupported("the field {\(field)} of format")
                }
                value = named[field]
            }
            guard let value else { throw failure("format has no value for {\(field)}") }
            let part = try self.text(of: value)
            try make(part.size)
            result.append(part)
        }
        return result
    }
}
