import CLongLM

/// Products of activations with a ``PackedMatrix``.
///
/// The numeric contract: every output is one chain of fused multiply-adds over k = 0, 1, …, K − 1 that starts at
/// zero; when the product is added to what the output held, that is one addition at the end. Neither the number
/// of rows, the register tile, the blocks, the threads nor the choice of GEMM or GEMV shows in the result.
public enum GEMM {
    /// k-steps between visits of an accumulator to memory: a block of a widened panel (32 KiB) stays in the
    /// nearest caches while all rows pass over it.
    static let blockDepth = 256

    /// The floats of scratch memory that one worker needs for products with up to `maximumRowCount` rows.
    public static func scratchFloatCount(maximumRowCount: Int) -> Int {
        (blockDepth + maximumRowCount + maximumTileRows) * PackedMatrix.panelWidth
    }

    /// The floats of memory that the packed form of a [rowCount, columnCount] input needs on any instruction set.
    public static func packedInputFloatCount(rowCount: Int, columnCount: Int) -> Int {
        (rowCount + maximumTileRows) * columnCount
    }

    private static let maximumTileRows = 12

    /// This worker's share of packing `input` [rowCount, columnCount], row-major, for ``multiply(_:by:into:adding:scratch:worker:)``.
    /// All workers call it with the same arguments and meet at a barrier before the product.
    ///
    /// - Parameters:
    ///   - input: The activations; must stay in place until the products are done (one row is used where it is).
    ///   - packed: Memory of ``packedInputFloatCount(rowCount:columnCount:)`` floats.
    public static func packInput(
        _ input: UnsafePointer<Float>, rowCount: Int, columnCount: Int, into packed: UnsafeMutablePointer<Float>,
        worker: Worker
    ) -> PackedInput {
        guard rowCount > 1 else { return PackedInput(pointer: input, rowCount: rowCount, columnCount: columnCount) }
        let tileRows = worker.instructionSet.tileRows
        let tileCount = (rowCount + tileRows - 1) / tileRows
        for tile in worker.share(of: tileCount) {
            let target = packed + tile * tileRows * columnCount
            for tileRow in 0..<tileRows {
                let row = tile * tileRows + tileRow
                if row < rowCount {
                    let source = input + row * columnCount
                    for column in 0..<columnCount { target[column * tileRows + tileRow] = source[column] }
                } else {
                    for column in 0..<columnCount { target[column * tileRows + tileRow] = 0 }
                }
            }
        }
        return PackedInput(pointer: UnsafePointer(packed), rowCount: rowCount, columnCount: columnCount)
    }

    /// This worker's share of output = input · weightsᵀ, or output += input · weightsᵀ.
    ///
    /// - Parameters:
    ///   - input: [M, K], packed by all workers.
    ///   - weights: [N, K].
    ///   - output: [M, N], row-major. Workers write disjoint columns.
    ///   - adding: Whether the product is added to what `output` holds.
    ///   - scratch: This worker's own memory of ``scratchFloatCount(maximumRowCount:)`` floats.
    @inline(never)
    public static func multiply(
        _ input: PackedInput, by weights: PackedMatrix, into output: UnsafeMutablePointer<Float>,
        adding: Bool = false, scratch: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        precondition(input.columnCount == weights.columnCount, "the input is as wide as the weights")
        let panels = worker.share(of: weights.panelCount)
        if panels.isEmpty || input.rowCount == 0 { return }
        var arguments = GEMMArguments(
            input: input.pointer, rowCount: input.rowCount, depth: input.columnCount, weights: weights.panels,
            elementType: weights.elementType, columnCount: weights.rowCount, panels: panels, output: output,
            adding: adding, scratch: scratch)
        if input.rowCount == 1 {
            longlm_run_gemv(worker.instructionSet.number, &arguments)
        } else {
            longlm_run_gemm(worker.instructionSet.number, &arguments)
        }
    }
}

/// Activations [rowCount, columnCount] in the order in which a product reads them: tiles of as many rows as the
/// register tile has, column after column; a single row as it is.
public struct PackedInput {
    let pointer: UnsafePointer<Float>
    /// M.
    public let rowCount: Int
    /// K.
    public let columnCount: Int
}

