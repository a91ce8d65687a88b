/// A labelled dashed line across a chart from top to bottom, such as the context that a model was trained for.
package struct ChartMarker: Sendable, Equatable {
    /// Where the line stands on the horizontal axis: in a ``LineChart`` an x, in a ``HeatMap`` the number of columns left
    /// of it, from 0 to their count, fractions included.
    package var position: Double
    /// What the line means.
    package var label: String

    /// A line at a position, with what it means.
    package init(position: Double, label: String) {
        self.position = position
        self.label = label
    }
}
