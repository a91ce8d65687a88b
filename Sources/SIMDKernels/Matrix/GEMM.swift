import CLongLM

/// Products of activations with a ``PackedMatrix``.
///
/// The numeric contract: every output is one chain of fused multiply-adds over k = 0, 1, …, K − 1 that starts at
/// zero; when the product is added to what the output held, that is one addition at the end. Neither the number
/// of rows, the register tile, the blocks, the threads nor the choice of GEMM or GEMV shows in the result.
/// (In ``Precision/bfloat16`` a step of the chain adds two products.)
public enum GEMM {
    /// Words of a part of a panel, 512 KiB, that stays in the second-level cache while all rows pass over it. Between two
    /// parts the accumulators wait in memory; a chain is carried on, so the size doesn't change a result.
    static let panelPartWordCount = 4096 * PackedMatrix.panelWidth

    /// Floats of an output from which on it is stored past the caches: 64 MB.
    private static let leastStreamedCount = 16 << 20

    /// The floats of scratch memory that one worker needs for products with up to `maximumRowCount` rows.
    public static func scratchFloatCount(maximumRowCount: Int) -> Int {
        2 * (maximumRowCount + 2 * maximumTileRows) * PackedMatrix.panelWidth
    }

    /// This worker's share of output = activation(input · weightsᵀ + bias), or output += the same.
    ///
    /// - Parameters:
    ///   - input: [M, K], packed by all workers.
    ///   - weights: [N, K]; of format bfloat16 where the input was packed for ``Precision/bfloat16``.
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
    ///   - up: [N, K], of the same format as `gate`.
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

    private static func run(
        _ input: PackedInput, _ weights: PackedMatrix, gated: PackedMatrix, _ ending: GEMMEnding,
        _ output: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
    ) {
        precondition(input.columnCount == weights.columnCount, "the input is as wide as the weights")
        precondition(worker.instructionSet.supports(input.precision), "the processor computes in this precision")
        precondition(input.precision.reads(weights.format), "products of this precision read the weights")
        let share = ProductShare(
            rowCount: input.rowCount, tileRows: worker.instructionSet.tileRows, panelCount: weights.panelCount,
            worker: worker)
        if share.panels.isEmpty || share.rows.0.isEmpty && share.rows.1.isEmpty { return }
        // An output that no cache holds is not fetched before it is overwritten, if it is aligned to whole cache lines.
        let streams =
            ending.isPlain && ending.kind == .store && input.rowCount * weights.rowCount >= leastStreamedCount
            && weights.rowCount % laneCount == 0
            && UInt(bitPattern: output) % 64 == 0
        let product = ProductArguments(
            input: input.pointer, inputStride: input.rowStride, rowCount: input.rowCount,
            depth: weights.columnCount, weights: weights.panels, gated: gated.panels,
            panelStride: weights.panelWordCount, format: weights.format, columnCount: weights.rowCount,
            panels: share.panels, rows: share.rows, output: output, ending: ending, streams: streams, scratch: scratch)
        if input.rowCount == 1 {
            GEMVArguments(product: product).run(on: worker.instructionSet, precision: input.precision)
        } else {
            GEMMArguments(product: product).run(on: worker.instructionSet, precision: input.precision)
        }
    }
}
