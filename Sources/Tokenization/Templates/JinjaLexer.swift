/// Cuts a template into tokens, with `trim_blocks` and `lstrip_blocks` as transformers sets them: a line break after a
/// statement belongs to it, and so does the white space before it at the beginning of a line.
struct JinjaLexer {
    private let source: [Unicode.Scalar]
    private let limits: JinjaLimits
    private var position = 0
    private var line = 1
    private var tokens: [JinjaToken] = []
    /// Whether text that begins here is at the beginning of a line: at the start, and where a tag took a line break.
    private var beginsLine = true

    /// - Throws: `syntax`, or `limit` for a template that is too long.
    static func tokens(of template: String, limits: JinjaLimits) throws(JinjaError) -> [JinjaToken] {
        guard template.utf8.count <= limits.sourceLength else {
            throw JinjaError(
                kind: .limit, line: 1, reason: "the template is longer than \(limits.sourceLength) bytes")
        }
        var lexer = JinjaLexer(template, limits)
        try lexer.readTemplate()
        return lexer.tokens
    }

    private init(_ template: String, _ limits: JinjaLimits) {
        self.limits = limits
        var scalars: [Unicode.Scalar] = []
        var follows: Unicode.Scalar?
        for scalar in template.unicodeScalars {
            if scalar == "\r" {
                scalars.append("\n")
            } else if scalar != "\n" || follows != "\r" {
                scalars.append(scalar)
            }
            follows = scalar
        }
        // Jinja drops one line break at the end.
        if scalars.last == "\n" { scalars.removeLast() }
        source = scalars
    }

    private func failure(_ reason: String) -> JinjaError {
        JinjaError(kind: .syntax, line: line, reason: reason.shortened(to: 1_000))
    }

    /// Passes over scalars, and counts their lines.
    private mutating func advance(to end: Int) {
        for scalar in source[position..<end] where scalar == "\n" { line += 1 }
        position = end
    }

    private func isNext(_ text: String, at start: Int? = nil) -> Bool {
        var position = start ?? self.position
        for scalar in text.unicodeScalars {
            guard position < source.count, source[position] == scalar else { return false }
            position += 1
        }
        return true
    }

    private func endOfSpace(from start: Int) -> Int {
        var end = start
        while end < source.count, source[end].isPythonSpace { end += 1 }
        return end
    }

    private mutating func append(_ kind: JinjaToken.Kind) { tokens.append(JinjaToken(kind: kind, line: line)) }
}

// MARK: - Between tags

extension JinjaLexer {
    private enum Tag { case output, statement, comment }

    private mutating func readTemplate() throws(JinjaError) {
        while position < source.count {
            guard let (start, tag) = nextTag() else {
                appendText(upTo: source.count, sign: nil, strips: false)
                break
            }
            let sign =
                start + 2 < source.count && "+-".unicodeScalars.contains(source[start + 2]) ? source[start + 2] : nil
            appendText(upTo: start, sign: sign, strips: tag != .output)
            if tag == .statement, let end = endOfRawTag(at: start) {
                advance(to: end)
                try readRaw()
                continue
            }
            // The token's line is that of its brackets.
            switch tag {
            case .output: append(.outputBegin)
            case .statement: append(.statementBegin)
            case .comment: break
            }
            advance(to: start + (sign == nil ? 2 : 3))
            if tag == .comment { try readComment() } else { try readExpression(isOutput: tag == .output) }
        }
        append(.end)
    }

    private func nextTag() -> (start: Int, tag: Tag)? {
        var start = position
        while start + 1 < source.count {
            if source[start] == "{" {
                switch source[start + 1] {
                case "{": return (start, .output)
                case "%": return (start, .statement)
                case "#": return (start, .comment)
                default: break
                }
            }
            start += 1
        }
        return nil
    }

