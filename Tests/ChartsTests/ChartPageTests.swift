import Charts
import Foundation
import Testing

@Suite("Pages")
struct ChartPageTests {
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

    @Test("Marked cells, notes, charts side by side, tables without a header, and lines to be copied")
    func moreParts() throws {
        typealias Cell = ChartPage.Table.Cell
        let page = ChartPage(
            title: "A",
            sections: [
                ChartPage.Section(
                    heading: "B", gallery: ["<svg>1</svg>", "<svg>2</svg>"],
                    table: ChartPage.Table(
                        header: [],
                        cells: [
                            [Cell("a", isMarked: true), Cell("1", note: "< 2")],
                            [Cell("b"), Cell("3", note: "4–5", isMarked: true)],
                        ]), code: ["run --a 'b'", "run c"])
            ])
        let expected = """
            <h1>A</h1>
            <section>
            <h2>B</h2>
            <div class="gallery">
            <figure>
            <svg>1</svg>
            </figure>
            <figure>
            <svg>2</svg>
            </figure>
            </div>
            <div class="table"><table>
            <tbody>
            <tr><td class="marked">a</td><td class="number">1 <small>&lt; 2</small></td></tr>
            <tr><td>b</td><td class="number marked">3 <small>4–5</small></td></tr>
            </tbody>
            </table></div>
            <pre>run --a &#39;b&#39;
            run c</pre>
            </section>

            """
        #expect(try body(page) == expected)
    }

    @Test("In the dark, every colour of charts but those of cells and lines has a counterpart that can be read")
    func dark() throws {
        let map = HeatMap(
            title: "map", xAxisName: "x", columnLabels: ["a", "b"], yAxisName: "y", rowLabels: ["c"],
            values: [[1, nil]],
            marker: ChartMarker(position: 1, label: "marker"))
        let line = LineChart(
            title: "line", xAxisName: "x", yAxisName: "y",
            series: (0..<8).map { LineChart.Series(name: "\($0)", points: [.init(x: 0, y: 0), .init(x: 1, y: 1)]) },
            markers: [ChartMarker(position: 0.5, label: "marker")])
        let style = ChartPage(title: "", sections: []).html()
        let dark = try #require(style.components(separatedBy: "(prefers-color-scheme: dark) {").last)
        let page = "#161616"
        func contrast(_ one: String, _ other: String) throws -> Double {
            let bounds = [try luminance(one), try luminance(other)].sorted()
            return (bounds[1] + 0.05) / (bounds[0] + 0.05)
        }
        /// The colour that the rules give an element's attribute.
        func shown(_ element: Element, _ attribute: String) -> String? {
            guard let color = element.attributes[attribute], color != "none" else { return nil }
            for name in [element.name, ""] {
                let rule = "svg \(name)[\(attribute)=\"\(color)\"] { \(attribute): "
                if let range = dark.range(of: rule) { return String(dark[range.upperBound...].prefix(7)) }
            }
            return color
        }
        let elements = try ElementReader.elements(map.svg()) + ElementReader.elements(line.svg())
        let backgrounds = elements.filter { $0.name == "rect" && $0.attributes["fill"] == "#ffffff" }
        #expect(backgrounds.count >= 3 && backgrounds.allSatisfy { shown($0, "fill") == page })
        for element in elements {
            switch element.name {
            case "text":
                // What stands on cells is black or white.
                guard let color = shown(element, "fill"), color != "#000000", color != "#ffffff" else { continue }
                #expect(try contrast(color, page) >= 4.5, "\(element)")
            case "path", "circle":
                let isSeries = element.title != nil
                guard isSeries, let color = shown(element, element.name == "path" ? "stroke" : "fill") else { continue }
                // WCAG asks for 3 where something isn't text.
                #expect(try contrast(color, page) >= 3, "\(element)")
            default: continue
            }
        }
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
