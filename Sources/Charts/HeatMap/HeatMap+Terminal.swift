extension HeatMap {
    /// The map as lines for a terminal, each ended by a newline.
    ///
    /// - Parameter usesColor: Whether cells get a background in 24-bit ANSI colours. Otherwise a block as high as the value
    ///   stands beside each text.
    package func terminal(usesColor: Bool) -> String {
        let rows = rowLabels.map { ChartText.fitted(ChartText.printable($0), columns: 24) }
        let columns = columnLabels.map { ChartText.fitted(ChartText.printable($0), columns: 12) }
        var lines = [title, subtitle].map(ChartText.printable).filter { !$0.isEmpty }
        if !lines.isEmpty { lines.append("") }
        guard !rows.isEmpty, !columns.isEmpty else { return (lines + ["no data", ""]).joined(separator: "\n") }

        let cells = rows.indices.map { row in
            columns.indices.map { TerminalCell(self, row: row, column: $0, usesColor: usesColor) }
        }
        let contents = columns + cells.joined().map(\.text)
        let contentWidth = contents.map { ChartText.columns($0) }.max() ?? 0
        let labelWidth = rows.map { ChartText.columns($0) }.max() ?? 0
        // Two columns between cells, or one if the lines would be too long for a terminal of 80 columns.
        let cellWidth = contentWidth + (labelWidth + 3 + columns.count * (contentWidth + 2) > 80 ? 1 : 2)
        let marker = drawnMarker
        let edge = marker.map { Int($0.position.rounded()) }
        // Cells with a background end at their edge, others at their last character.
        let markerLine = usesColor ? "┊" : " ┊"

        func line(_ label: String, _ cells: [TerminalCell]) -> String {
            var drawn = cells.map { $0.drawn(width: cellWidth, isCentered: usesColor) }
            if let edge { drawn.insert(markerLine, at: edge) }
            return TerminalCell(text: label).drawn(width: labelWidth, isCentered: false) + " " + drawn.joined()
        }
        let names = [(yAxisName, " ↓"), (xAxisName, " →")].filter { !$0.0.isEmpty }
        if !names.isEmpty { lines.append(names.map { ChartText.printable($0) + $1 }.joined(separator: "  ")) }
        lines.append(line("", columns.map { TerminalCell(text: $0) }))
        lines += zip(rows, cells).map(line)
        if let marker, let edge {
            // The label goes left of its line if there is room, since it describes the columns at the left.
            let x = labelWidth + edge * cellWidth + markerLine.count
            let left = x - ChartText.columns(marker.label) - 1
            let text = left >= 0 ? "\(marker.label) ┊" : "┊ \(marker.label)"
            lines.append(String(repeating: " ", count: left >= 0 ? left : x) + text)
        }
        lines += ["", terminalKey(usesColor: usesColor), ""]
        return lines.map(Self.withoutTrailingSpaces).joined(separator: "\n")
    }

    private func terminalKey(usesColor: Bool) -> String {
        let scale = (0...8).map { step in
            let value = Double(step) / 8
            let cell = TerminalCell(
                text: usesColor ? "  " : TerminalCell.block(value), color: usesColor ? ChartColor.scale(value) : nil)
            return cell.drawn(width: usesColor ? 2 : 1, isCentered: false)
        }
        let name = ChartText.printable(valueName)
        return (name.isEmpty ? "" : name + "  ") + "0 % \(scale.joined()) 100 %" + (hasGaps ? "   · not measured" : "")
    }

    private static func withoutTrailingSpaces(_ line: String) -> String {
        String(line.reversed().drop { $0 == " " }.reversed())
    }
}

/// One field of a map in a terminal.
private struct TerminalCell {
    var text: String
    /// The background; nil: none.
    var color: ChartColor?

    init(text: String, color: ChartColor? = nil) {
        self.text = text
        self.color = color
    }

    init(_ map: HeatMap, row: Int, column: Int, usesColor: Bool) {
        let value = map.value(row: row, column: column)
        let text = ChartText.fitted(map.text(row: row, column: column), columns: 12)
        // A colour replaces the block. A cell that isn't measured has neither.
        let mark = usesColor && value != nil ? "" : value.map(Self.block) ?? "·"
        self.init(
            text: [text, mark].filter { !$0.isEmpty }.joined(separator: " "),
            color: usesColor ? value.map(ChartColor.scale) : nil)
    }

    /// A block that is as high as a value from 0 to 1, to the nearest eighth of a line.
    static func block(_ value: Double) -> String {
        [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"][Int((value * 8).rounded())]
    }

    /// The cell in `width` columns, with its text at the right or in the middle.
    func drawn(width: Int, isCentered: Bool) -> String {
        let space = max(0, width - ChartText.columns(text))
        let right = isCentered ? space / 2 : 0
        let padded = String(repeating: " ", count: space - right) + text + String(repeating: " ", count: right)
        guard let color else { return padded }
        return color.terminalBackground + color.textColor.terminalForeground + padded + "\u{1B}[0m"
    }
}
