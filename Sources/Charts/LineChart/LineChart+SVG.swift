extension LineChart {
    /// The chart as an SVG document. The same chart gives the same bytes.
    package func svg() -> String {
        let width = 760.0
        var writer = SVGWriter()
        var y = writer.heading(title: title, subtitle: subtitle, width: width)
        y = drawLegend(top: y, width: width, into: &writer)

        let plot = Plot(self, top: y, width: width)
        drawAxes(plot, into: &writer)
        for (marker, row) in plot.markers {
            let x = plot.x(marker.position)
            writer.line(
                from: (x, plot.markerBaseline(row) + 5), to: (x, plot.bottom), stroke: SVGWriter.ink, width: 1.5,
                dashes: "6 4")
        }
        // Labels come after all lines, which would otherwise cross the labels of other markers.
        for (marker, row) in plot.markers {
            writer.label(
                marker.label, centeredAt: plot.x(marker.position), y: plot.markerBaseline(row),
                between: SVGWriter.margin, and: width - SVGWriter.margin)
        }
        for (index, series) in series.enumerated() { draw(series, index, plot, into: &writer) }
        if !plot.hasPoints {
            writer.text("no data", x: (plot.left + plot.right) / 2, y: (plot.top + plot.bottom) / 2, anchor: .middle)
        }
        return writer.document(
            width: width, height: plot.bottom + (xAxisName.isEmpty ? 36 : 58), title: title, description: subtitle)
    }

    /// Where things lie, in pixels.
    private struct Plot {
        let xAxis: ChartAxis
        let yAxis: ChartAxis
        let hasPoints: Bool
        /// The markers by position, each with the row of its label. Labels in several rows don't cover each other.
        let markers: [(ChartMarker, row: Int)]
        let left: Double
        let right: Double
        let top: Double
        let bottom: Double

        init(_ chart: LineChart, top: Double, width: Double) {
            let segments = chart.series.flatMap { chart.segments($0) }.joined()
            let drawn = chart.markers.filter { ChartAxis.accepts($0.position, on: chart.xScale) }
                .sorted { $0.position < $1.position }
            hasPoints = !segments.isEmpty
            xAxis = ChartAxis(
                chart.xScale, covering: segments.map(\.x) + drawn.map(\.position), endsAtTicks: false,
                maximumTickCount: ChartAxis.maximumHorizontalTickCount)
            yAxis = ChartAxis(
                chart.yScale,
                covering: segments.map(\.y) + chart.yIncluded.filter { ChartAxis.accepts($0, on: chart.yScale) },
                endsAtTicks: true, maximumTickCount: ChartAxis.maximumVerticalTickCount)

            let labelWidth = yAxis.ticks.map { ChartText.pixels($0.label, size: 12) }.max() ?? 0
            left = SVGWriter.margin + (chart.yAxisName.isEmpty ? 0 : 22) + labelWidth + 10
            // Half of the last label lies beyond the end of the axis.
            right = width - 40

            var rowEnds: [Double] = []
            var markers: [(ChartMarker, row: Int)] = []
            for marker in drawn {
                let label = ChartText.printable(marker.label)
                let half = min(ChartText.pixels(label, size: 12), width - 2 * SVGWriter.margin) / 2
                let x = left + xAxis.fraction(marker.position) * (right - left)
                let center = min(max(x, SVGWriter.margin + half), width - SVGWriter.margin - half)
                let row = rowEnds.firstIndex { $0 < center - half } ?? rowEnds.count
                if row == rowEnds.count { rowEnds.append(0) }
                rowEnds[row] = center + half + 10
                markers.append((marker, row))
            }
            self.markers = markers
            self.top = top + 16 * Double(rowEnds.count) + 6
            bottom = self.top + 320
        }

        func x(_ value: Double) -> Double { left + xAxis.fraction(value) * (right - left) }
        func y(_ value: Double) -> Double { bottom - yAxis.fraction(value) * (bottom - top) }
        func markerBaseline(_ row: Int) -> Double { top - 10 - 16 * Double(row) }
    }

    /// A series' stretches of points that can be drawn.
    private func segments(_ series: Series) -> [ArraySlice<Point>] {
        series.points.split { !ChartAxis.accepts($0.x, on: xScale) || !ChartAxis.accepts($0.y, on: yScale) }
    }

    /// A series' colour and dashes. The colours are distinct with any colour vision (Okabe and Ito). Dashes help in print,
    /// and a line below shows through them.
    private static func style(_ index: Int) -> (color: String, dashes: String?) {
        let colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"]
        let dashes = [nil, "9 4", "3 3", "12 4 3 4"]
        return (colors[index % colors.count], dashes[index % dashes.count])
    }

    /// Draws the names of the series beside samples of their lines, and returns the y below them.
    private func drawLegend(top: Double, width: Double, into writer: inout SVGWriter) -> Double {
        var (x, y) = (SVGWriter.margin, top)
        var isEmpty = true
        for (index, series) in series.enumerated() where !series.name.isEmpty {
            let style = Self.style(index)
            let nameWidth = min(ChartText.pixels(ChartText.printable(series.name), size: 12), 320)
            if !isEmpty, x + 36 + nameWidth > width - SVGWriter.margin { (x, y) = (SVGWriter.margin, y + 20) }
            writer.line(from: (x, y + 8), to: (x + 28, y + 8), stroke: style.color, width: 2.5, dashes: style.dashes)
            writer.text(series.name, x: x + 36, y: y + 12, width: nameWidth)
            x += 36 + nameWidth + 24
            isEmpty = false
        }
        return isEmpty ? y : y + 26
    }

    private func drawAxes(_ plot: Plot, into writer: inout SVGWriter) {
        for tick in plot.yAxis.ticks {
            let y = plot.y(tick.value)
            writer.line(from: (plot.left, y), to: (plot.right, y), stroke: SVGWriter.grid)
            writer.text(tick.label, x: plot.left - 8, y: y + 4, anchor: .end, fill: SVGWriter.muted)
        }
        for tick in plot.xAxis.ticks {
            let x = plot.x(tick.value)
            writer.line(from: (x, plot.top), to: (x, plot.bottom), stroke: SVGWriter.grid)
            writer.line(from: (x, plot.bottom), to: (x, plot.bottom + 5), stroke: SVGWriter.muted)
            writer.text(tick.label, x: x, y: plot.bottom + 20, anchor: .middle, fill: SVGWriter.muted)
        }
        writer.line(from: (plot.left, plot.bottom), to: (plot.right, plot.bottom), stroke: SVGWriter.muted)
        writer.text(
            xAxisName, x: (plot.left + plot.right) / 2, y: plot.bottom + 42, anchor: .middle, fill: SVGWriter.muted,
            width: plot.right - plot.left)
        writer.text(
            yAxisName, x: SVGWriter.margin + 10, y: (plot.top + plot.bottom) / 2, anchor: .middle,
            fill: SVGWriter.muted, isUpright: false, width: plot.bottom - plot.top)
    }

    private func draw(_ series: Series, _ index: Int, _ plot: Plot, into writer: inout SVGWriter) {
        let style = Self.style(index)
        let segments = segments(series)
        let lines = segments.filter { $0.count > 1 }.map { segment in
            "M" + segment.map { SVGWriter.point(plot.x($0.x), plot.y($0.y)) }.joined(separator: "L")
        }
        if !lines.isEmpty {
            writer.add(
                "path",
                [
                    "d": lines.joined(), "fill": "none", "stroke": style.color, "stroke-width": "2.5",
                    "stroke-linejoin": "round", "stroke-dasharray": style.dashes,
                ], title: series.name)
        }
        // Many dots would hide the line. A point without neighbours has no line and needs its dot.
        let dots = series.points.count <= 50 ? segments : segments.filter { $0.count == 1 }
        for point in dots.joined() {
            writer.add(
                "circle",
                [
                    "cx": ChartNumber.coordinate(plot.x(point.x)), "cy": ChartNumber.coordinate(plot.y(point.y)),
                    "r": "3", "fill": style.color,
                ], title: "\(series.name): \(ChartNumber.measured(point.x)), \(ChartNumber.measured(point.y))")
        }
    }
}
