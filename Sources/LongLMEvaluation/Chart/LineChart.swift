/// Lines through points, such as the loss against the position in a text.
public struct LineChart: Sendable, Equatable {
    /// A point in the units of the axes.
    public struct Point: Sendable, Equatable {
        /// Where it lies on the horizontal axis.
        public var x: Double
        /// Where it lies on the vertical axis.
        public var y: Double

        /// A point from its coordinates.
        public init(x: Double, y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// A line and its name.
    public struct Series: Sendable, Equatable {
        /// What the legend calls it.
        public var name: String
        /// The points in the order in which they are joined. One that can't be drawn leaves a gap: NaN, infinity, anything
        /// beyond ±10¹⁰⁰, and on a logarithmic axis 0 or less.
        public var points: [Point]

        /// A line through points.
        public init(name: String, points: [Point]) {
            self.name = name
            self.points = points
        }
    }

    /// The first line.
    public var title: String
    /// What was measured and how, below the title.
    public var subtitle: String
    /// What x is, with its unit.
    public var xAxisName: String
    /// What y is, with its unit.
    public var yAxisName: String
    /// How the horizontal axis spreads its values.
    public var xScale: AxisScale
    /// How the vertical axis spreads its values.
    public var yScale: AxisScale
    /// The lines; a later one is drawn over the earlier ones. Thousands of points make a large file and a dark line: take
    /// means of them instead.
    public var series: [Series]
    /// Lines from top to bottom at an x, which the horizontal axis is made to include.
    public var markers: [ChartMarker]

    /// A chart of series, whose axes cover all points and markers.
    public init(
        title: String, subtitle: String = "", xAxisName: String = "", yAxisName: String = "",
        xScale: AxisScale = .linear, yScale: AxisScale = .linear, series: [Series], markers: [ChartMarker] = []
    ) {
        self.title = title
        self.subtitle = subtitle
        self.xAxisName = xAxisName
        self.yAxisName = yAxisName
        self.xScale = xScale
        self.yScale = yScale
        self.series = series
        self.markers = markers
    }
}
