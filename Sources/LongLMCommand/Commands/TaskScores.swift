import Foundation
import LongLMEvaluation

/// A sweep whose rows are scores: what `longlm tasks` shows of it.
protocol ScoreHeader: SweepHeader where Row: ScoreRow {
    var settings: [String] { get }

    /// Mean scores in per cent, by method.
    static func table(_ log: SweepLog<Self>) -> String
    /// The map of a method's mean scores as an SVG document.
    static func svg(_ log: SweepLog<Self>, setting: String) -> String
    /// A page with all maps.
    static func html(_ log: SweepLog<Self>) -> String
}

/// A row with a score.
protocol ScoreRow: SweepRow {
    /// From 0 to 1.
    var score: Double { get }
}

extension TaskRow: ScoreRow {}
extension DataSetRow: ScoreRow {}

extension SweepChartArguments {
    /// Draws the maps of mean scores.
    func write<Header: ScoreHeader>(_ log: SweepLog<Header>) throws(CommandError) {
        try write(
            log.header.settings, svg: { Header.svg(log, setting: $0) }, html: { Header.html(log) })
    }
}

extension TaskHeader: ScoreHeader {
    static func svg(_ log: TaskLog, setting: String) -> String { log.svg(setting: setting) }
    static func html(_ log: TaskLog) -> String { log.html() }

    /// Task × method × length, and the mean over the tasks if there are several.
    static func table(_ log: TaskLog) -> String {
        let lengths = log.header.lengths.sorted()
        let tasks = log.header.tasks
        var table = ScoreTable(["score in %", "method"] + lengths.map(\.grouped), textColumnCount: 2)
        for task in tasks.map(Optional.some) + (tasks.count > 1 ? [nil] : []) {
            for setting in log.header.settings {
                table.add(
                    [task ?? "mean", setting],
                    lengths.map { log.meanScore(task: task, length: $0, setting: setting) })
            }
        }
        return table.text
    }
}

extension DataSetHeader: ScoreHeader {
    static func svg(_ log: DataSetLog, setting: String) -> String { log.svg(setting: setting) }
    static func html(_ log: DataSetLog) -> String { log.html() }

    /// Data set × method × length in words, and the mean over the data sets if there are several.
    static func table(_ log: DataSetLog) -> String {
        let lengths: [DataSetLength?] = [nil] + DataSetLength.allCases
        let parts = log.header.dataSets
        var table = ScoreTable(
            ["score in %", "metric", "method"] + lengths.map { $0?.rawValue ?? "all" }, textColumnCount: 3)
        for part in parts.map(Optional.some) + (parts.count > 1 ? [nil] : []) {
            for setting in log.header.settings {
                table.add(
                    [part?.name ?? "mean", part?.metric.rawValue ?? "", setting],
                    lengths.map { log.meanScore(dataSet: part?.name, setting: setting, length: $0) })
            }
        }
        return table.text
    }
}

/// A table of texts, and of scores in per cent at the right of them.
private struct ScoreTable {
    private var rows: [[String]]
    private let textColumnCount: Int

    init(_ header: [String], textColumnCount: Int) {
        rows = [header]
        self.textColumnCount = textColumnCount
    }

    /// Adds a row. A score that is nil becomes a dash.
    mutating func add(_ texts: [String], _ scores: [Double?]) {
        rows.append(texts + scores.map { $0?.percent ?? "–" })
    }

    var text: String {
        let widths = (0..<textColumnCount).map { column in (rows.map { $0[column].count }.max() ?? 0) + 2 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column < textColumnCount ? cell.aligned(left: widths[column]) : cell.aligned(right: 10)
            }.joined() + "\n"
        }.joined()
    }
}

extension Double {
    /// In per cent with a decimal, such as `12.5`.
    var percent: String { String(format: "%.1f", self * 100) }
}
