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
        arguments.unpackCodes(arguments.weights + offset, columns: columns, into: arguments.unpacked, Target.self)
        if arguments.ending.kind == .gate {
            arguments.unpackCodes(arguments.gated + offset, columns: columns, into: gated, Target.self)
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
        // 32 columns at a time, so that their codes stay in the first-level cache.
        let firstSpan = arguments.unpacked
        let secondSpan = firstSpan + CodeSpan.wordCount
        var sums = CodeRow<Lanes32, Target.Codes, Target.Arithmetic>()
        var others = CodeRow<Lanes32, Target.Codes, Target.Arithmetic>()
        var input = arguments.input
        for column in Steps(from: 0, to: arguments.depth, by: 32) {
            let columns = column..<(column + 32)
            arguments.unpackCodes(first, columns: columns, into: firstSpan, Target.self)
            arguments.unpackCodes(second, columns: columns, into: secondSpan, Target.self)
            sums.accumulate(input, firstSpan, at: 0, steps: 1, arguments.scaleForm)
            others.accumulate(input, secondSpan, at: 0, steps: 1, arguments.scaleForm)
            input += QuantizedInput.wordCount
        }
        return (sums.sums, others.sums)
    }
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
