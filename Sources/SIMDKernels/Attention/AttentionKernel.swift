import CLongLM

/// One worker's memory for the rows of one piece of work.
struct AttentionScratch {
    /// Packed queries that meet the grouped keys, then those that meet the neighbor keys: [2][tile][D][tile rows].
    let queries: UnsafeMutablePointer<Float>
    /// Scores and then weights of one row tile and one block of keys: [tile rows][block].
    let scores: UnsafeMutablePointer<Float>
    /// Grouped scores of the panels that the window's edge crosses.
    let groupedScores: UnsafeMutablePointer<Float>
    /// By how much a step shrinks what a row has gathered.
    let factors: UnsafeMutablePointer<Float>
    /// The state of all segments so far, and of the current one.
    let state: AttentionState
    let segmentState: AttentionState

    private static let maximumTileRows = 12

    static func floatCount(shape: AttentionShape) -> Int {
        2 * TwoPassAttention.itemRows * shape.headDimension
            + 2 * maximumTileRows * AttentionShape.blockLength + laneCount
            + 2 * AttentionState.floatCount(rows: TwoPassAttention.itemRows, valueStride: shape.valueStride)
    }

    @inline(always)
    init(_ memory: UnsafeMutablePointer<Float>, shape: AttentionShape) {
        let rows = TwoPassAttention.itemRows
        queries = memory
        scores = queries + 2 * rows * shape.headDimension
        groupedScores = scores + Self.maximumTileRows * AttentionShape.blockLength
        factors = groupedScores + Self.maximumTileRows * AttentionShape.blockLength
        let states = factors + laneCount
        state = AttentionState(states, rows: rows, valueStride: shape.valueStride)
        segmentState = AttentionState(
            states + AttentionState.floatCount(rows: rows, valueStride: shape.valueStride), rows: rows,
            valueStride: shape.valueStride)
    }
}

extension AttentionArguments {
    /// Attends these rows to these segments.
    @inline(never)
    func run(on instructionSet: InstructionSet) {
        withUnsafePointer(to: self) { longlm_run_attention(instructionSet.number, $0) }
    }

    /// Merges the partial results of these segments.
    @inline(never)
    func runMerge(on instructionSet: InstructionSet) {
        withUnsafePointer(to: self) { longlm_run_attention_merge(instructionSet.number, $0) }
    }
}

@inline(always)
private func attentionKernel<Target: KernelTarget>(_ arguments: AttentionArguments, _: Target.Type) {
    let tileRows = Target.Tile.rows
    let rowCount = arguments.rows.count
    let tileCount = (rowCount + tileRows - 1) / tileRows
    let scratch = AttentionScratch(arguments.scratch, shape: arguments.shape)
    packQueries(arguments, tileRows: tileRows, tileCount: tileCount, to: scratch.queries)
    let lastPosition = arguments.position(ofRow: arguments.rows.upperBound - 1)

    scratch.state.reset(tileCount: tileCount, tileRows: tileRows)
    for segment in arguments.segments where segment * AttentionShape.segmentLength <= lastPosition {
        scratch.segmentState.reset(tileCount: tileCount, tileRows: tileRows)
        let start = segment * AttentionShape.segmentLength
        let end = min(start + AttentionShape.segmentLength, lastPosition + 1)
        for block in Steps(from: start, to: end, by: AttentionShape.blockLength) {
            for tile in 0..<tileCount {
                attendBlock(arguments, scratch, tile: tile, block: block, Target.self)
            }
        }
        if arguments.partial == nil {
            scratch.state.merge(
                scratch.segmentState, tileCount: tileCount, tileRows: tileRows, Target.Arithmetic.self)
        }
    }
    if let partial = arguments.partial {
        let target = AttentionState(partial, rows: rowCount, valueStride: arguments.shape.valueStride)
        target.maxima.update(from: scratch.segmentState.maxima, count: tileCount * laneCount)
        target.sums.update(from: scratch.segmentState.sums, count: tileCount * laneCount)
        target.values.update(
            from: scratch.segmentState.values, count: tileCount * tileRows * arguments.shape.valueStride)
    } else {
        scratch.state.finish(arguments, tileRows: tileRows)
    }
}

/// Merges the partial states of a split attention, in ascending order of their segments, and writes the output.
@inline(always)
private func attentionMergeKernel<Target: KernelTarget>(_ arguments: AttentionArguments, _: Target.Type) {
    guard let partials = arguments.partial else { return }
    let tileRows = Target.Tile.rows
    let rowCount = arguments.rows.count
    let tileCount = (rowCount + tileRows - 1) / tileRows
    let valueStride = arguments.shape.valueStride
    let size = TwoPassAttention.splitStateFloatCount(shape: arguments.shape)
    let state = AttentionScratch(arguments.scratch, shape: arguments.shape).state
    state.reset(tileCount: tileCount, tileRows: tileRows)
    for segment in arguments.segments {
        let partial = AttentionState(partials + segment * size, rows: rowCount, valueStride: valueStride)
        state.merge(partial, tileCount: tileCount, tileRows: tileRows, Target.Arithmetic.self)
    }
    state.finish(arguments, tileRows: tileRows)
}

