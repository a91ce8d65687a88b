import CLongLM

/// Products of several rows of quantised activations with quantised weights.
struct CodeGEMMArguments: CodeKernel {
    let product: ProductArguments

    static var number: LongLMKernel { .codeGemm }

    @inline(always)
    func body<Target: CodeTarget>(_: Target.Type) {
        ProductLoop<CodePart<Target>>(arguments: product).passPanels()
    }
}

/// Parts of unpacked codes. A step is 32 columns.
private enum CodePart<Target: CodeTarget>: ProductPart {
    typealias Arithmetic = Target.Arithmetic
    typealias Tile = Target.LargeCodeTile
    typealias MediumTile = Target.MediumCodeTile
    typealias SmallTile = Target.SmallCodeTile

    @inline(always)
    static func depth(of arguments: ProductArguments) -> Int { arguments.depth / 32 }

    /// As many columns as a product of floats passes, which take less room.
    @inline(always)
    static func partDepth(of arguments: ProductArguments) -> Int {
        let columns = GEMM.panelPartWordCount / PackedMatrix.panelWidth
        return (arguments.ending.kind == .gate ? columns / 2 : columns) / 32
    }

    @inline(always)
    static func inputOffset(of start: Int) -> Int { start * QuantizedInput.wordCount }

    @inline(always)
    static func prepare(
        _ panel: Int, from start: Int, steps: Int, _ arguments: ProductArguments
    ) -> (UnsafePointer<Float>, UnsafePointer<Float>) {
        let offset = panel * arguments.panelStride
        let columns = (start * 32)..<((start + steps) * 32)
        let gated = arguments.unpacked + GEMM.panelPartWordCount / 2
        arguments.unpack(arguments.weights + offset, columns: columns, as: .codes, into: arguments.unpacked)
        if arguments.ending.kind == .gate {
            arguments.unpack(arguments.gated + offset, columns: columns, as: .codes, into: gated)
        }
        return (UnsafePointer(arguments.unpacked), UnsafePointer(gated))
    }
}

/// Products of a single row of quantised activations.
struct CodeGEMVArguments: CodeKernel {
    let product: ProductArguments

    static var number: LongLMKernel { .codeGemv }

    @inline(always)
    func body<Target: CodeTarget>(_: Target.Type) {
        RowProductLoop<CodeRowProduct<Target>>(arguments: product).passPanels()
    }
}

private enum CodeRowProduct<Target: CodeTarget>: RowProduct {
    typealias Arithmetic = Target.Arithmetic

    @inline(always)
    static func multiply(
        _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>, _ arguments: ProductArguments
    ) -> (Lanes32, Lanes32) {
        // One after the other, so that memory is read in order.
        let sums = multiply(first, arguments)
        return (sums, second == first ? sums : multiply(second, arguments))
    }

    /// The products of the row with a panel.
    @inline(always)
    private static func multiply(_ panel: UnsafePointer<Float>, _ arguments: ProductArguments) -> Lanes32 {
        let span = arguments.unpacked
        let step = 32 * spansPerStep
        var row = CodeRow<Lanes32, Target.Codes, Target.Arithmetic>()
        var input = arguments.input
        for column in Steps(from: 0, to: arguments.depth, by: step) {
            let columns = column..<lesser(column + step, arguments.depth)
            arguments.unpack(panel, columns: columns, as: .codes, into: span, fetchingAhead: true)
            let spanCount = columns.length / 32
            row.accumulate(input, span, at: 0, steps: spanCount, arguments.scaleForm)
            input += QuantizedInput.wordCount * spanCount
        }
        return row.sums
    }

    /// So few that their codes stay in the first-level cache.
    @inline(always) private static var spansPerStep: Int { 4 }
}

/// The code products of ``MachineCeiling``.
struct CodePeakArguments: CodeKernel {
    let steps: Int
    let memory: UnsafePointer<Float>
    /// Where the results go, so that the work isn't dropped.
    let scratch: UnsafeMutablePointer<Float>

    static var number: LongLMKernel { .codePeak }

    @inline(always)
    func body<Target: CodeTarget>(_: Target.Type) {
        let codes = Target.CodeColumns(memory)
        let count = MachineCeiling.scratchFloatCount / (codeTileRows * Target.CodeColumns.count)
        for _ in Steps(from: 0, to: count, by: 1) {
            var tile = Target.LargeCodeTile()
            tile.begin(memory)
            // Every row has factors of its own, or the compiler would compute equal rows once.
            for _ in Steps(from: 0, to: steps, by: 1) { tile.addDots(memory, codes) }
            tile.end(memory, codes)
            tile.store(to: scratch, stride: Target.CodeColumns.count)
        }
    }
}
