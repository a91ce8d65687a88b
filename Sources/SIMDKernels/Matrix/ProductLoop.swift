import CLongLM

/// How a product reads the parts of a panel and which tiles it multiplies with.
protocol ProductPart {
    /// How single numbers are multiplied at the end.
    associatedtype Arithmetic: MultiplyAdd
    /// The largest tile, and those for the rows that are left over.
    associatedtype Tile: ResultTile
    associatedtype MediumTile: ResultTile
    associatedtype SmallTile: ResultTile

    /// The steps of a chain.
    static func depth(of arguments: ProductArguments) -> Int

    /// The most steps of a part of a panel.
    static func partDepth(of arguments: ProductArguments) -> Int

    /// Where a part of a panel is, in both matrices of a gated product. Quantised numbers are unpacked here, once for all
    /// rows.
    static func prepare(
        _ panel: Int, from start: Int, steps: Int, _ arguments: ProductArguments
    ) -> (UnsafePointer<Float>, UnsafePointer<Float>)

    /// Words from the beginning of a row of packed input to the one that step `start` reads.
    static func inputOffset(of start: Int) -> Int
}

/// The loop over panels, their parts, and the rows.
struct ProductLoop<Part: ProductPart> {
    let arguments: ProductArguments

    @inline(always)
    init(arguments: ProductArguments) { self.arguments = arguments }

    /// Goes through the panels, and in each through the parts of its columns. All row tiles pass over each part.
    @inline(always)
    func passPanels() {
        let depth = Part.depth(of: arguments)
        let partDepth = Part.partDepth(of: arguments)
        for panel in Steps(from: arguments.panels.lowerBound, to: arguments.panels.upperBound, by: 1) {
            var start = 0
            repeat {
                let steps = lesser(partDepth, depth - start)
                let (weights, gated) = Part.prepare(panel, from: start, steps: steps, arguments)
                for range in 0..<2 {
                    let rows = range == 0 ? arguments.rows.0 : arguments.rows.1
                    // In scratch memory, the second range's unfinished sums follow the first's.
                    let shift = range == 0 ? -rows.lowerBound : arguments.rows.0.length - rows.lowerBound
                    passRows(
                        rows, scratchShift: shift, panel: panel, weights, gated, from: start, steps: steps,
                        isLast: start + steps == depth)
                }
                start += steps
            } while start < depth
        }
        if arguments.streams { longlm_stream_end() }
    }

    /// Passes the tiles of some rows over a part of a panel.
    @inline(always)
    private func passRows(
        _ rows: Range<Int>, scratchShift: Int, panel: Int, _ weights: UnsafePointer<Float>,
        _ gated: UnsafePointer<Float>, from start: Int, steps: Int, isLast: Bool
    ) {
        var row = rows.lowerBound
        while row < rows.upperBound {
            let rest = rows.upperBound - row
            if rest <= Part.SmallTile.rows || Part.SmallTile.rows == Part.Tile.rows {
                multiply(
                    Part.SmallTile.self, row: row, scratchRow: row + scratchShift, panel: panel, weights, gated,
                    from: start, steps: steps, isLast: isLast)
                row += Part.SmallTile.rows
            } else if rest <= Part.MediumTile.rows {
                multiply(
                    Part.MediumTile.self, row: row, scratchRow: row + scratchShift, panel: panel, weights, gated,
                    from: start, steps: steps, isLast: isLast)
                row += Part.MediumTile.rows
            } else {
                multiply(
                    Part.Tile.self, row: row, scratchRow: row + scratchShift, panel: panel, weights, gated,
                    from: start, steps: steps, isLast: isLast)
                row += Part.Tile.rows
            }
        }
    }

    /// Adds `steps` products to the sums of one row tile and one panel. Unfinished sums wait in scratch memory. After
    /// the last part, sums go to the output.
    @inline(always)
    private func multiply<Tile: ResultTile>(
        _: Tile.Type, row: Int, scratchRow: Int, panel: Int, _ weights: UnsafePointer<Float>,
        _ gated: UnsafePointer<Float>, from start: Int, steps: Int, isLast: Bool
    ) {
        let width = PackedMatrix.panelWidth
        let stride = arguments.columnCount
        let isDirect =
            arguments.ending.isPlain && row + Tile.rows <= arguments.rowCount && (panel + 1) * width <= stride
        let left = arguments.input + row * arguments.inputStride + Part.inputOffset(of: start) * Tile.rows
        // For each of the two products: the unfinished sums of all rows, and one tile of finished ones.
        let rowCount = arguments.rows.0.length + arguments.rows.1.length + maximumTileRows
        let scratchCount = (rowCount + maximumTileRows) * width
        let finished = arguments.scratch + rowCount * width
        let output = arguments.output + row * stride + panel * width
        for product in 0..<(arguments.ending.kind == .gate ? 2 : 1) {
            let right = product == 0 ? weights : gated
            let sums = arguments.scratch + product * scratchCount + scratchRow * width
            for column in Steps(from: 0, to: width, by: Tile.columns) {
                var tile = start == 0 ? Tile() : Tile(sums + column, stride: width)
                tile.accumulate(left, right, at: column, steps: steps, arguments.scaleForm)
                if !isLast {
                    tile.store(to: sums + column, stride: width)
                } else if isDirect && arguments.streams {
                    tile.stream(to: output + column, stride: stride)
                } else if isDirect && arguments.ending.kind == .store {
                    tile.store(to: output + column, stride: stride)
                } else if isDirect {
                    tile.add(to: output + column, stride: stride)
                } else {
                    tile.store(to: finished + product * scratchCount + column, stride: width)
                }
            }
        }
        if !isLast || isDirect { return }
        for tileRow in Steps(from: 0, to: lesser(Tile.rows, arguments.rowCount - row), by: 1) {
            arguments.ending.finish(
                finished + tileRow * width, finished + scratchCount + tileRow * width, output + tileRow * stride,
                column: panel * width, lesser(width, stride - panel * width), Part.Arithmetic.self)
        }
    }
}
