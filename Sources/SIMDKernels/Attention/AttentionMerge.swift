import CLongLM

/// Merges the partial states of a split attention, in ascending order of their segments, and writes the output.
struct AttentionMergeArguments: Kernel {
    let attention: AttentionArguments
    /// The states of the segments, one after another.
    let partials: UnsafeMutablePointer<Float>

    static var number: LongLMKernel { .attentionMerge }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        let shape = attention.shape
        let rowCount = attention.rows.length
        // As the attention kernel chose.
        let tileRows =
            attention.input.precision == .int8
            ? CodeAttentionArguments.tileRows(rowCount: rowCount)
            : rowCount <= Target.SmallTile.rows ? Target.SmallTile.rows : Target.Tile.rows
        let tileCount = (rowCount + tileRows - 1) / tileRows
        let size = TwoPassAttention.splitStateFloatCount(shape: shape)
        let state = AttentionScratch(attention.scratch, shape: shape).state
        state.reset(tileCount: tileCount, tileRows: tileRows)
        for segment in Steps(from: attention.segments.lowerBound, to: attention.segments.upperBound, by: 1) {
            let partial = AttentionState(
                partials + segment * size, rows: rowCount, valueStride: shape.layout.valueStride)
            state.merge(partial, tileCount: tileCount, tileRows: tileRows, Target.Arithmetic.self)
        }
        state.finish(attention, tileRows: tileRows)
    }
}
