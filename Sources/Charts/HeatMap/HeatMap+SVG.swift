extension HeatMap {
    /// The map as an SVG document. The same map gives the same bytes.
    package func svg() -> String {
        var writer = SVGWriter()
        let layout = Layout(self)
        let top = writer.heading(title: title, subtitle: subtitle, width: layout.width)
        guard !rowLabels.isEmpty, !columnLabels.isEmpty else {
            writer.text("no data", x: SVGWriter.margin, y: top + 12, fill: SVGWriter.muted)
            return writer.document(width: layout.width, height: top + 40, title: title, description: subtitle)
        }
        let marker = drawnMarker
        let cellsTop = top + (marker == nil ? 0 : 20)

        drawCells(layout, top: cellsTop, into: &writer)
        let bottom = cellsTop + layout.cellHeight * Double(rowLabels.count)
        if let marker { draw(marker, layout, from: cellsTop, to: bottom, into: &writer) }
        let height = drawAxes(layout, top: cellsTop, bottom: bottom, into: &writer)
        drawScale(layout, top: height, into: &writer)
        return writer.document(width: layout.width, height: height + 40, title: title, description: subtitle)
    }

    /// Sizes in pixels.
    private struct Layout {
        static let labelSize = 12.0
        let left: Double
        let cellWidth: Double
        let cellHeight: Double
        /// Where cells are smaller than labels, one label is drawn for each `columnStride` columns.
        let columnStride: Int
        let rowStride: Int
        let rowLabelWidth: Double
        let width: Double

        init(_ map: HeatMap) {
            func widest(_ texts: [String]) -> Double {
                texts.map { ChartText.pixels(ChartText.printable($0), size: Self.labelSize) }.max() ?? 0
            }
            let columns = Double(max(map.columnLabels.count, 1))
            let rows = Double(max(map.rowLabels.count, 1))
            let columnLabelWidth = min(widest(map.columnLabels), 120) + 12
            // Cells of small maps are large enough to be seen, and large maps still fit on a screen.
            cellWidth = max(14, min(max(columnLabelWidth, min(110, 560 / columns)), 1200 / columns))
            columnStride = Int((columnLabelWidth / cellWidth).rounded(.up))
            let nameHeight = min(widest([map.yAxisName]), 180) + 16
            cellHeight = max(12, min(max(34, nameHeight / rows), 600 / rows))
            rowStride = Int((16 / cellHeight).rounded(.up))
            rowLabelWidth = min(widest(map.rowLabels), 220)
            left = SVGWriter.margin + (map.yAxisName.isEmpty ? 0 : 22) + rowLabelWidth + 8
            width = max(560, left + cellWidth * Double(map.columnLabels.count) + SVGWriter.margin)
        }
    }

    private func drawCells(_ layout: Layout, top: Double, into writer: inout SVGWriter) {
        for row in rowLabels.indices {
            for column in columnLabels.indices {
                let value = value(row: row, column: column)
                let text = text(row: row, column: column)
                let x = layout.left + layout.cellWidth * Double(column)
                let y = top + layout.cellHeight * Double(row)
                let measured = value.map { ChartNumber.percent($0) + " %" } ?? "not measured"
                let title = "\(columnLabels[column]), \(rowLabels[row]): \(measured)"
                let color = value.map(ChartColor.scale)
                if let color {
                    writer.rectangle(
                        x: x, y: y, width: layout.cellWidth, height: layout.cellHeight, fill: color.hexadecimal,
                        stroke: "#ffffff", title: title)
                } else {
                    writer.hatching(x: x, y: y, width: layout.cellWidth, height: layout.cellHeight, title: title)
                }
                // A number can't be cut: it would be another number.
                if layout.cellHeight >= 16, ChartText.pixels(text, size: 12) <= layout.cellWidth - 4 {
                    writer.text(
                        text, x: x + layout.cellWidth / 2, y: y + layout.cellHeight / 2 + 4, anchor: .middle,
                        fill: color?.textColor.hexadecimal ?? SVGWriter.ink)
                }
            }
        }
    }

    private func draw(
        _ marker: ChartMarker, _ layout: Layout, from top: Double, to bottom: Double, into writer: inout SVGWriter
    ) {
        let x = layout.left + marker.position * layout.cellWidth
        // White beneath, so that the dashes show on dark cells.
        writer.line(from: (x, top), to: (x, bottom), stroke: "#ffffff", width: 5)
        writer.line(from: (x, top - 6), to: (x, bottom + 6), stroke: SVGWriter.ink, width: 2, dashes: "6 4")
        writer.label(
            marker.label, centeredAt: x, y: top - 11, between: SVGWriter.margin, and: layout.width - SVGWriter.margin)
    }

    /// Draws labels and names of both axes and returns the y below them.
    private func drawAxes(_ layout: Layout, top: Double, bottom: Double, into writer: inout SVGWriter) -> Double {
        for row in stride(from: 0, to: rowLabels.count, by: layout.rowStride) {
            writer.text(
                rowLabels[row], x: layout.left - 8, y: top + layout.cellHeight * (Double(row) + 0.5) + 4, anchor: .end,
                width: layout.rowLabelWidth)
        }
        for column in stride(from: 0, to: columnLabels.count, by: layout.columnStride) {
            writer.text(
                columnLabels[column], x: layout.left + layout.cellWidth * (Double(column) + 0.5), y: bottom + 20,
                anchor: .middle, width: layout.cellWidth * Double(layout.columnStride) - 8)
        }
        let right = layout.left + layout.cellWidth * Double(columnLabels.count)
        writer.text(
            yAxisName, x: SVGWriter.margin + 10, y: (top + bottom) / 2, anchor: .middle, fill: SVGWriter.muted,
            isUpright: false, width: bottom - top)
        writer.label(
            xAxisName, centeredAt: (layout.left + right) / 2, y: bottom + 42, between: SVGWriter.margin,
            and: layout.width - SVGWriter.margin, fill: SVGWriter.muted)
        return bottom + (xAxisName.isEmpty ? 34 : 56)
    }

    private func drawScale(_ layout: Layout, top: Double, into writer: inout SVGWriter) {
        let steps = 40
        let barWidth = 160.0
        var x = SVGWriter.margin
        func label(_ text: String, width: Double = .infinity) {
            writer.text(text, x: x, y: top + 12, fill: SVGWriter.muted, width: width)
            x += min(ChartText.pixels(text, size: 12), width) + 8
        }
        let name = ChartText.printable(valueName)
        if !name.isEmpty { label(name, width: layout.width - 430) }
        label("0 %")
        for step in 0..<steps {
            // Each step reaches to the bar's end below the next ones, so that no seam shows at any size.
            let start = barWidth * Double(step) / Double(steps)
            writer.rectangle(
                x: x + start, y: top + 2, width: barWidth - start, height: 12,
                fill: ChartColor.scale(Double(step) / Double(steps - 1)).hexadecimal)
        }
        x += barWidth + 8
        label("100 %")
        guard hasGaps else { return }
        x += 12
        writer.hatching(x: x, y: top + 1, width: 20, height: 14)
        x += 28
        label("not measured")
    }
}
