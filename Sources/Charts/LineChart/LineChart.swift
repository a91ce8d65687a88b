/// Lines through points, such as the loss against the position in a text.
package struct LineChart: Sendable, Equatable {
    /// A point in the units of the axes.
    package struct Point: Sendable, Equatable {
        /// Where it lies on the horizontal axis.
        package var x: Double
        /// Where it lies on the vertical axis.
        package var y: Double

        /// A point from its coordinates.
        package init(x: Double, y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// A line and its name.
    package struct Series: Sendable, Equatable {
        /// What the legend calls it.
        package var name: String
        /// The points in the order in which they are joined. A point that can't be drawn leaves a gap: NaN, infinity, anything
        /// beyond ±10¹⁰⁰, and 0 or less on a logarithmic axis.
        package var points: [Point]

        /// A line through points.
        package init(name: String, points: [Point]) {
            self.name = name
            self.points = points
        }
    }

    /// The first line.
    package var title: String
    /// What was measured and how, below the title.
    package var subtitle: String
    /// What x is, with its unit.
    package var xAxisName: String
    /// What y is, with its unit.
    package var yAxisName: String
    /// How the horizontal axis spreads its values.
    package var xScale: AxisScale
    /// How the vertical axis spreads its values.
    package var yScale: AxisScale
    /// Values that the vertical axis includes whatever the points are, such as 0 and 100 for per cents.
    package var yIncluded: [Double]
    /// The lines. Later ones are drawn over earlier ones. Take means of thousands of points, which would make a large file
    /// and a dark line.
    package var series: [Series]
    /// Lines from top to bottom at an x. The horizontal axis includes them.
    package var markers: [ChartMarker]

    /// A chart of series, whose axes cover all points and markers.
    package init(
        title: String, subtitle: String = "", xAxisName: String = "", yAxisName: String = "",
        xScale: AxisScale = .linear, yScale: AxisScale = .linear, yIncluded: [Double] = [], series: [Series],
        markers: [ChartMarker] = []
    ) {
        self.title = title
        self.subtitle = subtitle
        self.xAxisName = xAxisName
        self.yAxisName = yAxisName
        self.xScale = xScale
        self.yScale = yScale
        self.yIncluded = yIncluded
        self.series = series
        self.markers = markers
    }
}
