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
        GEMVForm<Target, Storage>(arguments: arguments).passPanels()
    }
}

/// The kernel for one target and one storage.
private struct GEMVForm<Target: KernelTarget, Storage: PanelStorage> {
    let arguments: ProductArguments

    @inline(always)
    init(arguments: ProductArguments) { self.arguments = arguments }

    /// Takes two panels at a time, of one matrix or of the two matrices of a gated product. So four independent chains
    /// hide the latency of a multiply-add.
    @inline(always)
    func passPanels() {
        let width = PackedMatrix.panelWidth
        let isGated = arguments.ending.kind == .gate
        let output = arguments.output
        let scratch = arguments.scratch
        var panel = arguments.panels.lowerBound
        while panel < arguments.panels.upperBound {
            let hasNext = panel + 1 < arguments.panels.upperBound
            let first = arguments.weights + panel * arguments.panelStride
            let second =
                isGated
                ? arguments.gated + panel * arguments.panelStride : hasNext ? first + arguments.panelStride : first
            let (sums, others) = multiply(first, second)
            sums.store(to: scratch)
            others.store(to: scratch + width)
            let column = panel * width
            let count = arguments.columnCount - column
            arguments.ending.finish(
                scratch, scratch + width, output + column, column: column, lesser(width, count),
                Target.Arithmetic.self)
            panel += 1
            if !isGated && hasNext {
                arguments.ending.finish(
                    scratch + width, scratch, output + column + width, column: column + width,
                    lesser(width, count - width), Target.Arithmetic.self)
                panel += 1
            }
        }
    }

    /// The products of the row with two panels.
    @inline(always)
    private func multiply(_ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>) -> (Lanes32, Lanes32) {
        let length = Storage.blockLength
        let perStep = Target.Products.numbersPerStep
        let depth = (arguments.depth + perStep - 1) / perStep
        var sums = Lanes32(repeating: 0)
        var others = Lanes32(repeating: 0)
        if Storage.readsWidened && arguments.format.isQuantized {
            // Few columns at a time, so that they stay in the first-level cache.
            let firstFloats = arguments.widened
            let secondFloats = firstFloats + 32 * PackedMatrix.panelWidth
            for start in Steps(from: 0, to: depth, by: 32) {
                arguments.widen(first, columns: start..<(start + 32), into: firstFloats, Target.self)
                arguments.widen(second, columns: start..<(start + 32), into: secondFloats, Target.self)
                for column in Steps(from: 0, to: 32, by: 1) {
                    let offset = column * PackedMatrix.panelWidth
                    add(&sums, &others, firstFloats + offset, secondFloats + offset, column: 0, start + column)
                }
            }
            return (sums, others)
        }
        for block in Steps(from: 0, to: depth / length, by: 1) {
            let offset = block * Storage.blockWordCount
            let k = block * length
            // Written out for one and two columns, so that the column is a constant.
            if length <= 2 {
                add(&sums, &others, first + offset, second + offset, column: 0, k)
                if length == 2 { add(&sums, &others, first + offset, second + offset, column: 1, k + 1) }
            } else {
                for column in Steps(from: 0, to: length, by: 1) {
                    add(&sums, &others, first + offset, second + offset, column: column, k + column)
                }
            }
        }
        // The rest, in a block that isn't complete.
        if length > 1 {
            let whole = depth / length
            let offset = whole * Storage.blockWordCount
            for column in Steps(from: 0, to: depth % length, by: 1) {
                add(&sums, &others, first + offset, second + offset, column: column, whole * length + column)
            }
        }
        return (sums, others)
    }

    /// One step of the chains.
    @inline(always)
    private func add(
        _ sums: inout Lanes32, _ others: inout Lanes32, _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>,
        column: Int, _ step: Int
    ) {
        let factor = arguments.input[step]
        sums.add(
            factor, Lanes32(first, at: 0, column: column, Storage.self, Target.Widen.self), Target.Products.self)
        others.add(
            factor, Lanes32(second, at: 0, column: column, Storage.self, Target.Widen.self), Target.Products.self)
    }
}
