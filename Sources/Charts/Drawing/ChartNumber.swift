import Foundation

/// Numbers as charts write them. They are the same in every locale.
package enum ChartNumber {
    /// A number with `decimals` decimals, halves rounded away from zero; "0" for numbers that aren't finite or exceed 10¹⁵.
    static func fixed(_ value: Double, decimals: Int) -> String {
        let scale = pow(10, Double(decimals))
        guard abs(value) <= 1e15, abs(value) * scale < 9e18 else { return "0" }
        let scaled = Int((abs(value) * scale).rounded())
        var digits = String(scaled)
        digits = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        if decimals > 0 { digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -decimals)) }
        return value < 0 && scaled > 0 ? "-" + digits : digits
    }

    /// A number with at most `decimals` decimals, without zeros at the end.
    package static func trimmed(_ value: Double, decimals: Int) -> String {
        var text = fixed(value, decimals: decimals)
        guard text.contains(".") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }

    /// A coordinate of an SVG document, in pixels.
    static func coordinate(_ value: Double) -> String { trimmed(value, decimals: 2) }

    /// A number for readers: with `decimals` decimals, commas between thousands and a real minus sign. Large numbers are
    /// written with a power of ten.
    package static func label(_ value: Double, decimals: Int) -> String {
        guard value != 0, value.isFinite else { return value == 0 ? "0" : "–" }
        guard abs(value) < 1e9, decimals <= 6 else {
            let exponent = floor(log10(abs(value)))
            let mantissa = trimmed(value / pow(10, exponent), decimals: 3)
            return "\(mantissa)e\(Int(exponent))".replacingOccurrences(of: "-", with: "−")
        }
        let text = fixed(abs(value), decimals: decimals)
        let point = text.firstIndex(of: ".") ?? text.endIndex
        var whole = ""
        for (offset, digit) in text[..<point].reversed().enumerated() {
            if offset > 0, offset.isMultiple(of: 3) { whole.append(",") }
            whole.append(digit)
        }
        return (value < 0 ? "−" : "") + String(whole.reversed()) + text[point...]
    }

    /// A measured number for readers, to about four significant digits.
    static func measured(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return label(value, decimals: 0) }
        let decimals = max(0, 3 - Int(floor(log10(abs(value)))))
        return label(value, decimals: value == value.rounded() ? 0 : decimals)
    }

    /// A fraction in whole per cent, without the sign. Only 0 and 1 themselves are "0" and "100", so that a single miss is
    /// visible.
    static func percent(_ fraction: Double) -> String {
        if fraction <= 0 { return "0" }
        return fraction >= 1 ? "100" : fixed(min(max(fraction * 100, 1), 99), decimals: 0)
    }
}
