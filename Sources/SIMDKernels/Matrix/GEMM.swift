import CLongLM

/// Products of activations with a ``PackedMatrix``.
///
/// The numeric contract: every output is one chain of fused multiply-adds over k = 0, 1, …, K − 1 that starts at
/// zero; when the product is added to what the output held, that is one addition at the end. Neither the number
/// of rows, the register tile, the blocks, the threads nor the choice of GEMM or GEMV shows in the result.
/// (In ``Precision/bfloat16`` a step of the chain adds two products.)
public enum GEMM {
    /// Columns of a panel, in words, between visits of an accumulator to memory. A block of a panel (512 KiB) stays in the
    /// second-level cache while all rows pass over it; the chain is carried on, so the length shows in no bit.
    static let blockWords = 4096

    /// Floats of an output from which on it is stored past the caches: 64 MB.
    private static let leastStreamedCount = 16 << 20

    /// The floats of scratch memory that one worker needs for products with up to `maximumRowCount` rows.
    public static func scratchFloatCount(maximumRowCount: Int) -> Int {
        2 * (maximumRowCount + 2 * maximumTileRows) * PackedMatrix.panelWidth
    }

    @inline(always) static var maximumTileRows: Int { 12 }

    /// This worker's share of output = activation(input · weightsᵀ + bias), or output += the same.
    ///
    /// - Parameters:
    ///   - input: [M, K], packed by all workers.
    ///   - weights: [N, K]; of type bfloat16 where the input was packed for ``Precision/bfloat16``.
    ///   - bias: [N], added to every row of the product; nil: none.
    ///   - activation: What the product passes through after that.
    ///   - output: [M, N], row-major. Workers write disjoint parts.
    ///   - adding: Whether the result is added to what `output` holds.
    ///   - scratch: This worker's own memory of ``scratchFloatCount(maximumRowCount:)`` floats.
    ///   - worker: This worker.
    public static func multiply(
        _ input: PackedInput, by weights: PackedMatrix, bias: UnsafePointer<Float>? = nil,
        activation: Activation = .identity, into output: UnsafeMutablePointer<Float>, adding: Bool = false,
        scratch: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        run(
            input, weights, gated: weights,
            GEMMEnding(adding ? .add : .store, bias: bias, gatedBias: nil, activation: activation), output, scratch,
            worker)
    }

    /// This worker's share of output = activation(input · gateᵀ + gateBias) · (input · upᵀ + upBias), element by element:
    /// the gate of a SwiGLU or GeGLU feed-forward block (Shazeer, 2020).
    ///
    /// - Parameters:
    ///   - input: [M, K], packed by all workers.
    ///   - gate: [N, K].
    ///   - up: [N, K], of the same type as `gate`.
    ///   - gateBias: [N]; nil: none.
    ///   - upBias: [N]; nil: none.
    ///   - activation: What the product with `gate` passes through.
    ///   - output: [M, N], row-major. Workers write disjoint parts.
    ///   - scratch: This worker's own memory of ``scratchFloatCount(maximumRowCount:)`` floats.
    ///   - worker: This worker.
    public static func multiplyGated(
        _ input: PackedInput, gate: PackedMatrix, up: PackedMatrix, gateBias: UnsafePointer<Float>? = nil,
        upBias: UnsafePointer<Float>? = nil, activation: Activation = .silu,
        into output: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        precondition(
            gate.rowCount == up.rowCount && gate.columnCount == up.columnCount && gate.format == up.format,
            "gate and up are alike")
        run(
            input, gate, gated: up, GEMMEnding(.gate, bias: gateBias, gatedBias: upBias, activation: activation),
            output, scratch, worker)
    }