/// Lays the queries of every tile out as [D][tile rows]; rows that don't exist become zeros.
@inline(always)
private func packQueries(
    _ arguments: AttentionArguments, tileRows: Int, tileCount: Int, to packed: UnsafeMutablePointer<Float>
) {
    let dimension = arguments.shape.headDimension
    let setSize = TwoPassAttention.itemRows * dimension
    for place in 0..<(tileCount * tileRows) {
        let row = arguments.rows.lowerBound + place
        let target = packed + place / tileRows * tileRows * dimension + place % tileRows
        if row < arguments.rows.upperBound {
            let offset = arguments.offset(ofRow: row)
            for d in 0..<dimension {
                target[d * tileRows] = arguments.input.queries[offset + d]
                target[setSize + d * tileRows] = arguments.input.neighborQueries[offset + d]
            }
        } else {
            for d in 0..<dimension {
                target[d * tileRows] = 0
                target[setSize + d * tileRows] = 0
            }
        }
    }
}

/// One step of the online softmax: one row tile against the block of keys that starts at position `block`.
@inline(always)
private func attendBlock<Target: KernelTarget>(
    _ arguments: AttentionArguments, _ scratch: AttentionScratch, tile: Int, block: Int, _: Target.Type
) {
    let tileRows = Target.Tile.rows
    let firstRow = arguments.rows.lowerBound + tile * tileRows
    let lastRow = min(firstRow + tileRows, arguments.rows.upperBound) - 1
    let positions = arguments.position(ofRow: firstRow)...arguments.position(ofRow: lastRow)
    let keyCount = min(AttentionShape.blockLength, positions.upperBound + 1 - block)
    if keyCount <= 0 { return }

    let panelCount = (keyCount + AttentionShape.panelLength - 1) / AttentionShape.panelLength
    for panel in 0..<panelCount {
        scorePanel(arguments, scratch, tile: tile, positions: positions, block: block, panel: panel, Target.self)
    }
    let state = scratch.segmentState
    softmaxStep(
        scratch, rows: lastRow - firstRow + 1, columns: panelCount * AttentionShape.panelLength,
        maxima: state.maxima + tile * laneCount, sums: state.sums + tile * laneCount, Target.Arithmetic.self)

    let shape = arguments.shape
    let values =
        arguments.input.segments[block / AttentionShape.segmentLength] + arguments.head * shape.headFloatCount
        + AttentionShape.segmentLength * shape.headDimension
        + block % AttentionShape.segmentLength * shape.valueStride
    let sums = state.values + tile * tileRows * shape.valueStride
    for column in Steps(from: 0, to: shape.valueStride, by: Target.Tile.columns) {
        var accumulators = Target.Tile(sums + column, stride: shape.valueStride, factors: scratch.factors)
        for key in 0..<keyCount {
            accumulators.step(
                scratch.scores + key, AttentionShape.blockLength, values + key * shape.valueStride + column)
        }
        accumulators.store(to: sums + column, stride: shape.valueStride)
    }
}

/// Scores one row tile against one panel of keys: with the grouped keys, the neighbor keys, or, where the window's
/// edge crosses, both, merged by mask; then hides the keys after a row's own position.
@inline(always)
private func scorePanel<Target: KernelTarget>(
    _ arguments: AttentionArguments, _ scratch: AttentionScratch, tile: Int, positions: ClosedRange<Int>, block: Int,
    panel: Int, _: Target.Type
) {
    let input = arguments.input
    let shape = arguments.shape
    let window = input.neighborWindow
    let panelStart = block + panel * AttentionShape.panelLength
    let panelEnd = panelStart + AttentionShape.panelLength - 1
    let needsGrouped = panelStart <= positions.upperBound - window
    let needsNeighbor = window > 0 && panelEnd > positions.lowerBound - window
    let column = panel * AttentionShape.panelLength

    for pass in (needsGrouped ? 0 : 1)..<(needsNeighbor ? 2 : 1) {
        let keys: UnsafePointer<Float>
        if pass == 0 {
            let place = panelStart % AttentionShape.segmentLength / AttentionShape.panelLength
            keys = UnsafePointer(
                input.segments[panelStart / AttentionShape.segmentLength] + arguments.head * shape.headFloatCount
                    + place * shape.panelFloatCount)
        } else {
            let place = panelStart / AttentionShape.panelLength % input.ringPanelCount
            keys = input.neighborRing + (arguments.head * input.ringPanelCount + place) * shape.panelFloatCount
        }
        let queries =
            scratch.queries + (pass * TwoPassAttention.itemRows + tile * Target.Tile.rows) * shape.headDimension
        let scores = pass == 0 && needsNeighbor ? scratch.groupedScores : scratch.scores
        scoreTile(queries, keys, depth: shape.headDimension, to: scores + column, Target.Tile.self)
    }

    let isMixed = needsGrouped && needsNeighbor
    guard isMixed || panelEnd > positions.lowerBound else { return }
    for row in 0..<Target.Tile.rows {
        let existing = min(arguments.rows.lowerBound + tile * Target.Tile.rows + row, arguments.rows.upperBound - 1)
        let position = arguments.position(ofRow: existing)
        for offset in Steps(from: 0, to: AttentionShape.panelLength, by: laneCount) {
            let place = row * AttentionShape.blockLength + column + offset
            let keyPositions = laneIndices &+ Int32(truncatingIfNeeded: panelStart + offset)
            var scores = scratch.scores.lanes(at: place)
            if isMixed {
                let edge = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: position - window))
                scores.replace(with: scratch.groupedScores.lanes(at: place), where: keyPositions .<= edge)
            }
            let own = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: position))
            scores.replace(with: -.infinity, where: keyPositions .> own)
            scratch.scores.store(scores, at: place)
        }
    }
}

