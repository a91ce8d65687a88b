import Foundation

/// A line of progress on standard error, if that is a terminal.
final class ProgressBar {
    private let label: String
    private let isVisible: Bool
    private let start = ContinuousClock.now
    private var lastDrawn: ContinuousClock.Instant?

    /// A bar for work named `label`.
    init(_ label: String) {
        self.label = label
        isVisible = Terminal.errorIsTerminal
    }

    /// Shows the fraction of the work that is done, and a remark.
    func update(_ fraction: Double, _ remark: String = "") {
        let now = ContinuousClock.now
        // Eyes can't follow more than ten changes a second.
        guard isVisible, lastDrawn.map({ now - $0 > .milliseconds(100) }) ?? true else { return }
        lastDrawn = now
        let rest = fraction > 0 ? (now - start).seconds * (1 - fraction) / fraction : 0
        let left = rest >= 1 ? String(format: "%.0f s left", rest) : ""
        let line = Self.line(
            label, min(max(fraction, 0), 1), [remark, left].filter { !$0.isEmpty }.joined(separator: " "),
            columnCount: Terminal.errorColumnCount ?? 80)
        Terminal.drawError("\r\u{1b}[K\(line)")
    }

    /// The line, which stays shorter than the terminal's: one that wraps can't be redrawn.
    private static func line(_ label: String, _ fraction: Double, _ remark: String, columnCount: Int) -> String {
        let (head, tail) = ("\(label) ", "\(Int(clamping: fraction * 100)) % \(remark)")
        let room = columnCount - 1 - head.count - tail.count - 3
        guard room >= 5 else { return String((head + tail).prefix(max(columnCount - 1, 0))) }
        let width = min(room, 30)
        let filled = min(Int(clamping: (fraction * Double(width)).rounded()), width)
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        return "\(head)[\(bar)] \(tail)"
    }

    /// Removes the line.
    func finish() {
        if isVisible, lastDrawn != nil { Terminal.drawError("\r\u{1b}[K") }
        lastDrawn = nil
    }
}

extension Duration {
    /// In seconds.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}

extension Int {
    /// The whole part of a number. The ends of the range stand for what is beyond them, and 0 for what is no number: a rate
    /// is infinite where a clock stands still.
    init(clamping value: Double) {
        self = value.isNaN ? 0 : Int(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
    }
}
