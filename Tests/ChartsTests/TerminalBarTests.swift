import Charts
import Testing

@Suite("Bars in a terminal")
struct TerminalBarTests {
    /// Fractions and their bars of eight characters.
    static let filledBars: [(Double, String)] = [
        (0, "        "), (0.0625, "▌       "), (0.015625, "▏       "), (0.5, "████    "), (0.55, "████▍   "),
        (0.984375, "███████▉"), (1, "████████"), (.nan, "        "), (-1, "        "), (7, "████████"),
        (.infinity, "████████"), (-.infinity, "        "),
    ]

    @Test("A bar fills its fraction to an eighth of a character", arguments: filledBars)
    func bars(fraction: Double, bar: String) {
        #expect(TerminalBar.text(fraction: fraction, width: 8) == bar)
    }

    @Test("Widths")
    func widths() {
        #expect(TerminalBar.text(fraction: 0.5, width: 1) == "▌")
        #expect(TerminalBar.text(fraction: 1, width: 0) == "")
        #expect(TerminalBar.text(fraction: 1, width: -3) == "")
        for eighths in 0...80 { #expect(TerminalBar.text(fraction: Double(eighths) / 80, width: 10).count == 10) }
    }
}