extension InstructionSet {
    /// MR of the register tile in use.
    var tileRows: Int {
        self == .avx512 ? AVX512Target.Tile.rows : BaselineTarget.Tile.rows
    }
}

struct GEMMArguments {
    let input: UnsafePointer<Float>
    let rowCount: Int
    let depth: Int
    let weights: UnsafeRawPointer
    let elementType: ElementType
    let columnCount: Int
    let panels: Range<Int>
    let output: UnsafeMutablePointer<Float>
    let adding: Bool
    let scratch: UnsafeMutablePointer<Float>
}

/// For each panel of weights: pass all row tiles over one widened block of it at a time, keeping the unfinished sums
/// of every tile in scratch, then hand the finished sums to the output.
@inline(always)
private func gemmKernel<Target: KernelTarget>(_ arguments: GEMMArguments, _: Target.Type) {
    let width = PackedMatrix.panelWidth
    let depth = arguments.depth
    let tileRows = Target.Tile.rows
    let tileCount = (arguments.rowCount + tileRows - 1) / tileRows
    let widened = arguments.scratch
    let sums = arguments.scratch + GEMM.blockDepth * width
    for panel in arguments.panels {
        var start = 0
        while start < depth {
            let steps = min(GEMM.blockDepth, depth - start)
            widen(
                arguments.weights, arguments.elementType, from: (panel * depth + start) * width,
                count: steps * width, to: widened)
            for tile in 0..<tileCount {
                gemmTile(
                    arguments.input + (tile * depth + start) * tileRows, widened, steps: steps,
                    sums: sums + tile * tileRows * width, resuming: start > 0, Target.Tile.self)
            }
            start += steps
        }
        finishPanel(arguments, panel, sums)
    }
}

/// Widens `count` weights, a multiple of 16.
@inline(always)
private func widen(
    _ weights: UnsafeRawPointer, _ elementType: ElementType, from first: Int, count: Int,
    to target: UnsafeMutablePointer<Float>
) {
    switch elementType {
    case .float32: widen(weights, Float32Element.self, from: first, count: count, to: target)
    case .bfloat16: widen(weights, BFloat16Element.self, from: first, count: count, to: target)
    case .float16: widen(weights, Float16Element.self, from: first, count: count, to: target)
    }
}

@inline(always)
private func widen<Element: WeightElement>(
    _ weights: UnsafeRawPointer, _: Element.Type, from first: Int, count: Int, to target: UnsafeMutablePointer<Float>
) {
    let source = weights.assumingMemoryBound(to: Element.Bits.self) + first
    for offset in Steps(from: 0, to: count, by: laneCount) {
        target.store(Element.widen(source + offset), at: offset)
    }
}

/// Adds `steps` products to the sums of one row tile and one panel.
@inline(always)
private func gemmTile<Tile: MicroTile>(
    _ input: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, steps: Int, sums: UnsafeMutablePointer<Float>,
    resuming: Bool, _: Tile.Type
) {
    let width = PackedMatrix.panelWidth
    var column = 0
    while column < width {
        var tile = resuming ? Tile(sums + column, stride: width) : Tile()
        var left = input
        var right = weights + column
        for _ in 0..<steps {
            tile.step(left, 1, right)
            left += Tile.rows
            right += width
        }
        tile.store(to: sums + column, stride: width)
        column += Tile.columns
    }
}

/// Copies or adds a panel's finished sums to the columns of the output that exist.
@inline(always)
private func finishPanel(_ arguments: GEMMArguments, _ panel: Int, _ sums: UnsafeMutablePointer<Float>) {
    let width = PackedMatrix.panelWidth
    let columns = min(width, arguments.columnCount - panel * width)
    for row in 0..<arguments.rowCount {
        let output = arguments.output + row * arguments.columnCount + panel * width
        finish(sums + row * width, output, columns, adding: arguments.adding)
    }
}

