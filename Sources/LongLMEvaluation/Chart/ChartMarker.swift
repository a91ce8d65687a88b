/// A labelled dashed line across a chart from top to bottom, such as the context that a model was trained for.
public struct ChartMarker: Sendable, Equatable {
    /// Where the line stands on the horizontal axis: in a ``LineChart`` an x, in a ``HeatMap`` the number of columns left
    /// of it, from 0 to their count, fractions included.
    public var position: Double
    /// What the line means.
    public var label: String

    /// A line at a position, with what it means.
    public init(position: Double, label: String) {
        self.position = position
        self.label = label
    }
}
