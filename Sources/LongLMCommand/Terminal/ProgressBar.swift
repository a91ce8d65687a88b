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
        let width = 30
        let filled = Int((min(max(fraction, 0), 1) * Double(width)).rounded())
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        let rest = fraction > 0 ? (now - start).seconds * (1 - fraction) / fraction : 0
        let left = rest >= 1 ? String(format: " %.0f s left", rest) : ""
        Terminal.drawError("\r\u{1b}[K\(label) [\(bar)] \(Int(fraction * 100)) % \(remark)\(left)")
    }

    /// Removes the line.
    func finish() {
        if isVisible, lastDrawn != nil { Terminal.drawError("\r\u{1b}[K") }
    }
}

extension Duration {
    /// In seconds.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