/// Copies or adds `count` ≤ 32 finished sums to the output.
@inline(always)
private func finish(
    _ sums: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, _ count: Int, adding: Bool
) {
    if count == PackedMatrix.panelWidth {
        let (left, right) = (sums.lanes(at: 0), sums.lanes(at: laneCount))
        output.store(adding ? output.lanes(at: 0) + left : left, at: 0)
        output.store(adding ? output.lanes(at: laneCount) + right : right, at: laneCount)
    } else {
        for column in 0..<count { output[column] = adding ? output[column] + sums[column] : sums[column] }
    }
}

@inline(always)
private func gemvKernel<Target: KernelTarget>(_ arguments: GEMMArguments, _: Target.Type) {
    switch arguments.elementType {
    case .float32: gemvPanels(arguments, Target.Arithmetic.self, Float32Element.self)
    case .bfloat16: gemvPanels(arguments, Target.Arithmetic.self, BFloat16Element.self)
    case .float16: gemvPanels(arguments, Target.Arithmetic.self, Float16Element.self)
    }
}

/// One input row: two panels at a time, so that four independent chains hide the latency of a multiply-add.
@inline(always)
private func gemvPanels<Arithmetic: MultiplyAdd, Element: WeightElement>(
    _ arguments: GEMMArguments, _: Arithmetic.Type, _: Element.Type
) {
    let width = PackedMatrix.panelWidth
    let depth = arguments.depth
    let all = arguments.weights.assumingMemoryBound(to: Element.Bits.self)
    var panel = arguments.panels.lowerBound
    while panel < arguments.panels.upperBound {
        let first = all + panel * width * depth
        let hasSecond = panel + 1 < arguments.panels.upperBound
        let second = hasSecond ? first + width * depth : first
        let zero = Lanes(repeating: 0)
        var (sum0, sum1, sum2, sum3) = (zero, zero, zero, zero)
        for k in 0..<depth {
            let input = Lanes(repeating: arguments.input[k])
            sum0 = Arithmetic.multiplyAdd(input, Element.widen(first + k * width), sum0)
            sum1 = Arithmetic.multiplyAdd(input, Element.widen(first + k * width + laneCount), sum1)
            sum2 = Arithmetic.multiplyAdd(input, Element.widen(second + k * width), sum2)
            sum3 = Arithmetic.multiplyAdd(input, Element.widen(second + k * width + laneCount), sum3)
        }
        arguments.scratch.store(sum0, at: 0)
        arguments.scratch.store(sum1, at: laneCount)
        arguments.scratch.store(sum2, at: 2 * laneCount)
        arguments.scratch.store(sum3, at: 3 * laneCount)
        for offset in 0..<(hasSecond ? 2 : 1) {
            let column = (panel + offset) * width
            finish(
                arguments.scratch + offset * width, arguments.output + column,
                min(width, arguments.columnCount - column), adding: arguments.adding)
        }
        panel += 2
    }
}

@c @implementation
func longlm_gemm_baseline(_ arguments: UnsafeRawPointer) {
    gemmKernel(arguments.load(as: GEMMArguments.self), BaselineTarget.self)
}

@c @implementation
func longlm_gemv_baseline(_ arguments: UnsafeRawPointer) {
    gemvKernel(arguments.load(as: GEMMArguments.self), BaselineTarget.self)
}

#if arch(x86_64)
    @c @implementation
    func longlm_gemm_avx2(_ arguments: UnsafeRawPointer) {
        gemmKernel(arguments.load(as: GEMMArguments.self), AVX2Target.self)
    }

    @c @implementation
    func longlm_gemm_avx512(_ arguments: UnsafeRawPointer) {
        gemmKernel(arguments.load(as: GEMMArguments.self), AVX512Target.self)
    }

    @c @implementation
    func longlm_gemv_avx2(_ arguments: UnsafeRawPointer) {
        gemvKernel(arguments.load(as: GEMMArguments.self), AVX2Target.self)
    }

    @c @implementation
    func longlm_gemv_avx512(_ arguments: UnsafeRawPointer) {
        gemvKernel(arguments.load(as: GEMMArguments.self), AVX512Target.self)
    }
#endif