    /// Appends the text before a tag.
    ///
    /// - Parameters:
    ///   - sign: the `-` or `+` of the tag.
    ///   - strips: whether the tag takes the white space before it at the beginning of a line.
    private mutating func appendText(upTo end: Int, sign: Unicode.Scalar?, strips: Bool) {
        var textEnd = end
        if sign == "-" {
            while textEnd > position, source[textEnd - 1].isPythonSpace { textEnd -= 1 }
        } else if strips, sign == nil {
            var start = end
            while start > position, source[start - 1] != "\n" { start -= 1 }
            if start > position || beginsLine, source[start..<end].allSatisfy(\.isPythonSpace) { textEnd = start }
        }
        if textEnd > position {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: source[position..<textEnd])
            append(.text(String(text)))
        }
        advance(to: end)
    }

    private mutating func readComment() throws(JinjaError) {
        var end = position
        while !isNext("#}", at: end) {
            guard end < source.count else { throw failure("the comment has no end") }
            end += 1
        }
        let sign = end > position ? source[end - 1] : nil
        advance(to: end)
        endTag(sign: sign, length: 2)
    }

    /// Passes over the end of a comment or a statement, with what belongs to it.
    private mutating func endTag(sign: Unicode.Scalar?, length: Int) {
        var end = position + length
        if sign == "-" {
            end = endOfSpace(from: end)
        } else if sign != "+", end < source.count, source[end] == "\n" {
            end += 1
        }
        advance(to: end)
        beginsLine = source[end - 1] == "\n"
    }

    /// Where `{% raw %}` ends, if that is what stands here.
    private func endOfRawTag(at start: Int) -> Int? {
        var end = start + 2
        if end < source.count, "+-".unicodeScalars.contains(source[end]) { end += 1 }
        end = endOfSpace(from: end)
        guard isNext("raw", at: end) else { return nil }
        end = endOfSpace(from: end + 3)
        if isNext("-%}", at: end) { return endOfSpace(from: end + 3) }
        return isNext("%}", at: end) ? end + 2 : nil
    }

    /// Reads text up to `{% endraw %}`.
    private mutating func readRaw() throws(JinjaError) {
        beginsLine = source[position - 1] == "\n"
        var start = position
        while start < source.count {
            defer { start += 1 }
            guard isNext("{%", at: start) else { continue }
            var end = start + 2
            let sign = end < source.count && "+-".unicodeScalars.contains(source[end]) ? source[end] : nil
            end = endOfSpace(from: sign == nil ? end : end + 1)
            guard isNext("endraw", at: end) else { continue }
            end = endOfSpace(from: end + 6)
            let closing = end < source.count && "+-".unicodeScalars.contains(source[end]) ? source[end] : nil
            if closing != nil { end += 1 }
            guard isNext("%}", at: end) else { continue }
            appendText(upTo: start, sign: sign, strips: true)
            advance(to: end)
            endTag(sign: closing, length: 2)
            return
        }
        // Jinja takes a `{% raw %}` at the very end for nothing.
        if position < source.count { throw failure("{% raw %} has no end") }
    }
}

// MARK: - Within tags

extension JinjaLexer {
    private static let symbols = [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=",
        ".", ":", "|", ",", ";",
    ]

    private mutating func readExpression(isOutput: Bool) throws(JinjaError) {
        var open: [String] = []
        let closing = isOutput ? "}}" : "%}"
        while position < source.count {
            if open.isEmpty {
                let sign = "+-".unicodeScalars.contains(source[position]) ? source[position] : nil
                // A `+` at the end is for statements only.
                if isNext(closing, at: sign == nil ? position : position + 1), !isOutput || sign != "+" {
                    append(isOutput ? .outputEnd : .statementEnd)
                    if sign != nil { advance(to: position + 1) }
                    // The line break after an output stays.
                    endTag(sign: isOutput && sign == nil ? "+" : sign, length: 2)
                    return
                }
            }
            let scalar = source[position]
            if scalar.isPythonSpace {
                advance(to: endOfSpace(from: position))
            } else if scalar.isASCIIDigit {
                try readNumber()
            } else if scalar.isPythonWord {
                try readName()
            } else if scalar == "'" || scalar == "\"" {
                try readString(quote: scalar)
            } else {
                try readSymbol(&open)
            }
        }
        throw failure("the tag has no end")
    }

    private mutating func readSymbol(_ open: inout [String]) throws(JinjaError) {
        guard let symbol = Self.symbols.first(where: { isNext($0) }) else {
            throw failure("unexpected character \(String(source[position]))")
        }
        switch symbol {
        case "(": open.append(")")
        case "[": open.append("]")
        case "{": open.append("}")
        case ")", "]", "}":
            guard open.popLast() == symbol else { throw failure("unexpected \(symbol)") }
        default: break
        }
        append(.symbol(symbol))
        position += symbol.count
    }

    private mutating func readName() throws(JinjaError) {
        let start = position
        var name = String.UnicodeScalarView()
        while position < source.count, source[position].isPythonWord {
            name.append(source[position])
            position += 1
        }
        guard position - start <= limits.nameLength else {
            throw failure("a name is longer than \(limits.nameLength) characters")
        }
        append(.name(String(name)))
    }

