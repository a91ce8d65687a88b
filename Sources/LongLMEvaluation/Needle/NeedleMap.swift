import Charts
import Foundation
import LongLM

/// Pictures of a sweep.
extension NeedleLog {
    /// A map of where one setting finds the needle, as an SVG document: the same bytes for the same rows.
    ///
    /// Columns are the texts' lengths and rows the needle's depths. Colours show the probability of the right answer.
    ///
    /// - Parameter setting: One of the header's.
    public func svg(setting: String) -> String { heatMap(setting: setting).svg() }

    /// The maps of all settings, for a terminal.
    ///
    /// - Parameter usesColor: Whether cells get a background colour. Without, a block as high as the value stands in each.
    public func terminalMaps(usesColor: Bool) -> String {
        header.settings.map { heatMap(setting: $0).terminal(usesColor: usesColor) }.joined(separator: "\n")
    }

    /// A page with the maps and the rows of all settings: one HTML file without scripts that needs no other.
    public func html() -> String {
        let page = ChartPage(
            title: "Needle in a haystack: \(header.model)",
            introduction:
                "The needle \(quoted(header.needle)) was hidden in \(header.haystack), and the text ended with "
                + "\(quoted(header.question)). An answer is right when it contains \(quoted(header.answer)). "
                + "The model was trained for \(Self.grouped(header.contextLength)) tokens.",
            sections: header.settings.map { setting in
                ChartPage.Section(
                    heading: Self.title(setting), svg: svg(setting: setting), table: table(setting: setting))
            })
        return page.html()
    }

    /// The map of one of the header's settings.
    package func heatMap(setting: String) -> HeatMap {
        let rows = self.rows.filter { $0.setting == setting }
        func row(_ depth: Double, _ length: Int) -> NeedleRow? {
            rows.first { $0.depth == depth && $0.length == length }
        }
        let lengths = header.lengths.sorted()
        let depths = header.depths.sorted()
        let found = rows.count { $0.isFound }
        return HeatMap(
            title: "\(header.model), \(Self.title(setting))",
            subtitle: "Needle found in \(found) of \(rows.count) texts; ✓: the answer contains it",
            valueName: "probability of the right answer",
            xAxisName: "tokens", columnLabels: lengths.map { Self.grouped($0) },
            yAxisName: "needle at % of the text", rowLabels: depths.map { Self.short($0) },
            values: depths.map { depth in lengths.map { row(depth, $0).map { exp($0.logLikelihood) } } },
            cellTexts: depths.map { depth in lengths.map { row(depth, $0).map { $0.isFound ? "✓" : "–" } ?? "" } },
            marker: trainedContextMarker(lengths))
    }

    private func table(setting: String) -> ChartPage.Table {
        let rows = self.rows.filter { $0.setting == setting }.sorted { ($0.length, $0.depth) < ($1.length, $1.depth) }
        return ChartPage.Table(
            header: ["tokens", "needle at %", "tokens before it", "mode", "G", "W", "found", "ln p", "answer"],
            rows: rows.map { row in
                [
                    Self.grouped(row.length), Self.short(row.depth), Self.grouped(row.position),
                    row.mode, row.groupSize.map(String.init) ?? "", row.neighborWindow.map(String.init) ?? "",
                    row.isFound ? "yes" : "no", String(row.logLikelihood), quoted(row.answer),
                ]
            })
    }

    /// A line between the lengths up to the trained context and those beyond; nil: there are none beyond.
    private func trainedContextMarker(_ lengths: [Int]) -> ChartMarker? {
        let within = lengths.count { $0 <= header.contextLength }
        guard within < lengths.count else { return nil }
        return ChartMarker(position: Double(within), label: "trained for \(Self.grouped(header.contextLength))")
    }

    private static func title(_ setting: String) -> String {
        switch setting {
        case "plain": "as it was trained"
        case "auto": "Self-Extend, G and W by length"
        default:
            switch AttentionSetting(setting)?.fixedMode {
            case .selfExtend(let settings)? where !setting.hasPrefix("self"):
                "Self-Extend, G = \(settings.groupSize), W = \(settings.neighborWindow)"
            case let mode?: "\(mode.title) (\(setting))"
            case nil: "\(setting), settings by length"
            }
        }
    }

    private func quoted(_ text: String) -> String { "“" + text.trimmingCharacters(in: .whitespacesAndNewlines) + "”" }

    private static func short(_ depth: Double) -> String { ChartNumber.trimmed(depth, decimals: 4) }

    private static func grouped(_ number: Int) -> String { ChartNumber.label(Double(number), decimals: 0) }
}
