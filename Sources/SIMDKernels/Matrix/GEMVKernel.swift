import CLongLM

/// Products of a single row.
struct GEMVArguments: Kernel {
    let product: ProductArguments

    static var number: LongLMKernel { .gemv }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        Target.visit(product.format, GEMVVisitor<Target>(arguments: product))
    }
}

private struct GEMVVisitor<Target: KernelTarget>: PanelVisitor {
    let arguments: ProductArguments

    @inline(always)
    init(arguments: ProductArguments) { self.arguments = arguments }

    @inline(always)
    func visit<Storage: PanelStorage>(_: Storage.Type) {
        if Target.unpacksForSingleRows {
            ProductLoop<FloatRowPart<Target, Storage>>(arguments: arguments).passPanels()
        } else {
            RowProductLoop<FloatRowProduct<Target, Storage>>(arguments: arguments).passPanels()
        }
    }
}

/// Products with stored numbers, or with quantised ones.
private enum FloatRowProduct<Target: KernelTarget, Storage: PanelStorage>: RowProduct {
    typealias Arithmetic = Target.Arithmetic

    @inline(always)
    static func multiply(
        _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>, _ arguments: ProductArguments
    ) -> (Lanes32, Lanes32) {
        if Storage.readsWidened && arguments.format.isQuantized {
            let scratch = UnsafePointer(arguments.scratch)
            arguments.format.visit(
                quantized: QuantizedRowProduct<Target>(arguments: arguments, first: first, second: second))
            return (Lanes32(scratch), Lanes32(scratch + PackedMatrix.panelWidth))
        }
        let input = arguments.input
        let length = Storage.blockLength
        let perStep = Target.Products.numbersPerStep
        let depth = (arguments.depth + perStep - 1) / perStep
        var sums = Lanes32(repeating: 0)
        var others = Lanes32(repeating: 0)
        for block in Steps(from: 0, to: depth / length, by: 1) {
            let offset = block * Storage.blockWordCount
            let k = block * length
            // Written out for one and two columns, so that the column is a constant.
            if length <= 2 {
                add(&sums, &others, first + offset, second + offset, input[k], column: 0)
                if length == 2 { add(&sums, &others, first + offset, second + offset, input[k + 1], column: 1) }
            } else {
                for column in Steps(from: 0, to: length, by: 1) {
                    add(&sums, &others, first + offset, second + offset, input[k + column], column: column)
                }
            }
        }
        // The rest, in a block that isn't complete.
        if length > 1 {
            let whole = depth / length
            let offset = whole * Storage.blockWordCount
            for column in Steps(from: 0, to: depth % length, by: 1) {
                add(
                    &sums, &others, first + offset, second + offset, input[whole * length + column], column: column)
            }
        }
        return (sums, others)
    }

    /// One step of the chains.
    @inline(always)
    private static func add(
        _ sums: inout Lanes32, _ others: inout Lanes32, _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>,
        _ factor: Float, column: Int
    ) {
        sums.add(
            factor, Lanes32(first, at: 0, column: column, Storage.self, Target.Widen.self), Target.Products.self)
        others.add(
            factor, Lanes32(second, at: 0, column: column, Storage.self, Target.Widen.self), Target.Products.self)
    }
}