    private func digits(from start: Int, _ isDigit: (Unicode.Scalar) -> Bool) -> Int {
        var end = start
        while end < source.count {
            if isDigit(source[end]) {
                end += 1
            } else if source[end] == "_", end > start, end + 1 < source.count, isDigit(source[end + 1]) {
                end += 2
            } else {
                break
            }
        }
        return end
    }

    private mutating func readNumber() throws(JinjaError) {
        let start = position
        for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)] where isNext(prefix)
        {
            let end = digits(from: start + 2) { Int(String($0), radix: radix) != nil }
            guard end > start + 2 else { break }
            try appendInteger(start + 2, end, radix: radix)
            return
        }
        // A digit after a point is an index: `a.0.1`.
        let followsPoint = start > 0 && source[start - 1] == "."
        var end = digits(from: start, \.isASCIIDigit)
        let wholeEnd = end
        if !followsPoint {
            if end < source.count, source[end] == "." {
                let fractionEnd = digits(from: end + 1, \.isASCIIDigit)
                if fractionEnd > end + 1 { end = fractionEnd }
            }
            if end < source.count, source[end] == "e" || source[end] == "E" {
                var exponent = end + 1
                if exponent < source.count, "+-".unicodeScalars.contains(source[exponent]) { exponent += 1 }
                let exponentEnd = digits(from: exponent, \.isASCIIDigit)
                if exponentEnd > exponent { end = exponentEnd }
            }
        }
        guard end > wholeEnd else {
            // A leading zero stands alone, unless only zeros follow.
            if source[start] == "0", source[start..<wholeEnd].contains(where: { $0 != "0" && $0 != "_" }) {
                throw failure("a number with a leading zero")
            }
            try appendInteger(start, wholeEnd, radix: 10)
            return
        }
        let text = source[start..<end].filter { $0 != "_" }.map(String.init).joined()
        append(.float(Double(text) ?? .infinity))
        position = end
    }

    private mutating func appendInteger(_ start: Int, _ end: Int, radix: Int) throws(JinjaError) {
        let text = source[start..<end].filter { $0 != "_" }.map(String.init).joined()
        guard let integer = Int(text, radix: radix) else { throw failure("the integer \(text) is too large") }
        append(.integer(integer))
        position = end
    }

    private mutating func readString(quote: Unicode.Scalar) throws(JinjaError) {
        let startLine = line
        var text = String.UnicodeScalarView()
        var end = position + 1
        while end < source.count, source[end] != quote {
            if source[end] == "\\" {
                try readEscape(at: &end, into: &text)
            } else {
                text.append(source[end])
                end += 1
            }
        }
        guard end < source.count else { throw failure("the string has no end") }
        advance(to: end + 1)
        tokens.append(JinjaToken(kind: .string(String(text)), line: startLine))
    }

    /// Reads an escape of Python's strings; an unknown one stands for itself.
    private func readEscape(at position: inout Int, into text: inout String.UnicodeScalarView) throws(JinjaError) {
        guard position + 1 < source.count else { throw failure("the string has no end") }
        let escape = source[position + 1]
        position += 2
        func code(_ count: Int) throws(JinjaError) -> Unicode.Scalar {
            let digits = source[position..<min(position + count, source.count)].map(String.init).joined()
            guard digits.utf8.count == count, digits.first?.isHexDigit == true, let value = UInt32(digits, radix: 16),
                let scalar = Unicode.Scalar(value)
            else { throw failure("the escape \\\(escape) needs \(count) hexadecimal digits of a character") }
            position += count
            return scalar
        }
        switch escape {
        case "\n": break
        case "n": text.append("\n")
        case "t": text.append("\t")
        case "r": text.append("\r")
        case "\\", "'", "\"": text.append(escape)
        case "a": text.append("\u{7}")
        case "b": text.append("\u{8}")
        case "f": text.append("\u{C}")
        case "v": text.append("\u{B}")
        case "x": text.append(try code(2))
        case "u": text.append(try code(4))
        case "U": text.append(try code(8))
        case "N": throw failure("the escape \\N isn't supported")
        case "0"..."7":
            var value = escape.value - 0x30
            var count = 1
            while count < 3, position < source.count, case "0"..."7" = source[position] {
                value = value * 8 + source[position].value - 0x30
                position += 1
                count += 1
            }
            // At most 0o777, so always a scalar.
            text.append(Unicode.Scalar(value) ?? "\u{FFFD}")
        default:
            text.append("\\")
            text.append(escape)
        }
    }
}

extension Unicode.Scalar {
    var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
