import CLongLM

/// Products of activations with a ``PackedMatrix``.
///
/// Every output is one chain of fused multiply-adds over k = 0, 1, …, K − 1 that starts at zero. If the product is
/// added to what the output held, that is one more addition at the end. So the result doesn't depend on the number of
/// rows, the register tile, the blocks, the threads, or the choice of GEMM or GEMV. (In ``Precision/bfloat16``, each
/// step of the chain adds two products. In ``Precision/int8``, a step is the exact sum of the products of 16 or 32 integers,
/// times their scales.)
public enum GEMM {
    /// The words of a part of a panel: 512 KiB, which stay in the second-level cache while all rows pass over the part.
    /// Between two parts, the accumulators wait in memory. The chains then continue, so the size doesn't change a
    /// result.
    static let panelPartWordCount = 4096 * PackedMatrix.panelWidth

    /// An output of at least this many floats, 64 MB, is stored past the caches.
    private static let leastStreamedCount = 16 << 20

    /// The floats of scratch memory that one worker needs for products with up to `maximumRowCount` rows.
    public static func scratchFloatCount(maximumRowCount: Int) -> Int {
        panelPartWordCount + 2 * (maximumRowCount + 2 * maximumTileRows) * PackedMatrix.panelWidth
    }

    /// This worker's share of output = activation(input · weightsᵀ + bias), or output += the same.
    ///
    /// - Parameters:
    ///   - input: [M, K], packed by all workers.
    ///   - weights: [N, K]; in the format bfloat16 if the input was packed for ``Precision/bfloat16``, quantised if it was
    ///     packed for ``Precision/int8``.
    ///   - bias: [N], added to every row of the product; nil: none.
    ///   - activation: The function that is applied after that.
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
    ///   - up: [N, K].
    ///   - gateBias: [N]; nil: none.
    ///   - upBias: [N]; nil: none.
    ///   - activation: The function that is applied to the product with `gate`.
    ///   - output: [M, N], row-major. Workers write disjoint parts.
    ///   - scratch: This worker's own memory of ``scratchFloatCount(maximumRowCount:)`` floats.
    ///   - worker: This worker.
    public static func multiplyGated(
        _ input: PackedInput, gate: PackedMatrix, up: PackedMatrix, gateBias: UnsafePointer<Float>? = nil,
        upBias: UnsafePointer<Float>? = nil, activation: Activation = .silu,
        into output: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        precondition(
            gate.rowCount == up.rowCount && gate.columnCount == up.columnCount, "gate and up have the same shape")
        if gate.format != up.format {
            // One after the other. This worker's share of both is the same, and so are the results.
            let first = GEMMEnding(.store, bias: gateBias, gatedBias: nil, activation: activation)
            run(input, gate, gated: gate, first, output, scratch, worker)
            let second = GEMMEnding(.multiply, bias: upBias, gatedBias: nil, activation: .identity)
            return run(input, up, gated: up, second, output, scratch, worker)
        }
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
            rowCount: input.rowCount, tileRows: worker.instructionSet.tileRows(for: input.precision),
            panelCount: weights.panelCount, worker: worker)
        if share.panels.isEmpty || share.rows.0.isEmpty && share.rows.1.isEmpty { return }
        // An output too large for any cache is streamed, so that it isn't fetched before it is overwritten. It must be
        // aligned to whole cache lines.
        let streams =
            ending.isPlain && ending.kind == .store && input.rowCount * weights.rowCount >= leastStreamedCount
            && weights.rowCount % laneCount == 0
            && UInt(bitPattern: output) % 64 == 0
        let target = worker.instructionSet.target(for: input.precision)
        let sharedRowCount = share.rows.0.length + share.rows.1.length
        let unpacks = weights.format.leastUnpackedRowCount.map { sharedRowCount >= $0 } ?? false
        withUnsafeTemporaryAllocation(of: UnpackArguments.self, capacity: 1) { unpackArguments in
            guard let unpackArguments = unpackArguments.baseAddress else { return }
            let product = ProductArguments(
                input: input.pointer, inputStride: input.rowStride, rowCount: input.rowCount,
                depth: weights.columnCount, weights: weights.panels, gated: gated.panels,
                panelStride: weights.panelWordCount, format: weights.format, unpacks: unpacks,
                scaleForm: ScaleForm(weights.format),
                columnCount: weights.rowCount, panels: share.panels, rows: share.rows, output: output, ending: ending,
                streams: streams, unpacked: scratch,
                unpacking: Unpacking(kernel: target.unpack, arguments: unpackArguments),
                scratch: scratch + panelPartWordCount)
            switch (input.precision, input.rowCount == 1) {
            case (.int8, true): CodeGEMVArguments(product: product).run(on: worker.instructionSet)
            case (.int8, false): CodeGEMMArguments(product: product).run(on: worker.instructionSet)
            case (_, true): GEMVArguments(product: product).run(on: worker.instructionSet, precision: input.precision)
            case (_, false): GEMMArguments(product: product).run(on: worker.instructionSet, precision: input.precision)
            }
        }
    }
}
