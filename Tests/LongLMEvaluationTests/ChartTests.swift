import Foundation
import LongLMEvaluation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// An element of a parsed document: its attributes, its own text, and the text of the title inside it.
private struct Element {
    var name: String
    var attributes: [String: String]
    var text = ""
    var title: String?

    func number(_ attribute: String) -> Double { attributes[attribute].flatMap(Double.init) ?? .nan }
}

/// Reads the elements of a well-formed document in their order.
private final class ElementReader: NSObject, XMLParserDelegate {
    private(set) var elements: [Element] = []
    private var open: [Int] = []

    static func elements(_ document: String) throws -> [Element] {
        let reader = ElementReader()
        let parser = XMLParser(data: Data(document.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "\(String(describing: parser.parserError)): \(document)")
        return reader.elements
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        open.append(elements.count)
        elements.append(Element(name: name, attributes: attributes))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        if let index = open.last { elements[index].text += string }
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        guard let index = open.popLast(), name == "title", let parent = open.last else { return }
        elements[parent].title = elements[index].text
    }
}

/// What labels from files and users may hold: markup, quotes, a terminal's escape sequence, characters that XML forbids,
/// a line break, and a mark that reverses what follows.
private let hostile = "<script>&amp;\"'\u{0}\u{1B}[31m\u{FFFF}\u{202E}\u{7F}\u{85}]]>\r\n<!--"
/// The same as it must be shown.
private let shown = "<script>&amp;\"'\u{FFFD}\u{FFFD}[31m\u{FFFD}\u{FFFD}\u{FFFD} ]]>  <!--"

private func luminance(_ color: String) throws -> Double {
    let value = try #require(Int(color.dropFirst(), radix: 16))
    let channels = [value >> 16, value >> 8 & 255, value & 255].map { channel in
        let value = Double(channel) / 255
        return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
}

/// Asserts what every document must be: white, of a stated size that nothing leaves, without scripts or references.
private func expectSound(_ svg: String) throws {
    let elements = try ElementReader.elements(svg)
    let root = elements[0]
    let (width, height) = (root.number("width"), root.number("height"))
    #expect(root.name == "svg" && width > 0 && height > 0)
    #expect(root.attributes["viewBox"] == "0 0 \(Int(width)) \(Int(height))")
    #expect(root.attributes["font-family"]?.hasSuffix("sans-serif") == true)
    let ground = try #require(elements.first { $0.name == "rect" })
    #expect(ground.attributes == ["width": "\(Int(width))", "height": "\(Int(height))", "fill": "#ffffff"])
    #expect(
        Set(elements.map(\.name)).isSubset(
            of: ["svg", "title", "desc", "rect", "text", "line", "path", "circle"]))
    let numeric = ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height", "r", "font-size", "stroke-width"]
    for element in elements {
        for name in ["id", "href", "style", "onload", "class"] { #expect(element.attributes[name] == nil) }
        for (name, value) in element.attributes where numeric.contains(name) {
            #expect(value.wholeMatch(of: /-?[0-9]+(\.[0-9]{1,2})?/) != nil, "\(name)=\(value)")
        }
        for (name, limit) in [("x", width), ("x1", width), ("x2", width), ("cx", width)] {
            if element.attributes[name] != nil { #expect((0...limit).contains(element.number(name))) }
        }
        for name in ["y", "y1", "y2", "cy"] where element.attributes[name] != nil {
            #expect((0...height).contains(element.number(name)))
        }
        if element.name == "rect", element.attributes["x"] != nil {
            #expect(element.number("x") + element.number("width") <= width)
            #expect(element.number("y") + element.number("height") <= height)
        }
    }
    #expect(!svg.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
}

@Suite("Charts")
struct ChartTests {
    @Suite("Heat maps as SVG")
    struct HeatMapDocuments {
        private func map(
            _ values: [[Double?]], columns: Int = 3, rows: Int = 2, texts: [[String]]? = nil, marker: Double? = nil
        ) -> HeatMap {
            HeatMap(
                title: "T", subtitle: "S", valueName: "found", xAxisName: "length",
                columnLabels: (0..<columns).map { "c\($0)" }, yAxisName: "depth",
                rowLabels: (0..<rows).map { "r\($0)" },
                values: values, cellTexts: texts, marker: marker.map { ChartMarker(position: $0, label: "trained") })
        }

        private func cells(_ map: HeatMap) throws -> [Element] {
            try ElementReader.elements(map.svg()).filter { $0.name == "rect" && $0.title != nil }
        }

        @Test("A cell for each row and column, in order, coloured by value")
        func cells() throws {
            let map = map([[0, 0.5, 1], [-3, .nan, 7]])
            let cells = try cells(map)
            #expect(
                cells.map(\.title) == [
                    "c0, r0: 0 %", "c1, r0: 50 %", "c2, r0: 100 %", "c0, r1: 0 %", "c1, r1: not measured",
                    "c2, r1: 100 %",
                ])
            #expect(
                cells.map { $0.attributes["fill"] } == [
                    "#440154", "#21918c", "#fde725", "#440154", "#f0f0f0", "#fde725",
                ])
            let (width, height) = (cells[0].number("width"), cells[0].number("height"))
            #expect(width >= 36 && height >= 24)
            for (index, cell) in cells.enumerated() {
                #expect(cell.number("x") == cells[0].number("x") + Double(index % 3) * width)
                #expect(cell.number("y") == cells[0].number("y") + Double(index / 3) * height)
            }
        }

        @Test("What is not measured is hatched and explained; a value too many is no cell")
        func gaps() throws {
            let map = map([[1, nil], [], [1, 1, 1]])
            #expect(
                try cells(map).map { $0.title?.hasSuffix("not measured") } == [false, true, true, true, true, true])
            let elements = try ElementReader.elements(map.svg())
            // Five cells and the key.
            #expect(elements.count { $0.name == "path" } == 6)
            #expect(elements.contains { $0.name == "text" && $0.text == "not measured" })
            let full = try ElementReader.elements(self.map([[1, 1, 1], [0, 0, 0]]).svg())
            #expect(!full.contains { $0.name == "path" || $0.text == "not measured" })
        }

        @Test("Colours grow lighter with the value, and texts on them can be read")
        func colors() throws {
            let values = (0...40).map { Double($0) / 40 }
            let map = map([values], columns: 41, rows: 1, texts: [values.map { _ in "i" }])
            let backgrounds = try cells(map).map { try luminance(#require($0.attributes["fill"])) }
            let texts = try ElementReader.elements(map.svg()).filter { $0.name == "text" && $0.text == "i" }
                .map { try luminance(#require($0.attributes["fill"])) }
            #expect(backgrounds.count == 41 && texts.count == 41)
            for (previous, next) in zip(backgrounds, backgrounds.dropFirst()) { #expect(previous < next) }
            for (one, other) in zip(backgrounds, texts) {
                #expect((max(one, other) + 0.05) / (min(one, other) + 0.05) >= 4.5)
            }
        }

        @Test("Cells say the per cent, 0 and 100 only when exact, or what they are given")
        func texts() throws {
            func texts(_ map: HeatMap) throws -> [String] {
                try ElementReader.elements(map.svg()).filter { element in
                    element.name == "text" && ["#000000", "#ffffff"].contains(element.attributes["fill"])
                }.map(\.text)
            }
            let values = [[0, 0.001, 0.125], [0.5, 0.9999, 1]]
            #expect(try texts(map(values)) == ["0", "1", "13", "50", "99", "100"])
            #expect(try texts(map(values, texts: [["3/4"], ["", "x"]])) == ["3/4", "x"])
            #expect(try texts(map(values, texts: [])) == [])
            // One that doesn't fit is left out, not cut to another number.
            #expect(try texts(map(values, texts: [[String(repeating: "9", count: 40), "7"]])) == ["7"])
        }

        @Test("The marker stands between columns", arguments: [(0, 0), (1, 1), (2.5, 2.5), (-4, 0), (1e300, 3)])
        func marker(position: Double, column: Double) throws {
            let map = map([[1, 1, 1], [1, 1, 1]], marker: position)
            let cell = try #require(try cells(map).first)
            let elements = try ElementReader.elements(map.svg())
            let line = try #require(elements.first { $0.attributes["stroke-dasharray"] != nil })
            let x = cell.number("x") + column * cell.number("width")
            #expect(line.number("x1") == x && line.number("x2") == x)
            #expect(line.number("y1") < cell.number("y"))
            #expect(line.number("y2") > cell.number("y") + 2 * cell.number("height"))
            #expect(elements.contains { $0.name == "text" && $0.text == "trained" })
        }

        @Test("A marker that is no number is not drawn")
        func noMarker() {
            let plain = map([[1]])
            #expect(map([[1]], marker: .nan).svg() == plain.svg())
            #expect(map([[1]], marker: 1).svg() != plain.svg())
        }

        @Test("Every shape gives a sound document", arguments: [0, 1, 2, 11, 45], [0, 1, 10, 70])
        func shapes(rows: Int, columns: Int) throws {
            let values = (0..<rows).map { row in (0..<columns).map { column in Double(row * column % 7) / 6 } }
            var map = map(values, columns: columns, rows: rows, marker: Double(columns))
            try expectSound(map.svg())
            #expect(try cells(map).count == rows * columns)
            #expect(map.svg().contains("no data") == (rows * columns == 0))
            #expect(map.svg() == map.svg())

            let long = String(repeating: "long label ", count: 30)
            (map.title, map.subtitle, map.valueName, map.xAxisName, map.yAxisName) = (long, long, long, long, long)
            map.columnLabels = map.columnLabels.map { _ in long }
            map.rowLabels = map.rowLabels.map { _ in long }
            map.marker?.label = long
            try expectSound(map.svg())
        }

        @Test("Labels are text, whatever they hold")
        func hostileLabels() throws {
            let map = HeatMap(
                title: hostile, subtitle: hostile, valueName: "value" + hostile, xAxisName: "x" + hostile,
                columnLabels: [hostile], yAxisName: "y" + hostile, rowLabels: [hostile], values: [[1]],
                cellTexts: [[hostile]], marker: ChartMarker(position: 1, label: "marker" + hostile))
            try expectSound(map.svg())
            let elements = try ElementReader.elements(map.svg())
            #expect(elements[0].title == shown)
            #expect(elements.first { $0.name == "desc" }?.text == shown)
            #expect(elements.contains { $0.name == "rect" && $0.title == "\(shown), \(shown): 100 %" })
            // Each is shown, and whole under the pointer where there was no room.
            for name in ["value", "x", "y", "marker"] {
                #expect(elements.contains { $0.name == "text" && ($0.title ?? $0.text) == name + shown }, "\(name)")
            }
        }
    }

    @Suite("Heat maps in a terminal")
    struct HeatMapTerminals {
        private let map = HeatMap(
            title: "Needles", subtitle: "plain", valueName: "found", xAxisName: "length (tokens)",
            columnLabels: ["1,024", "2,048", "16,384"], yAxisName: "depth (%)", rowLabels: ["0", "50", "100"],
            values: [[1, 0.5, 0], [1, 0.994, nil], [0.125, 1]], marker: ChartMarker(position: 2, label: "trained"))

        @Test("Without colour")
        func plain() {
            let expected = """
                Needles
                plain

                depth (%) ↓  length (tokens) →
                       1,024   2,048 ┊  16,384
                  0    100 █    50 ▄ ┊     0
                 50    100 █    99 █ ┊       ·
                100     13 ▁   100 █ ┊       ·
                             trained ┊

                found  0 %  ▁▂▃▄▅▆▇█ 100 %   · not measured

                """
            #expect(map.terminal(usesColor: false) == expected)
        }

        @Test("With colour")
        func color() {
            let map = HeatMap(title: "", columnLabels: ["a", "b", "c"], rowLabels: ["r"], values: [[0, 1, nil]])
            let lines = map.terminal(usesColor: true).split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count == 5)
            #expect(lines[0] == "    a    b    c")
            let dark = "\u{1B}[48;2;68;1;84m\u{1B}[38;2;255;255;255m"
            let light = "\u{1B}[48;2;253;231;37m\u{1B}[38;2;0;0;0m"
            #expect(lines[1] == "r \(dark)  0  \u{1B}[0m\(light) 100 \u{1B}[0m  ·")
            #expect(lines[3].hasPrefix("0 % \(dark)  \u{1B}[0m"))
            #expect(lines[3].hasSuffix("\(light)  \u{1B}[0m 100 %   · not measured"))
        }

        @Test(
            "Ten lengths and eleven depths fit 80 columns, and all lines agree on the marker", arguments: [false, true])
        func width(usesColor: Bool) {
            var map = map
            map.columnLabels = (1...10).map { "\($0 + 9),240" }
            map.rowLabels = (0...10).map { "\($0 * 10)" }
            map.values = (0...10).map { row in (1...10).map { 1 / Double(row * $0 + 1) } }
            map.marker?.position = 6
            let lines = map.terminal(usesColor: usesColor).replacing(/\u{1B}\[[0-9;]*m/, with: "").split(
                separator: "\n")
            #expect(lines.map(\.count).max() ?? 0 <= 80)
            let places = lines.compactMap { line in
                line.firstIndex(of: "┊").map { line.distance(from: line.startIndex, to: $0) }
            }
            #expect(places.count == 13 && Set(places).count == 1)
        }

        @Test("Wide characters take two columns, long labels are cut")
        func widths() {
            let map = HeatMap(
                title: "", columnLabels: ["長さ", "a label of a column"], rowLabels: ["深さ", "a"],
                values: [[1, 1], [1, 1]])
            let lines = map.terminal(usesColor: false).split(separator: "\n")
            #expect(lines[0] == "               長さ  a label of …")
            #expect(lines[1] == "深さ          100 █         100 █")
            #expect(lines[2] == "   a          100 █         100 █")
        }

        @Test("No label reaches the terminal as an escape sequence or a line break", arguments: [false, true])
        func hostileLabels(usesColor: Bool) {
            let map = HeatMap(
                title: hostile, subtitle: hostile, valueName: hostile, xAxisName: hostile, columnLabels: [hostile],
                yAxisName: hostile, rowLabels: [hostile], values: [[1]], cellTexts: [[hostile]],
                marker: ChartMarker(position: 1, label: hostile))
            let text = map.terminal(usesColor: usesColor).replacing(/\u{1B}\[[34]8;2;[0-9;]*m|\u{1B}\[0m/, with: "")
            #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
            #expect(!text.unicodeScalars.contains("\u{202E}"))
            #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count == 10)
        }

        @Test("An empty map says so")
        func empty() {
            #expect(
                HeatMap(title: "T", columnLabels: [], rowLabels: ["0"], values: []).terminal(usesColor: true)
                    == "T\n\nno data\n")
        }
    }

    @Suite("Line charts")
    struct LineCharts {
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

    @Suite("Bars in a terminal")
    struct TerminalBars {
        /// Fractions and their bars of eight characters.
        static let filledBars: [(Double, String)] = [
            (0, "        "), (0.0625, "▌       "), (0.015625, "▏       "), (0.5, "████    "), (0.55, "████▍   "),
            (0.984375, "███████▉"), (1, "████████"), (.nan, "        "), (-1, "        "), (7, "████████"),
            (.infinity, "████████"), (-.infinity, "        "),
        ]

        @Test("A bar fills its fraction to an eighth of a character", arguments: filledBars)
        func bars(fraction: Double, bar: String) {
            #expect(TerminalBar.text(fraction: fraction, width: 8) == bar)
        }

        @Test("Widths")
        func widths() {
            #expect(TerminalBar.text(fraction: 0.5, width: 1) == "▌")
            #expect(TerminalBar.text(fraction: 1, width: 0) == "")
            #expect(TerminalBar.text(fraction: 1, width: -3) == "")
            for eighths in 0...80 { #expect(TerminalBar.text(fraction: Double(eighths) / 80, width: 10).count == 10) }
        }
    }

    @Suite("Pages")
    struct Pages {
        private func body(_ page: ChartPage) throws -> String {
            let html = page.html()
            #expect(html.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"))
            #expect(html == page.html())
            let start = try #require(html.range(of: "<body>\n")?.upperBound)
            let end = try #require(html.range(of: "</body>\n</html>\n")?.lowerBound)
            return String(html[start..<end])
        }

        @Test("The parts of a page, in order")
        func parts() throws {
            let page = ChartPage(
                title: "A & B", introduction: "One.\nTwo.\n",
                sections: [
                    ChartPage.Section(
                        heading: "Needles", caption: "What.", svg: "<svg></svg>",
                        table: ChartPage.Table(
                            header: ["model", "found"], rows: [["plain", "1.5"], ["a < b"], ["c", "−2 %", "extra"]])),
                    ChartPage.Section(heading: "", caption: "No chart."),
                    ChartPage.Section(heading: "None", table: ChartPage.Table(header: [], rows: [])),
                ])
            let expected = """
                <h1>A &amp; B</h1>
                <p>One.</p>
                <p>Two.</p>
                <section>
                <h2>Needles</h2>
                <figure>
                <svg></svg>
                <figcaption>What.</figcaption>
                </figure>
                <div class="table"><table>
                <thead>
                <tr><th>model</th><th class="number">found</th><th></th></tr>
                </thead>
                <tbody>
                <tr><td>plain</td><td class="number">1.5</td><td></td></tr>
                <tr><td>a &lt; b</td><td class="number"></td><td></td></tr>
                <tr><td>c</td><td class="number">−2 %</td><td>extra</td></tr>
                </tbody>
                </table></div>
                </section>
                <section>
                <p>No chart.</p>
                </section>
                <section>
                <h2>None</h2>
                </section>

                """
            #expect(try body(page) == expected)
            #expect(page.html().contains("<title>A &amp; B</title>"))
            #expect(ChartPage(title: "", sections: []).html().contains("<title>Charts</title>"))
        }

        @Test("Texts are text, charts stand as they are, and nothing is loaded")
        func hostileTexts() throws {
            let map = HeatMap(title: hostile, columnLabels: [hostile], rowLabels: [hostile], values: [[1]])
            let table = ChartPage.Table(header: [hostile], rows: [[hostile]])
            let page = ChartPage(
                title: hostile, introduction: hostile,
                sections: [ChartPage.Section(heading: hostile, caption: hostile, svg: map.svg(), table: table)])
            let html = page.html()
            #expect(html.contains(map.svg()))
            // What is left is XML but for the document type and two elements without an end.
            let body = try body(page)
            let elements = try ElementReader.elements("<body>\(body)</body>")
            for name in ["h1", "h2", "figcaption", "th", "td"] {
                #expect(elements.filter { $0.name == name }.map(\.text) == [shown], "\(name)")
            }
            // The line break in it begins a paragraph.
            #expect(elements.filter { $0.name == "p" }.map(\.text).joined(separator: " ").hasSuffix("]]> <!--"))
            #expect(
                !html.contains("<script") && !html.contains("href") && !html.contains("src=") && !html.contains("url("))
            #expect(
                html.components(separatedBy: "http").count == 2 && html.contains("xmlns=\"http://www.w3.org/2000/svg\"")
            )
            #expect(!html.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
        }
    }
}
