import Charts
import LongLM

/// A chart of the loss against the position in a text, with a line for each attention setting.
public struct LossChart: Sendable {
    /// What ``Perplexity/run(progress:)`` returned: rows of one text, with equal buckets.
    public var rows: [PerplexityRow]
    /// The model's name, for the title.
    public var modelName: String
    /// The text's name, for the subtitle.
    public var textName: String
    /// The context length of the model, which is marked where the text is longer.
    public var contextLength: Int

    /// A chart of rows.
    public init(rows: [PerplexityRow], modelName: String, textName: String, contextLength: Int) {
        self.rows = rows
        self.modelName = modelName
        self.textName = textName
        self.contextLength = contextLength
    }

    /// The chart as an SVG document: the same bytes for the same rows.
    public func svg() -> String { lineChart.svg() }

    package var lineChart: LineChart {
        let windowCount = rows.first?.windowCount ?? 0
        let length = (rows.first?.buckets.last?.last ?? 0) + 1
        return LineChart(
            title: "\(modelName): loss against position",
            subtitle:
                "\(textName), \(windowCount) window\(windowCount == 1 ? "" : "s") of \(Self.grouped(length)) tokens",
            xAxisName: "position", yAxisName: "mean of −ln p", series: rows.map(Self.series),
            markers: contextLength < length
                ? [ChartMarker(position: Double(contextLength), label: "trained context")] : [])
    }

    private static func series(_ row: PerplexityRow) -> LineChart.Series {
        LineChart.Series(
            name: AttentionMode.words(
                mode: row.mode, groupSize: row.groupSize, neighborWindow: row.neighborWindow, grouped: grouped),
            points: row.buckets.filter { $0.count > 0 }.map {
                LineChart.Point(x: Double($0.first + $0.last) / 2, y: $0.loss)
            })
    }

    private static func grouped(_ number: Int) -> String { ChartNumber.label(Double(number), decimals: 0) }
}
