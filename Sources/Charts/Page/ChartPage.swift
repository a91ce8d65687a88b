/// A page of charts and tables: one HTML file without scripts, which needs no other file.
package struct ChartPage: Sendable, Equatable {
    /// A table of texts.
    package struct Table: Sendable, Equatable {
        /// The names of the columns.
        package var header: [String]
        /// The cells, [row][column]. Cells that a row lacks are empty.
        package var rows: [[String]]

        /// A table of a header and rows.
        package init(header: [String], rows: [[String]]) {
            self.header = header
            self.rows = rows
        }
    }

    /// A part of the page. It shows those of the following that aren't nil or empty.
    package struct Section: Sendable, Equatable {
        /// The heading.
        package var heading: String
        /// What the chart shows. It stands below the chart.
        package var caption: String
        /// An SVG document, as ``HeatMap/svg()`` and ``LineChart/svg()`` write it. It is copied into the page unchecked, so
        /// it must come from a trusted source.
        package var svg: String?
        /// A table. It stands below the chart.
        package var table: Table?

        /// A part of the page.
        package init(heading: String, caption: String = "", svg: String? = nil, table: Table? = nil) {
            self.heading = heading
            self.caption = caption
            self.svg = svg
            self.table = table
        }
    }

    /// The title of the page and of its window.
    package var title: String
    /// What the page is about. Each line becomes a paragraph.
    package var introduction: String
    /// The parts, from top to bottom.
    package var sections: [Section]

    /// A page of parts.
    package init(title: String, introduction: String = "", sections: [Section]) {
        self.title = title
        self.introduction = introduction
        self.sections = sections
    }

    /// The page as HTML 5 in UTF-8: the same bytes for the same page.
    package func html() -> String {
        // HTML requires a title.
        let title = ChartText.escaped(title.isEmpty ? "Charts" : title)
        var lines = [
            "<!DOCTYPE html>", "<html lang=\"en\">", "<head>", "<meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">", "<title>\(title)</title>",
            "<style>\(Self.style)</style>", "</head>", "<body>", "<h1>\(title)</h1>",
        ]
        lines += introduction.split(whereSeparator: \.isNewline).map { "<p>\(ChartText.escaped(String($0)))</p>" }
        for section in sections { lines += Self.lines(section) }
        return (lines + ["</body>", "</html>", ""]).joined(separator: "\n")
    }

    private static func lines(_ section: Section) -> [String] {
        var lines = ["<section>"]
        if !section.heading.isEmpty { lines.append("<h2>\(ChartText.escaped(section.heading))</h2>") }
        let caption = ChartText.escaped(section.caption)
        if let svg = section.svg {
            lines += ["<figure>", svg]
            if !caption.isEmpty { lines.append("<figcaption>\(caption)</figcaption>") }
            lines.append("</figure>")
        } else if !caption.isEmpty {
            lines.append("<p>\(caption)</p>")
        }
        if let table = section.table { lines += Self.lines(table) }
        return lines + ["</section>"]
    }

    private static func lines(_ table: Table) -> [String] {
        let count = max(table.header.count, table.rows.map(\.count).max() ?? 0)
        guard count > 0 else { return [] }
        let areNumbers = (0..<count).map { column in
            table.rows.allSatisfy { $0.count <= column || isNumber($0[column]) }
        }
        func line(_ cells: [String], _ name: String) -> String {
            let cells = (0..<count).map { column in
                let attribute = areNumbers[column] ? " class=\"number\"" : ""
                return "<\(name)\(attribute)>\(ChartText.escaped(column < cells.count ? cells[column] : ""))</\(name)>"
            }
            return "<tr>\(cells.joined())</tr>"
        }
        return ["<div class=\"table\"><table>", "<thead>", line(table.header, "th"), "</thead>", "<tbody>"]
            + table.rows.map { line($0, "td") } + ["</tbody>", "</table></div>"]
    }

    /// Whether a cell is empty or begins like a number. A column of such cells is aligned at the right.
    private static func isNumber(_ cell: String) -> Bool {
        guard let first = cell.first(where: { !"+-−–< ".contains($0) }) else { return true }
        return first.isASCII && (first.isNumber || first == ".")
    }

    private static let style = """

        body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; background: #fff; color: #1a1a1a;
          font: 1rem/1.5 system-ui, Helvetica, Arial, sans-serif; }
        h1, h2 { line-height: 1.25; }
        h2 { margin-top: 2.5rem; break-after: avoid; }
        figure { margin: 1rem 0; break-inside: avoid; }
        figcaption { color: #555; }
        svg { max-width: 100%; height: auto; }
        .table { overflow-x: auto; }
        table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; }
        th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
        th { border-bottom: 2px solid #888; }
        .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        tr { break-inside: avoid; }
        @media print { body { max-width: none; margin: 0; font-size: 10pt; } .table { overflow: visible; } }

        """
}