    @inline(never)
    private static func run(
        _ input: PackedInput, _ weights: PackedMatrix, gated: PackedMatrix, _ ending: GEMMEnding,
        _ output: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
    ) {
        precondition(input.columnCount == weights.columnCount, "the input is as wide as the weights")
        precondition(
            input.precision == .float32
                || weights.format == .bfloat16 && worker.instructionSet.hasBFloat16Products,
            "bfloat16 products take bfloat16 weights, and need AVX-512 BF16")
        let share = ProductShare(
            rowCount: input.rowCount, tileRows: worker.instructionSet.tileRows, panelCount: weights.panelCount,
            worker: worker)
        if share.panels.isEmpty || share.rows.0.isEmpty && share.rows.1.isEmpty { return }
        // An output that no cache holds is not fetched before it is overwritten, if it is aligned to whole cache lines.
        let streams =
            ending.isPlain && ending.kind == .store && input.rowCount * weights.rowCount >= leastStreamedCount
            && weights.rowCount % laneCount == 0
            && UInt(bitPattern: output) % 64 == 0
        var arguments = GEMMArguments(
            input: input.pointer, inputStride: input.rowStride, rowCount: input.rowCount,
            depth: input.precision == .bfloat16 ? weights.wordCount : weights.columnCount, weights: weights.panels,
            gated: gated.panels, panelStride: weights.panelWordCount, format: weights.format,
            columnCount: weights.rowCount, panels: share.panels, rows: share.rows, output: output, ending: ending,
            streams: streams, scratch: scratch)
        #if arch(x86_64)
            if input.precision == .bfloat16 {
                if input.rowCount == 1 {
                    longlm_call_gemv_avx512bf16(&arguments)
                } else {
                    longlm_call_gemm_avx512bf16(&arguments)
                }
                return
            }
        #endif
        if input.rowCount == 1 {
            longlm_run_gemv(worker.instructionSet.number, &arguments)
        } else {
            longlm_run_gemm(worker.instructionSet.number, &arguments)
        }
    }
}

/// What becomes of a finished product: its bias is added, it passes the activation, and then its kind.
struct GEMMEnding {
    enum Kind {
        /// It is written.
        case store
        /// It is added to the output.
        case add
        /// It is multiplied with the product of the second matrix and written.
        case gate
    }

    let kind: Kind
    let bias: UnsafePointer<Float>?
    /// The second product's.
    let gatedBias: UnsafePointer<Float>?
    let activation: Activation
    /// Whether tiles go to the output straight from registers.
    let isPlain: Bool

    init(
        _ kind: Kind, bias: UnsafePointer<Float>?, gatedBias: UnsafePointer<Float>?, activation: Activation
    ) {
        self.kind = kind
        self.bias = bias
        self.gatedBias = gatedBias
        self.activation = activation
        isPlain = kind != .gate && bias == nil && activation == .identity
    }
}

struct GEMMArguments {
    let input: UnsafePointer<Float>
    /// Floats from the place of one row to the next.
    let inputStride: Int
    let rowCount: Int
    /// Steps of a chain: K, or words in bfloat16 products.
    let depth: Int
    let weights: UnsafePointer<Float>
    /// The second matrix of a gated product.
    let gated: UnsafePointer<Float>
    /// Words from one panel to the next.
    let panelStride: Int
    let format: WeightFormat
    /// N.
    let columnCount: Int
    let panels: Range<Int>
    let rows: (Range<Int>, Range<Int>)
    let output: UnsafeMutablePointer<Float>
    let ending: GEMMEnding
    /// Whether whole tiles are stored past the caches.
    let streams: Bool
    let scratch: UnsafeMutablePointer<Float>
}

@inline(always)
private func gemmKernel<Target: KernelTarget>(_ arguments: GEMMArguments, _: Target.Type) {
    switch arguments.format {
    case .float32: gemmPanels(arguments, Target.self, WholeWords.self)
    case .bfloat16: gemmPanels(arguments, Target.self, BFloat16Numbers.self)
    case .float16: gemmPanels(arguments, Target.self, Target.HalfNumbers.self)
    }
}

/// For each panel: block by block of its columns, pass all row tiles over it.
@inline(always)
private func gemmPanels<Target: KernelTarget, Numbers: StoredNumbers>(
    _ arguments: GEMMArguments, _: Target.Type, _: Numbers.Type
) {
    // A gated product passes two blocks.
    let blockWords = arguments.ending.kind == .gate ? GEMM.blockWords / 2 : GEMM.blockWords
    let blockDepth = blockWords * Numbers.perWord
    for panel in Steps(from: arguments.panels.lowerBound, to: arguments.panels.upperBound, by: 1) {
        var start = 0
        repeat {
            let steps = lesser(blockDepth, arguments.depth - start)
            for part in 0..<2 {
                let rows = part == 0 ? arguments.rows.0 : arguments.rows.1
                // The second range's unfinished sums lie behind the first's.
                let shift = part == 0 ? -rows.lowerBound : arguments.rows.0.length - rows.lowerBound
                gemmRows(
                    arguments, rows, scratchShift: shift, panel: panel, from: start, steps: steps, Target.self,
                    Numbers.self)
            }
            start += steps
        } while start < arguments.depth
    }
    if arguments.streams { longlm_stream_end() }
}

