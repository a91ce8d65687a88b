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