/// 0, 1, … 15. Computed, because a stored global is initialised behind a call.
private var laneIndices: SIMD16<Int32> {
    @inline(always) get { SIMD16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }
}

/// The products of one tile of queries with one panel of keys.
@inline(always)
private func scoreTile<Tile: MicroTile>(
    _ queries: UnsafePointer<Float>, _ keys: UnsafePointer<Float>, depth: Int, to scores: UnsafeMutablePointer<Float>,
    _: Tile.Type
) {
    for column in Steps(from: 0, to: AttentionShape.panelLength, by: Tile.columns) {
        var tile = Tile()
        for d in 0..<depth {
            tile.step(queries + d * Tile.rows, 1, keys + d * AttentionShape.panelLength + column)
        }
        tile.store(to: scores + column, stride: AttentionShape.blockLength)
    }
}

/// Turns a tile's scores into weights relative to the rows' greatest scores, and updates maxima, sums and the factors
/// by which what was gathered before shrinks.
@inline(always)
private func softmaxStep<Arithmetic: MultiplyAdd>(
    _ scratch: AttentionScratch, rows: Int, columns: Int, maxima: UnsafeMutablePointer<Float>,
    sums: UnsafeMutablePointer<Float>, _: Arithmetic.Type
) {
    let before = maxima.lanes(at: 0)
    for row in 0..<rows {
        let scores = scratch.scores + row * AttentionShape.blockLength
        var greatest = scores.lanes(at: 0)
        for column in Steps(from: laneCount, to: columns, by: laneCount) {
            greatest = greatest.maximum(scores.lanes(at: column))
        }
        maxima[row] = max(maxima[row], greatest.treeMaximum)
    }
    let after = maxima.lanes(at: 0)
    let reference = after.finiteReference
    let factors = Exponential.exp(before - reference, Arithmetic.self)
    scratch.factors.store(factors, at: 0)
    for row in 0..<rows {
        let scores = scratch.scores + row * AttentionShape.blockLength
        var total = Lanes(repeating: 0)
        for column in Steps(from: 0, to: columns, by: laneCount) {
            let weights = Exponential.exp(scores.lanes(at: column) - reference[row], Arithmetic.self)
            total += weights
            scores.store(weights, at: column)
        }
        sums[row] = sums[row] * factors[row] + total.treeSum
    }
}

@c @implementation
func longlm_attention_baseline(_ arguments: UnsafeRawPointer) {
    attentionKernel(arguments.load(as: AttentionArguments.self), BaselineTarget.self)
}

#if arch(x86_64)
    @c @implementation
    func longlm_attention_avx2(_ arguments: UnsafeRawPointer) {
        attentionKernel(arguments.load(as: AttentionArguments.self), AVX2Target.self)
    }

    @c @implementation
    func longlm_attention_avx512(_ arguments: UnsafeRawPointer) {
        attentionKernel(arguments.load(as: AttentionArguments.self), AVX512Target.self)
    }
#endif

@c @implementation
func longlm_attention_merge_baseline(_ arguments: UnsafeRawPointer) {
    attentionMergeKernel(arguments.load(as: AttentionArguments.self), BaselineTarget.self)
}

#if arch(x86_64)
    @c @implementation
    func longlm_attention_merge_avx2(_ arguments: UnsafeRawPointer) {
        attentionMergeKernel(arguments.load(as: AttentionArguments.self), AVX2Target.self)
    }

    @c @implementation
    func longlm_attention_merge_avx512(_ arguments: UnsafeRawPointer) {
        attentionMergeKernel(arguments.load(as: AttentionArguments.self), AVX512Target.self)
    }
#endif
