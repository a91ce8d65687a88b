/// A horizontal bar for a terminal, drawn with the block characters of Unicode.
package enum TerminalBar {
    /// A bar that fills a fraction of a width, to the nearest eighth of a character.
    ///
    /// - Parameters:
    ///   - fraction: How much of the width is filled; below 0 or NaN nothing is, above 1 all of it.
    ///   - width: The characters of the whole bar; none below 1.
    /// - Returns: Exactly `width` characters, spaces where the bar has ended.
    package static func text(fraction: Double, width: Int) -> String {
        guard width > 0 else { return "" }
        // A NaN fails this comparison.
        let filled = fraction > 0 ? min(fraction, 1) : 0
        let eighths = Int((filled * Double(width) * 8).rounded())
        var bar = String(repeating: "█", count: eighths / 8)
        let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
        bar += partial
        return bar + String(repeating: " ", count: width - eighths / 8 - (partial.isEmpty ? 0 : 1))
    }
}
