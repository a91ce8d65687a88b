import Charts
import Testing

@Suite("Heat maps in a terminal")
struct HeatMapTerminalTests {
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
