import Charts
import Testing

@Suite("Line charts")
struct LineChartTests {
    private typealias Point = LineChart.Point

    private func series(_ points: [(Double, Double)], name: String = "s") -> LineChart.Series {
        LineChart.Series(name: name, points: points.map { Point(x: $0.0, y: $0.1) })
    }

    private func chart(_ series: [LineChart.Series], x: AxisScale = .linear, y: AxisScale = .linear) -> LineChart {
        LineChart(
            title: "T", subtitle: "S", xAxisName: "position", yAxisName: "loss", xScale: x, yScale: y,
            series: series)
    }

    /// The points that the lines of a chart join, in pixels: [line][segment][point].
    private func paths(_ svg: String) throws -> [[[(x: Double, y: Double)]]] {
        try ElementReader.elements(svg).filter { $0.name == "path" }.map { path in
            try #require(path.attributes["d"]).split(separator: "M").map { segment in
                try segment.split(separator: "L").map { point in
                    let numbers = point.split(separator: " ").compactMap { Double($0) }
                    try #require(numbers.count == 2)
                    return (numbers[0], numbers[1])
                }
            }
        }
    }

    /// The labels of the ticks of both axes.
    private func ticks(_ chart: LineChart) throws -> (x: [String], y: [String]) {
        let texts = try ElementReader.elements(chart.svg()).filter {
            $0.name == "text" && $0.attributes["fill"] == "#555555" && $0.attributes["transform"] == nil
                && $0.attributes["font-size"] == "12"
        }
        return (
            texts.filter { $0.attributes["text-anchor"] == "middle" && $0.text != "position" }.map(\.text),
            texts.filter { $0.attributes["text-anchor"] == "end" }.map(\.text)
        )
    }

    @Test("Points lie in proportion to their values")
    func proportions() throws {
        let path = try #require(try paths(chart([series([(0, 3), (5, 10), (10, 6.5)])]).svg()).first?.first)
        try #require(path.count == 3)
        #expect(abs((path[0].x + path[2].x) / 2 - path[1].x) < 0.02)
        #expect(abs((path[0].y + path[1].y) / 2 - path[2].y) < 0.02)
        #expect(path[0].x < path[1].x && path[1].y < path[0].y)
    }

    @Test("The vertical axis reaches to what it is to include")
    func included() throws {
        var chart = chart([series([(0, 40), (1, 60)])])
        func bounds() throws -> [Double?] {
            let labels = try ticks(chart).y
            return [labels.first, labels.last].map { $0.flatMap { Double($0) } }
        }
        #expect(try bounds() == [40, 60])
        chart.yIncluded = [0, 100, .nan]
        #expect(try bounds() == [0, 100])
        chart.series = []
        #expect(chart.svg().contains("no data"))
    }

    @Test("A flat line beside one that explodes keeps apart from it and from the axis")
    func explosion() throws {
        let plain = series((1...32).map { (Double($0) * 512, $0 <= 16 ? 3 : 10) }, name: "plain")
        let extended = series((1...32).map { (Double($0) * 512, 3.05) }, name: "Self-Extend")
        var chart = chart([plain, extended])
        chart.markers = [ChartMarker(position: 8192, label: "trained")]
        try expectSound(chart.svg())
        let paths = try paths(chart.svg())
        try #require(paths.count == 2 && paths[0][0].count == 32 && paths[1][0].count == 32)
        #expect(paths[1][0][31].y - paths[0][0][31].y > 150)
        // The marker stands where the sixteenth point does.
        let elements = try ElementReader.elements(chart.svg())
        let marker = try #require(elements.first { $0.attributes["stroke-dasharray"] == "6 4" })
        #expect(marker.number("x1") == paths[0][0][15].x && marker.number("x2") == marker.number("x1"))
        #expect(elements.contains { $0.name == "text" && $0.text == "trained" })
        // The legend names both, and their lines differ in colour and dashes.
        #expect(elements.filter { ["plain", "Self-Extend"].contains($0.text) && $0.name == "text" }.count == 2)
        let drawn = elements.filter { $0.name == "path" }
        #expect(drawn.map(\.title) == ["plain", "Self-Extend"])
        #expect(Set(drawn.map { $0.attributes["stroke"] }).count == 2)
        #expect(Set(drawn.map { $0.attributes["stroke-dasharray"] }).count == 2)
    }

    @Test("What is no number leaves a gap, and a point without neighbours is a dot")
    func gaps() throws {
        let points = [(0, 1), (1, 2), (2, .nan), (3, 3), (4, .infinity), (.nan, 1), (5, -1e300), (6, 1), (7, 2)]
        let many = (8..<80).map { (Double($0), 2.0) }
        let chart = chart([series(points + many)])
        #expect(try paths(chart.svg()).map { $0.map(\.count) } == [[2, 74]])
        #expect(try ElementReader.elements(chart.svg()).filter { $0.name == "circle" }.map(\.title) == ["s: 3, 3"])
        // A line of few points has a dot for each.
        #expect(
            try ElementReader.elements(self.chart([series(points)]).svg()).filter { $0.name == "circle" }.map(
                \.title)
                == ["s: 0, 1", "s: 1, 2", "s: 3, 3", "s: 6, 1", "s: 7, 2"])
    }

    @Test("Ticks are round numbers")
    func ticks() throws {
        func y(_ low: Double, _ high: Double, _ scale: AxisScale = .linear) throws -> [String] {
            try ticks(chart([series([(0, low), (1, high)])], y: scale)).y
        }
        func x(_ low: Double, _ high: Double, _ scale: AxisScale = .linear) throws -> [String] {
            try ticks(chart([series([(low, 1), (high, 2)])], x: scale)).x
        }
        // The vertical axis ends at ticks, the horizontal one at its values.
        #expect(try y(3, 10) == ["3", "4", "5", "6", "7", "8", "9", "10"])
        #expect(try y(2.31, 2.94) == ["2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9", "3.0"])
        #expect(try y(-0.4, 0.4) == ["−0.4", "−0.3", "−0.2", "−0.1", "0", "0.1", "0.2", "0.3", "0.4"])
        #expect(try y(0, 4e12) == ["0", "5e11", "1e12", "1.5e12", "2e12", "2.5e12", "3e12", "3.5e12", "4e12"])
        #expect(try x(100, 8000) == ["1,000", "2,000", "3,000", "4,000", "5,000", "6,000", "7,000", "8,000"])
        #expect(try x(-1, 1) == ["−1.00", "−0.75", "−0.50", "−0.25", "0", "0.25", "0.50", "0.75", "1.00"])
        #expect(try x(3, 60000, .logarithmic) == ["10", "100", "1,000", "10,000"])
        #expect(try x(0.03, 2, .logarithmic) == ["0.05", "0.1", "0.2", "0.5", "1", "2"])
        #expect(try y(3, 30, .logarithmic) == ["2", "5", "10", "20", "50"])
        #expect(try x(500, 20000, .powersOfTwo) == ["512", "1,024", "2,048", "4,096", "8,192", "16,384"])
        #expect(try x(0.25, 1, .powersOfTwo) == ["0.25", "0.5", "1"])
        // Where no two powers lie in the range, others do.
        #expect(try x(1100, 1900, .powersOfTwo).first == "1,100")
    }

    @Test(
        "On logarithmic axes equal factors are equal distances", arguments: [AxisScale.logarithmic, .powersOfTwo])
    func logarithms(scale: AxisScale) throws {
        let points = [(-1.0, 5.0), (0, 5), (10, 10), (100, 100), (1000, 1000)]
        let path = try #require(try paths(chart([series(points)], x: scale, y: scale).svg()).first)
        try #require(path.map(\.count) == [3])
        #expect(abs((path[0][0].x + path[0][2].x) / 2 - path[0][1].x) < 0.02)
        #expect(abs((path[0][0].y + path[0][2].y) / 2 - path[0][1].y) < 0.02)
        #expect(path[0][2].x - path[0][0].x > 400)
    }

    @Test("Labels of markers that stand close don't cover each other")
    func crowdedMarkers() throws {
        var chart = chart([series([(0, 1), (1000, 2)])])
        chart.markers = [510, 500, 505, 2000].map { ChartMarker(position: $0, label: "marker at \(Int($0))") }
        chart.markers += [ChartMarker(position: .nan, label: "marker nowhere")]
        try expectSound(chart.svg())
        let labels = try ElementReader.elements(chart.svg()).filter { $0.text.hasPrefix("marker") }
        #expect(labels.map(\.text) == ["marker at 500", "marker at 505", "marker at 510", "marker at 2000"])
        // Three rows, and the last has room in the first of them.
        #expect(Set(labels.map { $0.attributes["y"] }).count == 3)
        #expect(labels.first?.attributes["y"] == labels.last?.attributes["y"])
    }

    static let points: [[(Double, Double)]] = [
        [], [(1, 1)], [(0, 0)], [(3, 2), (3, 2)], [(1, -5), (2, -1)], [(1, .nan)],
        [(1, 1e100), (2, -1e100), (3, 1e-100), (4, .greatestFiniteMagnitude), (5, .leastNonzeroMagnitude)],
        [(1e-100, 1), (1e100, 1e100)], [(1e15, 1e15), (1e15 + 1, 1e15 + 0.125)], [(7, 0.1), (7, 0.1.nextUp)],
    ]

    @Test(
        "Whatever the values are, the document is sound",
        arguments: [AxisScale.linear, .logarithmic, .powersOfTwo], points)
    func extremes(scale: AxisScale, points: [(Double, Double)]) throws {
        let chart = chart([series(points), series([], name: "empty")], x: scale, y: scale)
        try expectSound(chart.svg())
        #expect(chart.svg() == chart.svg())
        let isDrawable: (Double) -> Bool = {
            abs($0) <= 1e100 && ($0 >= 1e-100 || (scale == .linear && $0 != .leastNonzeroMagnitude))
        }
        let drawn = points.filter { isDrawable($0.0) && isDrawable($0.1) }
        #expect(try ElementReader.elements(chart.svg()).filter { $0.name == "circle" }.count == drawn.count)
        #expect(chart.svg().contains("no data") == drawn.isEmpty)
        // Every axis can be read.
        let ticks = try ticks(chart)
        #expect((1...10).contains(ticks.x.count) && (2...10).contains(ticks.y.count), "\(ticks)")
    }

    @Test("Names are text, whatever they hold")
    func hostileNames() throws {
        let long = hostile + String(repeating: "long ", count: 100)
        let chart = LineChart(
            title: long, subtitle: long, xAxisName: long, yAxisName: long,
            series: (0..<9).map { series([(0, Double($0)), (1, 3)], name: "\($0)\(long)") },
            markers: [ChartMarker(position: 1, label: "marker" + long)])
        try expectSound(chart.svg())
        let elements = try ElementReader.elements(chart.svg())
        let whole = shown + String(repeating: "long ", count: 100)
        #expect(elements[0].title == whole)
        #expect(elements.filter { $0.name == "path" }.map(\.title) == (0..<9).map { "\($0)\(whole)" })
        #expect(elements.contains { $0.name == "text" && $0.title == "marker" + whole })
    }
}
