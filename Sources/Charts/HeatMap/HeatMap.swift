/// A table of values between 0 and 1 as colours, such as the share of needles found by context length and depth.
///
/// Columns lie on the horizontal axis, the first at the left; rows on the vertical one, the first at the top.
package struct HeatMap: Sendable, Equatable {
    /// The first line.
    package var title: String
    /// What was measured and how, below the title.
    package var subtitle: String
    /// What a value is. It stands beside the scale of colours, such as "needles found".
    package var valueName: String
    /// What the columns are, with their unit.
    package var xAxisName: String
    /// A label for each column. Their number is the number of columns.
    package var columnLabels: [String]
    /// What the rows are, with their unit.
    package var yAxisName: String
    /// A label for each row. Their number is the number of rows.
    package var rowLabels: [String]
    /// The values, [row][column], from 0 to 1. Values outside of that are drawn as 0 or 1. Values that are nil, NaN or
    /// missing are drawn as not measured.
    package var values: [[Double?]]
    /// Texts on the cells, [row][column]. A missing one is empty; nil: the values in whole per cent.
    package var cellTexts: [[String]]?
    /// A line between columns: a position of 3 is the edge between the third column and the fourth.
    package var marker: ChartMarker?

    /// A map of the values [row][column], each from 0 to 1 or nil where not measured.
    package init(
        title: String, subtitle: String = "", valueName: String = "", xAxisName: String = "", columnLabels: [String],
        yAxisName: String = "", rowLabels: [String], values: [[Double?]], cellTexts: [[String]]? = nil,
        marker: ChartMarker? = nil
    ) {
        self.title = title
        self.subtitle = subtitle
        self.valueName = valueName
        self.xAxisName = xAxisName
        self.columnLabels = columnLabels
        self.yAxisName = yAxisName
        self.rowLabels = rowLabels
        self.values = values
        self.cellTexts = cellTexts
        self.marker = marker
    }

    /// A cell's value from 0 to 1, or nil where it was not measured.
    func value(row: Int, column: Int) -> Double? {
        guard row < values.count, column < values[row].count, let value = values[row][column], !value.isNaN else {
            return nil
        }
        return min(max(value, 0), 1)
    }

    /// The text on a cell.
    func text(row: Int, column: Int) -> String {
        guard let cellTexts else { return value(row: row, column: column).map(ChartNumber.percent) ?? "" }
        guard row < cellTexts.count, column < cellTexts[row].count else { return "" }
        return ChartText.printable(cellTexts[row][column])
    }

    /// The marker, moved onto the map if it lies outside; nil: there is none that can be drawn.
    var drawnMarker: ChartMarker? {
        guard let marker, !marker.position.isNaN, !columnLabels.isEmpty else { return nil }
        let position = min(max(marker.position, 0), Double(columnLabels.count))
        return ChartMarker(position: position, label: ChartText.printable(marker.label))
    }

    /// Whether any cell has no value.
    var hasGaps: Bool {
        rowLabels.indices.contains { row in columnLabels.indices.contains { value(row: row, column: $0) == nil } }
    }
}
