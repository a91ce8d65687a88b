/// Collects the elements of an SVG document, in pixels from the top left.
///
/// It uses no ids, so that an HTML page can contain any number of documents.
struct SVGWriter {
    /// Which part of a text stands at its x.
    enum Anchor: String { case start, middle, end }

    static let ink = "#1a1a1a"
    static let muted = "#555555"
    static let grid = "#e4e4e4"
    static let margin = 24.0

    /// Rules that turn a document dark inside of a dark page. Attributes give way to rules, so a document on its own needs
    /// none of them. Texts on coloured cells are black or white and stay so.
    static let darkStyle: String = {
        let rules = [
            "rect[fill=\"#ffffff\"] { fill: #161616; }", "rect[fill=\"#f0f0f0\"] { fill: #262626; }",
            "text[fill=\"\(ink)\"] { fill: #e8e8e8; }", "text[fill=\"\(muted)\"] { fill: #a8a8a8; }",
            "circle[fill=\"#000000\"] { fill: #ffffff; }", "[stroke=\"#ffffff\"] { stroke: #161616; }",
            "[stroke=\"\(ink)\"] { stroke: #e8e8e8; }", "[stroke=\"\(muted)\"] { stroke: #a8a8a8; }",
            "[stroke=\"\(grid)\"] { stroke: #383838; }", "[stroke=\"#c8c8c8\"] { stroke: #4a4a4a; }",
            "[stroke=\"#000000\"] { stroke: #ffffff; }",
        ]
        return rules.map { "  svg \($0)" }.joined(separator: "\n")
    }()

    private var elements: [String] = []

    /// Adds an element. Attributes whose value is nil are left out.
    ///
    /// - Parameters:
    ///   - title: What a browser shows when the pointer is on the element.
    ///   - content: Its text.
    mutating func add(
        _ name: String, _ attributes: KeyValuePairs<String, String?>, title: String? = nil, content: String = ""
    ) {
        let list = attributes.compactMap { name, value in value.map { " \(name)=\"\(ChartText.escaped($0))\"" } }
        let title = title.map { "<title>\(ChartText.escaped($0))</title>" } ?? ""
        let body = title + ChartText.escaped(content)
        elements.append("<\(name)\(list.joined())" + (body.isEmpty ? "/>" : ">\(body)</\(name)>"))
    }

    /// Adds a line of text with its baseline at y. A text that doesn't fit into `width` is cut, and shown whole under the
    /// pointer.
    mutating func text(
        _ text: String, x: Double, y: Double, size: Double = 12, anchor: Anchor = .start, fill: String = Self.ink,
        isBold: Bool = false, isUpright: Bool = true, width: Double = .infinity
    ) {
        let text = ChartText.printable(text)
        let fitting = ChartText.fitted(text, pixels: width, size: size)
        guard !fitting.isEmpty else { return }
        let (x, y) = (ChartNumber.coordinate(x), ChartNumber.coordinate(y))
        add(
            "text",
            [
                "x": x, "y": y, "font-size": ChartNumber.coordinate(size), "text-anchor": anchor.rawValue, "fill": fill,
                "font-weight": isBold ? "600" : nil, "transform": isUpright ? nil : "rotate(-90 \(x) \(y))",
            ], title: fitting == text ? nil : text, content: fitting)
    }

    /// Adds a line of text centred at an x on a white background. It is moved and cut so that it stays between `left` and
    /// `right`.
    mutating func label(
        _ text: String, centeredAt x: Double, y: Double, between left: Double, and right: Double,
        fill: String = Self.ink
    ) {
        let width = min(ChartText.pixels(ChartText.printable(text), size: 12), right - left)
        let center = min(max(x, left + width / 2), right - width / 2)
        rectangle(x: center - width / 2, y: y - 11, width: width, height: 14, fill: "#ffffff")
        self.text(text, x: center, y: y, anchor: .middle, fill: fill, width: right - left)
    }

    /// Adds a filled rectangle.
    mutating func rectangle(
        x: Double, y: Double, width: Double, height: Double, fill: String, stroke: String? = nil, title: String? = nil
    ) {
        add(
            "rect",
            [
                "x": ChartNumber.coordinate(x), "y": ChartNumber.coordinate(y),
                "width": ChartNumber.coordinate(width), "height": ChartNumber.coordinate(height), "fill": fill,
                "stroke": stroke,
            ], title: title)
    }

    /// Adds a grey rectangle with diagonal lines, for a cell without a value.
    mutating func hatching(x: Double, y: Double, width: Double, height: Double, title: String? = nil) {
        rectangle(x: x, y: y, width: width, height: height, fill: "#f0f0f0", stroke: "#ffffff", title: title)
        // Where the diagonal that starts `start` pixels right of the top left corner enters and leaves the rectangle.
        let path = stride(from: 8.0, to: width + height, by: 8).map { start in
            let (right, down) = (min(start, width), min(start, height))
            return "M" + Self.point(x + right, y + start - right) + "L" + Self.point(x + start - down, y + down)
        }
        add("path", ["d": path.joined(), "stroke": "#c8c8c8", "fill": "none"])
    }

    /// A point as the data of a path writes it.
    static func point(_ x: Double, _ y: Double) -> String {
        "\(ChartNumber.coordinate(x)) \(ChartNumber.coordinate(y))"
    }

    /// Adds a straight line.
    mutating func line(
        from start: (x: Double, y: Double), to end: (x: Double, y: Double), stroke: String, width: Double = 1,
        dashes: String? = nil
    ) {
        add(
            "line",
            [
                "x1": ChartNumber.coordinate(start.x), "y1": ChartNumber.coordinate(start.y),
                "x2": ChartNumber.coordinate(end.x), "y2": ChartNumber.coordinate(end.y), "stroke": stroke,
                "stroke-width": ChartNumber.coordinate(width), "stroke-dasharray": dashes,
            ])
    }

    /// Adds title and subtitle at the top of a document, broken into lines, and returns the y below them.
    mutating func heading(title: String, subtitle: String, width: Double) -> Double {
        var y = Self.margin
        // Bold letters are wider, like those of a larger font.
        for line in ChartText.lines(title, width: width - 2 * Self.margin, size: 20) {
            text(line, x: Self.margin, y: y + 14, size: 18, isBold: true)
            y += 24
        }
        for line in ChartText.lines(subtitle, width: width - 2 * Self.margin, size: 13) {
            text(line, x: Self.margin, y: y + 13, size: 13, fill: Self.muted)
            y += 19
        }
        return y + 8
    }

    /// The document, with a white background.
    func document(width: Double, height: Double, title: String, description: String) -> String {
        let (width, height) = (ChartNumber.coordinate(width.rounded(.up)), ChartNumber.coordinate(height.rounded(.up)))
        let head = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\""
                + " viewBox=\"0 0 \(width) \(height)\" role=\"img\""
                + " font-family=\"system-ui, Helvetica, Arial, sans-serif\">",
            "<title>\(ChartText.escaped(title))</title>",
            "<desc>\(ChartText.escaped(description))</desc>",
            "<rect width=\"\(width)\" height=\"\(height)\" fill=\"#ffffff\"/>",
        ]
        return (head + elements + ["</svg>", ""]).joined(separator: "\n")
    }
}
