/// A page of charts and tables: one HTML file without scripts, which needs no other file. It is light or dark, as its
/// reader prefers, and light on paper.
package struct ChartPage: Sendable, Equatable {
    /// A table of texts.
    package struct Table: Sendable, Equatable {
        /// A cell.
        package struct Cell: Sendable, Equatable {
            /// What it says.
            package var text: String
            /// What stands behind it in small letters, such as an interval.
            package var note: String
            /// Whether it stands out, as the best of its row does.
            package var isMarked: Bool

            /// A cell of a text.
            package init(_ text: String, note: String = "", isMarked: Bool = false) {
                self.text = text
                self.note = note
                self.isMarked = isMarked
            }
        }

        /// The names of the columns; empty: they have none.
        package var header: [String]
        /// The cells, [row][column]. Cells that a row lacks are empty.
        package var rows: [[Cell]]

        /// A table of a header and cells, [row][column].
        package init(header: [String], cells: [[Cell]]) {
            self.header = header
            rows = cells
        }

        /// A table of a header and rows of texts.
        package init(header: [String], rows: [[String]]) {
            self.init(header: header, cells: rows.map { $0.map { Cell($0) } })
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
        /// Further SVG documents, which stand side by side where there is room. They are copied as ``svg`` is.
        package var gallery: [String]
        /// A table. It stands below the charts.
        package var table: Table?
        /// Lines to be copied, such as commands. They stand below the table.
        package var code: [String]

        /// A part of the page.
        package init(
            heading: String, caption: String = "", svg: String? = nil, gallery: [String] = [], table: Table? = nil,
            code: [String] = []
        ) {
            self.heading = heading
            self.caption = caption
            self.svg = svg
            self.gallery = gallery
            self.table = table
            self.code = code
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
        if !section.gallery.isEmpty {
            lines += ["<div class=\"gallery\">"] + section.gallery.map { "<figure>\n\($0)\n</figure>" } + ["</div>"]
        }
        if let table = section.table { lines += Self.lines(table) }
        if !section.code.isEmpty {
            lines.append("<pre>\(section.code.map(ChartText.escaped).joined(separator: "\n"))</pre>")
        }
        return lines + ["</section>"]
    }

    private static func lines(_ table: Table) -> [String] {
        let count = max(table.header.count, table.rows.map(\.count).max() ?? 0)
        guard count > 0 else { return [] }
        let areNumbers = (0..<count).map { column in
            table.rows.allSatisfy { $0.count <= column || isNumber($0[column].text) }
        }
        func line(_ cells: [Table.Cell], _ name: String) -> String {
            let cells = (0..<count).map { column in
                let cell = column < cells.count ? cells[column] : Table.Cell("")
                let classes = [areNumbers[column] ? "number" : nil, cell.isMarked ? "marked" : nil].compactMap { $0 }
                let attribute = classes.isEmpty ? "" : " class=\"\(classes.joined(separator: " "))\""
                let note = cell.note.isEmpty ? "" : " <small>\(ChartText.escaped(cell.note))</small>"
                return "<\(name)\(attribute)>\(ChartText.escaped(cell.text))\(note)</\(name)>"
            }
            return "<tr>\(cells.joined())</tr>"
        }
        let head = table.header.isEmpty ? [] : ["<thead>", line(table.header.map { Table.Cell($0) }, "th"), "</thead>"]
        return ["<div class=\"table\"><table>"] + head + ["<tbody>"] + table.rows.map { line($0, "td") }
            + ["</tbody>", "</table></div>"]
    }

    /// Whether a cell is empty or begins like a number. A column of such cells is aligned at the right.
    private static func isNumber(_ cell: String) -> Bool {
        guard let first = cell.first(where: { !"+-−–< ".contains($0) }) else { return true }
        return first.isASCII && (first.isNumber || first == ".")
    }

    private static let style = """

        :root { color-scheme: light dark; --page: #ffffff; --ink: #1a1a1a; --muted: #555555; --line: #dddddd;
          --rule: #888888; --marked: #e3f1e3; --code: #f4f4f4; }
        body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; background: var(--page); color: var(--ink);
          font: 1rem/1.5 system-ui, Helvetica, Arial, sans-serif; }
        h1, h2 { line-height: 1.25; }
        h2 { margin-top: 2.5rem; break-after: avoid; }
        figure { margin: 1rem 0; break-inside: avoid; }
        .gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(27rem, 100%), 1fr)); gap: 1rem; }
        .gallery figure { margin: 0; }
        figcaption, small { color: var(--muted); }
        svg { max-width: 100%; height: auto; }
        pre { padding: 0.7rem 1rem; background: var(--code); font-size: 0.85rem; white-space: pre-wrap;
          overflow-wrap: anywhere; }
        .table { overflow-x: auto; }
        table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; }
        th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
        th { border-bottom: 2px solid var(--rule); }
        .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .marked { background: var(--marked); font-weight: 600; }
        .marked small { font-weight: 400; }
        tr { break-inside: avoid; }
        @media screen and (prefers-color-scheme: dark) {
          :root { --page: #161616; --ink: #e8e8e8; --muted: #a8a8a8; --line: #383838; --rule: #777777;
            --marked: #1d3a24; --code: #222222; }
        \(SVGWriter.darkStyle)
        }
        @media print {
          body { max-width: none; margin: 0; font-size: 10pt; }
          table { font-size: 8pt; }
          th, td { padding: 0.2rem 0.4rem; }
          .table { overflow: visible; }
          .marked { border: 1px solid var(--rule); }
        }

        """
}
