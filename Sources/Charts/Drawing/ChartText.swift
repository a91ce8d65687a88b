/// Makes text from outside printable, escapes it, and fits it into a width.
enum ChartText {
    /// The text on one line, without characters that a terminal obeys, that XML or HTML forbid, or that reorder what
    /// stands around them.
    ///
    /// White space becomes a space, anything else of these U+FFFD.
    static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar.properties.isWhitespace {
                result.append(" ")
            } else if scalar.properties.generalCategory == .control || scalar.properties.isNoncharacterCodePoint
                || scalar.properties.isBidiControl
            {
                result.append("\u{FFFD}")
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    /// The printable text as content or attribute of XML and HTML.
    static func escaped(_ text: String) -> String {
        // By scalar: a "<" with a combining mark is another Character, but still opens a tag.
        var result = String.UnicodeScalarView()
        for scalar in printable(text).unicodeScalars {
            switch scalar {
            case "&": result.append(contentsOf: "&amp;".unicodeScalars)
            case "<": result.append(contentsOf: "&lt;".unicodeScalars)
            case ">": result.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
            case "'": result.append(contentsOf: "&#39;".unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// An upper estimate of the pixels that a text takes in a sans-serif font of a size in pixels. Which font a reader will
    /// have isn't known.
    static func pixels(_ text: String, size: Double) -> Double {
        text.reduce(0) { $0 + ems($1) * size }
    }

    /// The columns that a text takes in a terminal.
    static func columns(_ text: String) -> Int {
        text.reduce(0) { $0 + columns($1) }
    }

    /// The text, or as much of it as fits into `limit` pixels together with an ellipsis.
    static func fitted(_ text: String, pixels limit: Double, size: Double) -> String {
        fitted(text, to: limit, ellipsis: ems("…") * size) { ems($0) * size }
    }

    /// The text, or as much of it as fits into `limit` columns of a terminal together with an ellipsis.
    static func fitted(_ text: String, columns limit: Int) -> String {
        fitted(text, to: limit, ellipsis: 1) { columns($0) }
    }

    private static func fitted<Length: Comparable & AdditiveArithmetic>(
        _ text: String, to limit: Length, ellipsis: Length, length: (Character) -> Length
    ) -> String {
        var total = Length.zero
        var cut = text.startIndex
        for index in text.indices {
            total += length(text[index])
            if total > limit { return text[..<cut] + "…" }
            if total + ellipsis <= limit { cut = text.index(after: index) }
        }
        return text
    }

    /// The text in lines of at most a width in pixels, broken at spaces; none for an empty text.
    static func lines(_ text: String, width: Double, size: Double) -> [String] {
        var lines: [String] = []
        for word in printable(text).split(separator: " ") {
            if let last = lines.last, pixels("\(last) \(word)", size: size) <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines.map { fitted($0, pixels: width, size: size) }
    }

    private static func ems(_ character: Character) -> Double {
        switch character {
        case "i", "j", "l", "t", "f", "r", "I", ".", ",", ":", ";", "'", "|", "!", "(", ")", " ": 0.38
        case "m", "w", "M", "W", "%", "@", "—", "…": 0.92
        default: columns(character) == 2 ? 1.05 : character.isUppercase ? 0.7 : 0.62
        }
    }

    /// East Asian characters and emoji take two columns.
    private static func columns(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF01...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F9FF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
