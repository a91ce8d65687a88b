import Charts
import LongLMEvaluation

/// Shows a sweep on standard error: on a terminal a map that is redrawn with every row, with a bar below it, and
/// elsewhere a line for each row.
final class SweepDisplay {
    private let cellCount: Int
    private let bar = ProgressBar("needle")
    private let start = ContinuousClock.now
    private var fraction = 0.0
    private var lineCount = 0
    private var rowCount: Int?

    init(cellCount: Int) { self.cellCount = cellCount }

    /// Shows how much of the work is done.
    func update(_ fraction: Double) {
        self.fraction = fraction
        bar.update(fraction, "\((rowCount ?? 0).grouped) of \(cellCount.grouped) rows")
    }

    /// Shows the rows so far.
    func update(_ log: NeedleLog) {
        defer { rowCount = log.rows.count }
        guard Terminal.errorIsTerminal else {
            // The first call has the rows of an earlier run, which showed them.
            if rowCount != nil, let row = log.rows.last { Terminal.writeError(line(row, log.rows.count)) }
            return
        }
        bar.finish()
        erase()
        guard let setting = log.rows.last?.setting ?? log.header.settings.first else { return }
        let text = log.heatMap(setting: setting).terminal(usesColor: true)
        lineCount = text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
        Terminal.drawError(text)
    }

    /// Removes what was drawn.
    func finish() {
        bar.finish()
        if Terminal.errorIsTerminal { erase() }
    }

    private func erase() {
        if lineCount > 0 { Terminal.drawError("\u{1b}[\(lineCount)A\u{1b}[J") }
        lineCount = 0
    }

    private func line(_ row: NeedleRow, _ count: Int) -> String {
        let left = fraction > 0 ? (ContinuousClock.now - start).seconds * (1 - fraction) / fraction : 0
        return "\(count)/\(cellCount) \(row.setting), \(row.length.grouped) tokens, needle at \(row.depth.listed) %: "
            + (row.isFound ? "found" : "not found") + ", ln p \(row.logLikelihood)"
            + (left >= 1 ? ", \(Int(clamping: left).grouped) s left" : "")
    }
}
