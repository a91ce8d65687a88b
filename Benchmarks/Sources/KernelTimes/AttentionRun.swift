import SIMDKernels

/// Attention with 9 query and 3 key-value heads of 64: all rows of a text in steps of 512, or only its last row.
struct AttentionRun {
    let length: Int
    /// W; 0: plain attention.
    let neighborWindow: Int
    let rowCount: Int

    private static let shape = AttentionShape(queryHeadCount: 9, keyValueHeadCount: 3, headDimension: 64)

    func time(_ setting: Setting) {
        let shape = Self.shape
        let segments = (0..<AttentionShape.segmentCount(length: length)).map { _ in
            AlignedBuffer.filled(floatCount: shape.segmentFloatCount)
        }
        let ringPanelCount = shape.ringPanelCount(window: neighborWindow, rowCount: rowCount)
        let ring = AlignedBuffer.filled(floatCount: shape.ringFloatCount(panelCount: ringPanelCount))
        let queryCount = rowCount * shape.queryHeadCount * shape.headDimension
        let queries = AlignedBuffer.filled(floatCount: queryCount)
        let output = AlignedBuffer(floatCount: queryCount)
        let scratchCount = TwoPassAttention.scratchFloatCount(shape: shape)
        let scratch = AlignedBuffer(floatCount: scratchCount * setting.threadCount)
        let partials = AlignedBuffer(floatCount: TwoPassAttention.partialFloatCount(shape: shape, length: length))
        let firstPositions = rowCount == 1 ? [length - 1] : Array(stride(from: 0, to: length, by: rowCount))
        let pointers = segments.map(\.floats)
        let seconds = pointers.withUnsafeBufferPointer { pointers in
            guard let segments = pointers.baseAddress else { return 0.0 }
            return setting.medianSeconds { worker in
                for firstPosition in firstPositions {
                    let input = AttentionInput(
                        queries: queries.floats, neighborQueries: queries.floats, rowCount: rowCount,
                        firstPosition: firstPosition, segments: segments, neighborRing: ring.floats,
                        ringPanelCount: ringPanelCount, neighborWindow: neighborWindow, output: output.floats)
                    TwoPassAttention.attend(
                        input, shape: shape, scratch: scratch.floats + worker.index * scratchCount,
                        partials: partials.floats, worker: worker)
                    worker.barrier()
                }
            }
        }
        let mode = neighborWindow == 0 ? "plain" : "selfextend"
        // Scores and values, 2 operations each, for every query and key up to it.
        let pairs = rowCount == 1 ? Double(length) : Double(length) * Double(length + 1) / 2
        let operations = 4 * Double(shape.queryHeadCount * shape.headDimension) * pairs
        let name = "attention/\(mode)/" + (rowCount == 1 ? "depth\(length)" : "\(length)")
        setting.report(name, seconds: seconds, operations / seconds * 1e-9, "GFLOP/s")
    }
}
