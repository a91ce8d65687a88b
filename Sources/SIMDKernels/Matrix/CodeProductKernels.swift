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

private enum CodePart<Target: CodeTarget>: UnpackedPart {
    typealias Tile = Target.LargeCodeTile
    typealias MediumTile = Target.MediumCodeTile
    typealias SmallTile = Target.SmallCodeTile
}

/// The same for a single row.
private enum CodeRowPart<Target: CodeTarget>: UnpackedPart {
    typealias Tile = CodeRow<Target.CodeColumns, Target.Codes, Target.Arithmetic>
    typealias MediumTile = Tile
    typealias SmallTile = Tile
}

/// Parts of unpacked codes. A step is 32 columns.
private protocol UnpackedPart: ProductPart where Arithmetic == Target.Arithmetic {
    associatedtype Target: CodeTarget
}

extension UnpackedPart {
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
        if Target.unpacksForSingleRows {
            ProductLoop<CodeRowPart<Target>>(arguments: product).passPanels()
        } else {
            RowProductLoop<CodeRowProduct<Target>>(arguments: product).passPanels()
        }
    }
}

private enum CodeRowProduct<Target: CodeTarget>: RowProduct {
    typealias Arithmetic = Target.Arithmetic

    @inline(always)
    static func multiply(
        _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>, _ arguments: ProductArguments
    ) -> (Lanes32, Lanes32) {
        let width = PackedMatrix.panelWidth
        let scratch = arguments.scratch
        // One after the other, so that memory is read in order.
        arguments.format.visit(
            quantized: QuantizedCodeRowProduct<Target>(arguments: arguments, panel: first, target: scratch))
        let sums = Lanes32(UnsafePointer(scratch))
        if second == first { return (sums, sums) }
        arguments.format.visit(
            quantized: QuantizedCodeRowProduct<Target>(arguments: arguments, panel: second, target: scratch + width))
        return (sums, Lanes32(UnsafePointer(scratch + width)))
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
