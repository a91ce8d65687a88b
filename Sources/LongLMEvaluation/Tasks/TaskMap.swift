import Charts
import Foundation
import LongLM

/// Means and pictures of a sweep over tasks.
extension TaskLog {
    /// The mean score of a task's samples at a length with a method; nil: there are none. `task` nil: the mean over all
    /// tasks that have samples, each with the same weight.
    public func meanScore(task: String?, length: Int, setting: String) -> Double? {
        guard let task else {
            let means = header.tasks.compactMap { meanScore(task: $0, length: length, setting: setting) }
            return means.isEmpty ? nil : means.reduce(0, +) / Double(means.count)
        }
        let scores = rows.filter { $0.task == task && $0.length == length && $0.setting == setting }.map(\.score)
        return scores.isEmpty ? nil : scores.reduce(0, +) / Double(scores.count)
    }

    /// A map of one method's mean scores, as an SVG document: the same bytes for the same rows.
    ///
    /// Columns are lengths and rows are tasks.
    ///
    /// - Parameter setting: One of the header's.
    public func svg(setting: String) -> String { heatMap(setting: setting).svg() }

    /// A page with the maps and the mean scores of all methods: one HTML file without scripts that needs no other.
    public func html() -> String {
        let page = ChartPage(
            title: "Tasks: \(header.model)",
            introduction:
                "Mean scores of \(header.count) samples for each task and length, as RULER scores them: the share of right "
                + "answers that the model's answer contains. The seed was \(header.seed), the form of the prompts "
                + "\(header.form), the text around needles \(header.haystack). The model was trained for "
                + "\(Self.grouped(header.contextLength)) tokens.",
            sections: header.settings.map { setting in
                ChartPage.Section(heading: setting, svg: svg(setting: setting), table: table(setting: setting))
            })
        return page.html()
    }

    private func heatMap(setting: String) -> HeatMap {
        let lengths = header.lengths.sorted()
        let within = lengths.count { $0 <= header.contextLength }
        return HeatMap(
            title: "\(header.model), \(setting)", subtitle: "Mean scores of \(header.count) samples",
            valueName: "mean score", xAxisName: "tokens", columnLabels: lengths.map { Self.grouped($0) },
            yAxisName: "task", rowLabels: header.tasks,
            values: header.tasks.map { task in
                lengths.map { meanScore(task: task, length: $0, setting: setting) }
            },
            marker: within < lengths.count
                ? ChartMarker(
                    position: Double(within), label: "trained for \(Self.grouped(header.contextLength))") : nil)
    }

    private func table(setting: String) -> ChartPage.Table {
        let lengths = header.lengths.sorted()
        func row(_ name: String, _ task: String?) -> [String] {
            [name]
                + lengths.map { length in
                    meanScore(task: task, length: length, setting: setting).map {
                        ChartNumber.trimmed($0 * 100, decimals: 1)
                    } ?? ""
                }
        }
        return ChartPage.Table(
            header: ["score in %"] + lengths.map { Self.grouped($0) },
            rows: header.tasks.map { row($0, $0) } + [row("mean", nil)])
    }

    private static func grouped(_ number: Int) -> String { ChartNumber.label(Double(number), decimals: 0) }
}
