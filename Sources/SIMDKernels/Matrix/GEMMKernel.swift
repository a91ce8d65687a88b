import CLongLM

/// Products of several rows.
struct GEMMArguments: Kernel {
    let product: ProductArguments

    static var number: LongLMKernel { .gemm }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        Target.visit(product.format, GEMMVisitor<Target>(arguments: product))
    }
}

private struct GEMMVisitor<Target: KernelTarget>: PanelVisitor {
    let arguments: ProductArguments

    @inline(always)
    init(arguments: ProductArguments) { self.arguments = arguments }

    @inline(always)
    func visit<Storage: PanelStorage>(_: Storage.Type) {
        GEMMForm<Target, Storage>(arguments: arguments).passPanels()
    }
}

/// The kernel for one target and one storage.
private struct GEMMForm<Target: KernelTarget, Storage: PanelStorage> {
    let arguments: ProductArguments

    @inline(always)
    init(arguments: ProductArguments) { self.arguments = arguments }

    /// The steps of a chain: K, or the number of words if a step multiplies two numbers.
    @inline(always)
    private var depth: Int {
        (arguments.depth + Target.Products.numbersPerStep - 1) / Target.Products.numbersPerStep
    }

    /// Goes through the panels, and in each through the parts of its columns. All row tiles pass over each part.
    @inline(always)
    func passPanels() {
        // A gated product passes two panels.
        let partWords = arguments.ending.kind == .gate ? GEMM.panelPartWordCount / 2 : GEMM.panelPartWordCount
        let partDepth = partWords / Storage.blockWordCount * Storage.blockLength
        for panel in Steps(from: arguments.panels.lowerBound, to: arguments.panels.upperBound, by: 1) {
            var start = 0
            repeat {
                let steps = lesser(partDepth, depth - start)
                let (weights, gated) = part(of: panel, from: start, steps: steps)
                for range in 0..<2 {
                    let rows = range == 0 ? arguments.rows.0 : arguments.rows.1
                    // In scratch memory, the second range's unfinished sums follow the first's.
                    let shift = range == 0 ? -rows.lowerBound : arguments.rows.0.length - rows.lowerBound
                    passRows(rows, scratchShift: shift, panel: panel, weights, gated, from: start, steps: steps)
                }
                start += steps
            } while start < depth
        }
        if arguments.streams { longlm_stream_end() }
    }

    /// Where a part of a panel is, in both matrices of a gated product. Quantised numbers are widened once for all rows.
    @inline(always)
    private func part(of panel: Int, from start: Int, steps: Int) -> (UnsafePointer<Float>, UnsafePointer<Float>) {
        let offset = panel * arguments.panelStride
        if Storage.readsWidened && arguments.format.isQuantized {
            let columns = start..<(start + steps)
            let gated = arguments.widened + GEMM.panelPartWordCount / 2
            arguments.widen(arguments.weights + offset, columns: columns, into: arguments.widened, Target.self)
            if arguments.ending.kind == .gate {
                arguments.widen(arguments.gated + offset, columns: columns, into: gated, Target.self)
            }
            return (UnsafePointer(arguments.widened), UnsafePointer(gated))
        }
        let first = offset + start / Storage.blockLength * Storage.blockWordCount
        return (arguments.weights + first, arguments.gated + first)
    }

    /// Passes the tiles of some rows over a part of a panel.
    @inline(always)
    private func passRows(
        _ rows: Range<Int>, scratchShift: Int, panel: Int, _ weights: UnsafePointer<Float>,
        _ gated: UnsafePointer<Float>, from start: Int, steps: Int
    ) {
        var row = rows.lowerBound
        while row < rows.upperBound {
            let rest = rows.upperBound - row
            if rest > Target.MediumTile.rows {
                multiply(
                    Target.Tile.self, row: row, scratchRow: row + scratchShift, panel: panel, weights, gated,
                    from: start, steps: steps)
                row += Target.Tile.rows
            } else if rest > Target.SmallTile.rows {
                multiply(
                    Target.MediumTile.self, row: row, scratchRow: row + scratchShift, panel: panel, weights, gated,
                    from: start, steps: steps)
                row += Target.MediumTile.rows
            } else {
                multiply(
                    Target.SmallTile.self, row: row, scratchRow: row + scratchShift, panel: panel, weights, gated,
                    from: start, steps: steps)
                row += Target.SmallTile.rows
            }
        }
    }

    /// Adds `steps` products to the sums of one row tile and one panel. Unfinished sums wait in scratch memory. After
    /// the last part, sums go to the output.
    @inline(always)
    private func multiply<Tile: MicroTile>(
        _: Tile.Type, row: Int, scratchRow: Int, panel: Int, _ weights: UnsafePointer<Float>,
        _ gated: UnsafePointer<Float>, from start: Int, steps: Int
    ) {
        let width = PackedMatrix.panelWidth
        let stride = arguments.columnCount
        let isLast = start + steps == depth
        let isDirect =
            arguments.ending.isPlain && row + Tile.rows <= arguments.rowCount && (panel + 1) * width <= stride
        let left = arguments.input + row * arguments.inputStride + start * Tile.rows
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
                tile.accumulate(
                    left, leftStep: Tile.rows, leftStride: 1, right, at: column, rightStride: Storage.blockWordCount,
                    count: steps, Storage.self, Target.Widen.self)
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
                column: panel * width, lesser(width, stride - panel * width), Target.Arithmetic.self)
        }
    }
}