/// Passes the tiles of some rows over a block of a panel.
@inline(always)
private func gemmRows<Target: KernelTarget, Numbers: StoredNumbers>(
    _ arguments: GEMMArguments, _ rows: Range<Int>, scratchShift: Int, panel: Int, from start: Int, steps: Int,
    _: Target.Type, _: Numbers.Type
) {
    var row = rows.lowerBound
    while row < rows.upperBound {
        let rest = rows.upperBound - row
        if rest > Target.MediumTile.rows {
            gemmTile(
                arguments, Target.Tile.self, Target.Arithmetic.self, Numbers.self, row: row,
                scratchRow: row + scratchShift, panel: panel, from: start, steps: steps)
            row += Target.Tile.rows
        } else if rest > Target.SmallTile.rows {
            gemmTile(
                arguments, Target.MediumTile.self, Target.Arithmetic.self, Numbers.self, row: row,
                scratchRow: row + scratchShift, panel: panel, from: start, steps: steps)
            row += Target.MediumTile.rows
        } else {
            gemmTile(
                arguments, Target.SmallTile.self, Target.Arithmetic.self, Numbers.self, row: row,
                scratchRow: row + scratchShift, panel: panel, from: start, steps: steps)
            row += Target.SmallTile.rows
        }
    }
}

