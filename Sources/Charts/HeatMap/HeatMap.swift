/// A table of values between 0 and 1 as colours, such as the share of needles found by context length and depth.
///
/// Columns lie on the horizontal axis, the first at the left; rows on the vertical one, the first at the top.
package struct HeatMap: Sendable, Equatable {
    /// The first line.
    package var title: String
    /// What was measured and how, below the title.
    package var subtitle: String
    /// What a value is, beside the scale of colours, such as "needles found".
    package var valueName: String
    /// What the columns are, with their unit.
    package var xAxisName: String
    /// A label for each column, which says how many there are.
    package var columnLabels: [String]
    /// What the rows are, with their unit.
    package var yAxisName: String
    /// A label for each row, which says how many there are.
    package var rowLabels: [String]
    /// The values, [row][column], from 0 to 1; those beyond are drawn as 0 or 1, and nil, NaN or one that is missing as
    /// not measured.
    package var values: [[Double?]]
    /// Texts on the cells, [row][column], of which any may be missing; nil for the values in whole per cent.
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

    /// What stands on a cell.
    func text(row: Int, column: Int) -> String {
        guard let cellTexts else { return value(row: row, column: column).map(ChartNumber.percent) ?? "" }
        guard row < cellTexts.count, column < cellTexts[row].count else { return "" }
        return ChartText.printable(cellTexts[row][column])
    }

    /// The marker where it can be drawn, moved onto the map where it lies outside.
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
