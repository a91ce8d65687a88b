import Charts
import Testing

@Suite("Heat maps as SVG")
struct HeatMapTests {
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
