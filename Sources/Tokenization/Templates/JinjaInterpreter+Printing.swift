import Foundation

/// The text of values, as Python's `str` and `repr` have it.
extension JinjaInterpreter {
    /// What printing shows.
    func text(of value: JinjaValue) throws(JinjaError) -> JinjaText {
        switch value {
        case .text(let text): return text
        case .undefined: return JinjaText()
        default:
            var result = JinjaText()
            try represent(value, into: &result)
            return result
        }
    }

    private func append(_ text: String, to result: inout JinjaText) throws(JinjaError) {
        try make(text.utf8.count)
        result.append(text)
    }

    /// Namespaces may hold one another without end, so the depth is counted here, not taken from the values.
    private func represent(_ value: JinjaValue, into result: inout JinjaText) throws(JinjaError) {
        try step()
        switch value {
        case .list, .tuple, .dictionary, .view, .namespace:
            try nested { () throws(JinjaError) in try representContainer(value, into: &result) }
        default: try representOne(value, into: &result)
        }
    }

    private func representOne(_ value: JinjaValue, into result: inout JinjaText) throws(JinjaError) {
        switch value {
        case .undefined: try append("Undefined", to: &result)
        case .null: try append("None", to: &result)
        case .bool(let bool): try append(bool ? "True" : "False", to: &result)
        case .integer(let integer): try append(String(integer), to: &result)
        case .float(let float): try append(float.pythonDescription, to: &result)
        case .text(let text): try represent(text, into: &result)
        case .range(let range):
            let step = range.step == 1 ? "" : ", \(range.step)"
            try append("range(\(range.start), \(range.end)\(step))", to: &result)
        case .macro(let macro): try append("<Macro '\(macro.definition.name)'>", to: &result)
        default:
            // Python shows an address.
            throw unsupported("printing a \(value.typeName)")
        }
    }

    private func representContainer(_ value: JinjaValue, into result: inout JinjaText) throws(JinjaError) {
        switch value {
        case .list(let elements): try represent(elements.values, "[", "]", into: &result)
        case .tuple(let elements):
            try represent(elements.values, "(", elements.values.count == 1 ? ",)" : ")", into: &result)
        case .dictionary(let dictionary): try represent(dictionary, into: &result)
        case .view(let part, _):
            try represent(try elements(of: value), "dict_\(part.rawValue)([", "])", into: &result)
        case .namespace(let namespace):
            try append("<Namespace {", to: &result)
            for (index, name) in namespace.names.enumerated() {
                if index > 0 { try append(", ", to: &result) }
                // Whether a name came from outside isn't known, so it may have.
                try represent(JinjaText(name, isOutside: true), into: &result)
                try append(": ", to: &result)
                try represent(namespace.attributes[name] ?? .null, into: &result)
            }
            try append("}>", to: &result)
        default: break
        }
    }

    private func represent(
        _ values: [JinjaValue], _ opening: String, _ closing: String, into result: inout JinjaText
    ) throws(JinjaError) {
        try append(opening, to: &result)
        for (index, value) in values.enumerated() {
            if index > 0 { try append(", ", to: &result) }
            try represent(value, into: &result)
        }
        try append(closing, to: &result)
    }

    private func represent(_ dictionary: JinjaDictionary, into result: inout JinjaText) throws(JinjaError) {
        try append("{", to: &result)
        for (index, pair) in dictionary.pairs.enumerated() {
            if index > 0 { try append(", ", to: &result) }
            try represent(pair.key, into: &result)
            try append(": ", to: &result)
            try represent(pair.value, into: &result)
        }
        try append("}", to: &result)
    }

    private func represent(_ text: JinjaText, into result: inout JinjaText) throws(JinjaError) {
        let quote: Unicode.Scalar = text.scalars.contains("'") && !text.scalars.contains("\"") ? "\"" : "'"
        try make(2)
        if text.isMarkup { try append("Markup(", to: &result) }
        result.append(quote, isOutside: false)
        try appendEscaped(text, to: &result) { scalar in
            switch scalar {
            case quote, "\\": "\\\(scalar)"
            case "\n": "\\n"
            case "\r": "\\r"
            case "\t": "\\t"
            default: scalar.isPythonPrintable ? nil : scalar.pythonEscape
            }
        }
        result.append(quote, isOutside: false)
        if text.isMarkup { try append(")", to: &result) }
    }

    /// Appends a text with escapes: in pieces, so that no more is made than may be.
    ///
    /// - Parameter escape: how a scalar is spelled; nil for as it is.
    func appendEscaped(
        _ text: JinjaText, to result: inout JinjaText, _ escape: (Unicode.Scalar) -> String?
    ) throws(JinjaError) {
        let length = 4_096
        for start in stride(from: 0, to: text.count, by: length) {
            let piece = text[start..<min(start + length, text.count)]
            var count = 0
            let escaped = piece.mapped { _, scalar in
                guard let replacement = escape(scalar) else { return nil }
                count += 1
                return replacement
            }
            try study(piece.count / 8 + count)
            try make(escaped.size)
            result.append(escaped)
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isPythonPrintable: Bool {
        if (0x20..<0x7F).contains(value) { return true }
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }

    fileprivate var pythonEscape: String {
        if value < 0x100 { return value.escape("x", 2) }
        return value < 0x10000 ? value.escape("u", 4) : value.escape("U", 8)
    }
}

extension UInt32 {
    /// An escape: a backslash, a letter, and so many hexadecimal digits in lower case.
    func escape(_ letter: Unicode.Scalar, _ count: Int) -> String {
        // Long texts can consist of these, and this makes them without allocating memory.
        String(unsafeUninitializedCapacity: count + 2) { bytes in
            bytes[0] = UInt8(ascii: "\\")
            bytes[1] = UInt8(ascii: letter)
            for index in 0..<count {
                let digit = UInt8(truncatingIfNeeded: self >> UInt32(4 * (count - 1 - index)) & 0xF)
                bytes[2 + index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            }
            return count + 2
        }
    }
}

extension Double {
    /// As Python's `repr` has it: the shortest digits that give the number, and an exponent below 10⁻⁴ and from 10¹⁶.
    var pythonDescription: String {
        if isNaN { return "nan" }
        if isInfinite { return self < 0 ? "-inf" : "inf" }
        if self == 0 { return sign == .minus ? "-0.0" : "0.0" }
        // Swift's description has the same digits, in one of the two forms.
        let parts = magnitude.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var digits = String(mantissa[0]) + (mantissa.count > 1 ? String(mantissa[1]) : "")
        var point = mantissa[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        while digits.hasPrefix("0") {
            digits.removeFirst()
            point -= 1
        }
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        let sign = self < 0 ? "-" : ""
        let exponent = point - 1
        guard (-4..<16).contains(exponent) else {
            let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
            let power = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
            return "\(sign)\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(power)"
        }
        if point <= 0 { return "\(sign)0." + String(repeating: "0", count: -point) + digits }
        if digits.count <= point { return sign + digits + String(repeating: "0", count: point - digits.count) + ".0" }
        return "\(sign)\(digits.prefix(point)).\(digits.dropFirst(point))"
    }
}
