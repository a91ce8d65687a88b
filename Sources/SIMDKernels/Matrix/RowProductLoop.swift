import CLongLM

/// How a single row is multiplied.
protocol RowProduct {
    /// How single numbers are multiplied at the end.
    associatedtype Arithmetic: MultiplyAdd

    /// The products of the row with two panels.
    static func multiply(
        _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>, _ arguments: ProductArguments
    ) -> (Lanes32, Lanes32)
}

/// The loop over the panels that a single row is multiplied with.
struct RowProductLoop<Part: RowProduct> {
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
            let (sums, others) = Part.multiply(first, second, arguments)
            sums.store(to: scratch)
            others.store(to: scratch + width)
            let column = panel * width
            let count = arguments.columnCount - column
            arguments.ending.finish(
                scratch, scratch + width, output + column, column: column, lesser(width, count),
                Part.Arithmetic.self)
            panel += 1
            if !isGated && hasNext {
                arguments.ending.finish(
                    scratch + width, scratch, output + column + width, column: column + width,
                    lesser(width, count - width), Part.Arithmetic.self)
                panel += 1
            }
        }
    }
}
