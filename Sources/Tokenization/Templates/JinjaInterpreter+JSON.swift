/// The filter `tojson` as transformers defines it: `json.dumps` of Python, which escapes no HTML.
extension JinjaInterpreter {
    /// The form of the JSON text.
    private struct Form {
        var escapesNonASCII = false
        /// What one level is indented by; nil for one line.
        var indent: JinjaText?
        var itemSeparator: JinjaText
        var keySeparator: JinjaText
        var sortsKeys = false
    }

    func json(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaText {
        let options = try bind(arguments, to: "tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])
        var form = Form(itemSeparator: JinjaText(", "), keySeparator: JinjaText(": "))
        form.escapesNonASCII = options[0]?.isTrue ?? false
        form.sortsKeys = options[3]?.isTrue ?? false
        switch options[1] {
        case nil, .some(.null): break
        case .text(let text)?: form.indent = text
        case .some(let value):
            guard let width = try integer(value, "tojson") else { break }
            try make(max(width, 0))
            form.indent = JinjaText(String(repeating: " ", count: max(width, 0)))
        }
        if form.indent != nil { form.itemSeparator = JinjaText(",") }
        switch options[2] {
        case nil, .some(.null): break
        case .some(let separators):
            let parts = try elements(of: separators)
            guard parts.count == 2, let item = parts[0].text, let key = parts[1].text else {
                throw failure("the separators of tojson aren't two strings")
            }
            (form.itemSeparator, form.keySeparator) = (item, key)
        }
        var result = JinjaText()
        try write(value, form, level: 0, into: &result)
        return result
    }

    private func append(_ text: JinjaText, to result: inout JinjaText) throws(JinjaError) {
        try make(text.size)
        result.append(text)
    }

    private func write(
        _ value: JinjaValue, _ form: Form, level: Int, into result: inout JinjaText
    ) throws(JinjaError) {
        try step()
        switch value {
        case .list, .tuple, .dictionary:
            try nested { () throws(JinjaError) in try writeContainer(value, form, level, into: &result) }
        case .text(let text): try quote(text, form, into: &result)
        default: try append(try number(value), to: &result)
        }
    }

    private func number(_ value: JinjaValue) throws(JinjaError) -> JinjaText {
        switch value {
        case .null: JinjaText("null")
        case .bool(let bool): JinjaText(bool ? "true" : "false")
        case .integer(let integer): JinjaText(String(integer))
        case .float(let float): JinjaText(float.jsonDescription)
        default: throw failure("a \(value.typeName) can't be JSON")
        }
    }

    private func writeContainer(
        _ value: JinjaValue, _ form: Form, _ level: Int, into result: inout JinjaText
    ) throws(JinjaError) {
        switch value {
        case .list(let elements), .tuple(let elements):
            try writeAll(elements.values, "[", "]", form, level, into: &result) { value, result throws(JinjaError) in
                try write(value, form, level: level + 1, into: &result)
            }
        case .dictionary(let dictionary):
            var pairs = dictionary.pairs
            if form.sortsKeys { pairs = try sorted(pairs) { pair throws(JinjaError) in pair.key } }
            try writeAll(pairs, "{", "}", form, level, into: &result) { pair, result throws(JinjaError) in
                try quote(try keyText(pair.key), form, into: &result)
                try append(form.keySeparator, to: &result)
                try write(pair.value, form, level: level + 1, into: &result)
            }
        default: break
        }
    }

    private func writeAll<Element>(
        _ elements: [Element], _ opening: String, _ closing: String, _ form: Form, _ level: Int,
        into result: inout JinjaText, _ write: (Element, inout JinjaText) throws(JinjaError) -> Void
    ) throws(JinjaError) {
        try make(2)
        result.append(opening)
        for (index, element) in elements.enumerated() {
            if index > 0 { try append(form.itemSeparator, to: &result) }
            try breakLine(form, level + 1, into: &result)
            try write(element, &result)
        }
        if !elements.isEmpty { try breakLine(form, level, into: &result) }
        result.append(closing)
    }

    private func breakLine(_ form: Form, _ level: Int, into result: inout JinjaText) throws(JinjaError) {
        guard let indent = form.indent else { return }
        try make(1 + size(indent.count, times: level))
        result.append("\n")
        for _ in 0..<level { result.append(indent) }
    }

    private func keyText(_ key: JinjaValue) throws(JinjaError) -> JinjaText {
        switch key {
        case .text(let text): return text
        case .null, .bool, .integer, .float: return try number(key)
        default: throw failure("a \(key.typeName) can't be a key of JSON")
        }
    }

    private func quote(_ text: JinjaText, _ form: Form, into result: inout JinjaText) throws(JinjaError) {
        try make(2)
        result.append("\"")
        try appendEscaped(text, to: &result) { $0.jsonEscape(escapesNonASCII: form.escapesNonASCII) }
        result.append("\"")
    }
}

extension Double {
    fileprivate var jsonDescription: String {
        if isNaN { return "NaN" }
        return isInfinite ? (self < 0 ? "-Infinity" : "Infinity") : pythonDescription
    }
}

extension Unicode.Scalar {
    /// How JSON spells it; nil for as it is.
    func jsonEscape(escapesNonASCII: Bool) -> String? {
        switch self {
        case "\"": return "\\\""
        case "\\": return "\\\\"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        case "\u{8}": return "\\b"
        case "\u{C}": return "\\f"
        default:
            if value < 0x20 { return value.escape("u", 4) }
            guard escapesNonASCII, value > 0x7E else { return nil }
            return UTF16.encode(self)?.map { UInt32($0).escape("u", 4) }.joined() ?? ""
        }
    }
}