/// Adds `steps` products to the sums of one row tile and one panel. Unfinished sums wait in scratch; the last block's go
/// to the output.
@inline(always)
private func gemmTile<Tile: MicroTile, Arithmetic: MultiplyAdd, Numbers: StoredNumbers>(
    _ arguments: GEMMArguments, _: Tile.Type, _: Arithmetic.Type, _: Numbers.Type, row: Int, scratchRow: Int,
    panel: Int, from start: Int, steps: Int
) {
    let width = PackedMatrix.panelWidth
    let stride = arguments.columnCount
    let isLast = start + steps == arguments.depth
    let isDirect = arguments.ending.isPlain && row + Tile.rows <= arguments.rowCount && (panel + 1) * width <= stride
    let left = arguments.input + row * arguments.inputStride + start * Tile.rows
    let right = panel * arguments.panelStride + start / Numbers.perWord * width
    // Of each of the two products: the unfinished sums of all rows, and one tile of finished ones.
    let rowCount = arguments.rows.0.length + arguments.rows.1.length + GEMM.maximumTileRows
    let scratchCount = (rowCount + GEMM.maximumTileRows) * width
    let finished = arguments.scratch + rowCount * width
    let output = arguments.output + row * stride + panel * width
    for product in 0..<(arguments.ending.kind == .gate ? 2 : 1) {
        let weights = (product == 0 ? arguments.weights : arguments.gated) + right
        let sums = arguments.scratch + product * scratchCount + scratchRow * width
        for column in Steps(from: 0, to: width, by: Tile.columns) {
            var tile = start == 0 ? Tile() : Tile(sums + column, stride: width)
            tile.accumulate(
                left, leftStep: Tile.rows, leftStride: 1, weights + column, rightStride: width, count: steps,
                Numbers.self)
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
        finish(
            finished + tileRow * width, finished + scratchCount + tileRow * width, output + tileRow * stride,
            column: panel * width, lesser(width, stride - panel * width), arguments.ending, Arithmetic.self)
    }
}

/// Ends `count` ≤ 32 products of one row, those from a column on.
@inline(always)
private func finish<Arithmetic: MultiplyAdd>(
    _ sums: UnsafeMutablePointer<Float>, _ others: UnsafeMutablePointer<Float>, _ output: UnsafeMutablePointer<Float>,
    column: Int, _ count: Int, _ ending: GEMMEnding, _: Arithmetic.Type
) {
    for offset in Steps(from: 0, to: PackedMatrix.panelWidth, by: laneCount) {
        let present = lesser(count - offset, laneCount)
        if present <= 0 { return }
        var lanes = sums.lanes(at: offset)
        if let bias = ending.bias { lanes += bias.leadingLanes(at: column + offset, count: present) }
        lanes = ending.activation.apply(lanes, Arithmetic.self)
        if ending.kind == .gate {
            var factors = others.lanes(at: offset)
            if let bias = ending.gatedBias { factors += bias.leadingLanes(at: column + offset, count: present) }
            lanes *= factors
        } else if ending.kind == .add {
            lanes = UnsafePointer(output).leadingLanes(at: offset, count: present) + lanes
        }
        if present == laneCount {
            output.store(lanes, at: offset)
        } else {
            output.storePartial(lanes, at: offset, count: present)
        }
    }
}

@inline(always)
private func gemvKernel<Target: KernelTarget>(_ arguments: GEMMArguments, _: Target.Type) {
    switch arguments.format {
    case .float32: gemvPanels(arguments, Target.Arithmetic.self, Target.Arithmetic.self, WholeWords.self)
    case .bfloat16: gemvPanels(arguments, Target.Arithmetic.self, Target.Arithmetic.self, BFloat16Numbers.self)
    case .float16: gemvPanels(arguments, Target.Arithmetic.self, Target.Arithmetic.self, Target.HalfNumbers.self)
    }
}

/// One input row: two panels at a time, of one matrix or of the two of a gated product, so that four independent chains
/// hide the latency of a multiply-add.
@inline(always)
private func gemvPanels<Products: MultiplyAdd, Arithmetic: MultiplyAdd, Numbers: StoredNumbers>(
    _ arguments: GEMMArguments, _: Products.Type, _: Arithmetic.Type, _: Numbers.Type
) {
    let width = PackedMatrix.panelWidth
    let depth = arguments.depth
    let isGated = arguments.ending.kind == .gate
    let output = arguments.output
    let scratch = arguments.scratch
    var panel = arguments.panels.lowerBound
    while panel < arguments.panels.upperBound {
        let hasNext = panel + 1 < arguments.panels.upperBound
        let first = arguments.weights + panel * arguments.panelStride
        let second =
            isGated ? arguments.gated + panel * arguments.panelStride : hasNext ? first + arguments.panelStride : first
        var sums = Lanes32(repeating: 0)
        var others = Lanes32(repeating: 0)
        for word in Steps(from: 0, to: depth / Numbers.perWord, by: 1) {
            let k = word * Numbers.perWord
            let words = Lanes32(first + word * width)
            let otherWords = Lanes32(second + word * width)
            sums.add(arguments.input[k], words.first(Numbers.self), Products.self)
            others.add(arguments.input[k], otherWords.first(Numbers.self), Products.self)
            if Numbers.perWord == 2 {
                sums.add(arguments.input[k + 1], words.second(Numbers.self), Products.self)
                others.add(arguments.input[k + 1], otherWords.second(Numbers.self), Products.self)
            }
        }
        if Numbers.perWord == 2, depth % 2 == 1 {
            let word = depth / 2
            sums.add(arguments.input[depth - 1], Lanes32(first + word * width).first(Numbers.self), Products.self)
            others.add(arguments.input[depth - 1], Lanes32(second + word * width).first(Numbers.self), Products.self)
        }
        sums.store(to: scratch)
        others.store(to: scratch + width)
        let column = panel * width
        let count = arguments.columnCount - column
        finish(
            scratch, scratch + width, output + column, column: column, lesser(width, count), arguments.ending,
            Arithmetic.self)
        panel += 1
        if !isGated && hasNext {
            finish(
                scratch + width, scratch, output + column + width, column: column + width,
                lesser(width, count - width), arguments.ending, Arithmetic.self)
            panel += 1
        }
    }
}

@c @implementation
func longlm_gemm_baseline(_ arguments: UnsafeRawPointer) {
    gemmKernel(arguments.assumingMemoryBound(to: GEMMArguments.self).pointee, BaselineTarget.self)
}

@c @implementation
func longlm_gemv_baseline(_ arguments: UnsafeRawPointer) {
    gemvKernel(arguments.assumingMemoryBound(to: GEMMArguments.self).pointee, BaselineTarget.self)
}

#if arch(x86_64)
    @c @implementation
    func longlm_gemm_avx2(_ arguments: UnsafeRawPointer) {
        gemmKernel(arguments.assumingMemoryBound(to: GEMMArguments.self).pointee, AVX2Target.self)
    }

    @c @implementation
    func longlm_gemm_avx512(_ arguments: UnsafeRawPointer) {
        gemmKernel(arguments.assumingMemoryBound(to: GEMMArguments.self).pointee, AVX512Target.self)
    }

    @c @implementation
    func longlm_gemm_avx512bf16(_ arguments: UnsafeRawPointer) {
        gemmPanels(
            arguments.assumingMemoryBound(to: GEMMArguments.self).pointee, AVX512BFloat16Target.self, WholeWords.self)
    }

    @c @implementation
    func longlm_gemv_avx2(_ arguments: UnsafeRawPointer) {
        gemvKernel(arguments.assumingMemoryBound(to: GEMMArguments.self).pointee, AVX2Target.self)
    }

    @c @implementation
    func longlm_gemv_avx512(_ arguments: UnsafeRawPointer) {
        gemvKernel(arguments.assumingMemoryBound(to: GEMMArguments.self).pointee, AVX512Target.self)
    }

    @c @implementation
    func longlm_gemv_avx512bf16(_ arguments: UnsafeRawPointer) {
        gemvPanels(
            arguments.assumingMemoryBound(to: GEMMArguments.self).pointee, BFloat16Dot.self, FusedMultiplyAdd.self,
            WholeWords.self)
    }
#endif
