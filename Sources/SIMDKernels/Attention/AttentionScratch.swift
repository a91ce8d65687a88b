/// One worker's memory for the rows of one piece of work.
struct AttentionScratch {
    /// Packed queries of the zones: [zone][tile][words][tile rows].
    let queries: UnsafeMutablePointer<Float>
    /// Scores and then weights of one row tile and one block of keys: [tile rows][block].
    let scores: UnsafeMutablePointer<Float>
    /// Scores of the second and third zones, in panels that belong to several. Integer products keep the codes of the
    /// weights here.
    let laterScores: UnsafeMutablePointer<Float>
    /// By how much a step shrinks what a row has gathered.
    let factors: UnsafeMutablePointer<Float>
    /// Each row's greatest score of a step.
    let peaks: UnsafeMutablePointer<Float>
    /// What a step's weights are relative to, for each row.
    let references: UnsafeMutablePointer<Float>
    /// By how much a block's weights, which integer products take relative to `peaks`, are to be multiplied.
    let blockFactors: UnsafeMutablePointer<Float>
    /// The sums of weights of a segment so far, for integer products: 16 lanes for each row.
    let rowSums: UnsafeMutablePointer<Float>
    /// One tile's queries, scaled, one after another: [tile rows][D].
    let rows: UnsafeMutablePointer<Float>
    /// The scales of a block's values, for integer products: ``valueScaleCount`` for each group.
    let valueScales: UnsafeMutablePointer<Float>
    /// The same for what one row sees of a block: divided, and the greatest.
    let rowScales: UnsafeMutablePointer<Float>
    /// The state of all segments so far, and of the current one.
    let state: AttentionState
    let segmentState: AttentionState

    /// For a block's positions the scales themselves, then times 255 over the greatest of them, and that.
    @inline(always) static var valueScaleCount: Int { 2 * AttentionShape.blockLength + laneCount }

    private struct Sizes {
        let queries: Int
        /// The last tile may have more rows than there are.
        @inline(always) static var rowSums: Int { (TwoPassAttention.itemRows + codeTileRows) * laneCount }
        let rows: Int
        let valueScales: Int
        let rowScales: Int
        let state: Int

        @inline(always)
        init(_ shape: AttentionShape) {
            let dimension = shape.headDimension
            // As floats or words, or as codes with their sums and scales.
            let groups = shape.layout.valueStride / Int8CacheStorage.groupLength
            let perRow = dimension > groups * QuantizedInput.wordCount ? dimension : groups * QuantizedInput.wordCount
            queries = ZoneQueries.limit * TwoPassAttention.itemRows * perRow
            rows = maximumTileRows * dimension + Int8CacheStorage.groupLength
            valueScales = groups * AttentionScratch.valueScaleCount
            rowScales = AttentionShape.blockLength + laneCount
            state = AttentionState.floatCount(rows: TwoPassAttention.itemRows, valueStride: shape.layout.valueStride)
        }

        @inline(always)
        var total: Int {
            queries + ZoneQueries.limit * maximumTileRows * AttentionShape.blockLength + 4 * laneCount + Sizes.rowSums
                + rows
                + valueScales + rowScales
                + 2 * state
        }
    }

    @inline(always)
    static func floatCount(shape: AttentionShape) -> Int { Sizes(shape).total }

    /// Scores of a zone after the first, where it doesn't have all keys of a panel.
    @inline(always)
    func zoneScores(_ zone: Int) -> UnsafeMutablePointer<Float> {
        laterScores + (zone - 1) * maximumTileRows * AttentionShape.blockLength
    }

    @inline(always)
    init(_ memory: UnsafeMutablePointer<Float>, shape: AttentionShape) {
        let sizes = Sizes(shape)
        queries = memory
        scores = queries + sizes.queries
        laterScores = scores + maximumTileRows * AttentionShape.blockLength
        factors = laterScores + (ZoneQueries.limit - 1) * maximumTileRows * AttentionShape.blockLength
        peaks = factors + laneCount
        references = peaks + laneCount
        blockFactors = references + laneCount
        rowSums = blockFactors + laneCount
        rows = rowSums + Sizes.rowSums
        valueScales = rows + sizes.rows
        rowScales = valueScales + sizes.valueScales
        let states = rowScales + sizes.rowScales
        let (itemRows, stride) = (TwoPassAttention.itemRows, shape.layout.valueStride)
        state = AttentionState(states, rows: itemRows, valueStride: stride)
        segmentState = AttentionState(states + sizes.state, rows: itemRows, valueStride: stride)
    }
}
