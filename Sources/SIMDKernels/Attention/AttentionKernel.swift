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
    /// One tile's queries, scaled, one after another: [tile rows][D].
    let rows: UnsafeMutablePointer<Float>
    /// The state of all segments so far, and of the current one.
    let state: AttentionState
    let segmentState: AttentionState

    @inline(always)
    static func floatCount(shape: AttentionShape) -> Int {
        2 * TwoPassAttention.itemRows * shape.headDimension
            + 2 * maximumTileRows * AttentionShape.blockLength + laneCount
            + 2 * AttentionState.floatCount(rows: TwoPassAttention.itemRows, valueStride: shape.layout.valueStride)
            + maximumTileRows * shape.headDimension
    }

    @inline(always)
    init(_ memory: UnsafeMutablePointer<Float>, shape: AttentionShape) {
        let rows = TwoPassAttention.itemRows
        queries = memory
        scores = queries + 2 * rows * shape.headDimension
        groupedScores = scores + maximumTileRows * AttentionShape.blockLength
        factors = groupedScores + maximumTileRows * AttentionShape.blockLength
        self.rows = factors + laneCount
        let states = self.rows + maximumTileRows * shape.headDimension
        state = AttentionState(states, rows: rows, valueStride: shape.layout.valueStride)
        segmentState = AttentionState(
            states + AttentionState.floatCount(rows: rows, valueStride: shape.layout.valueStride), rows: rows,
            valueStride: shape.layout.valueStride)
    }
}

extension AttentionArguments: Kernel {
    static var number: LongLMKernel { .attention }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        Target.visit(shape.cacheFormat, AttentionVisitor<Target>(arguments: self))
    }
}

private struct AttentionVisitor<Target: KernelTarget>: CacheVisitor {
    let arguments: AttentionArguments

    @inline(always)
    init(arguments: AttentionArguments) { self.arguments = arguments }

    /// Few rows, as in decoding, take the small tile, which reads keys and values no slower than memory gives them.
    @inline(always)
    func visit<Cache: CacheReading>(_: Cache.Type) {
        if arguments.rows.length <= Target.SmallTile.rows {
            attend(arguments, AttentionForm<Target, Target.SmallTile, Cache>.self)
        } else {
            attend(arguments, AttentionForm<Target, Target.Tile, Cache>.self)
        }
    }
}

/// What one compiled form of the kernel is made of.
private enum AttentionForm<Target: KernelTarget, Tile: MicroTile, Cache: CacheReading>
where Tile.Products == Target.Products {}

@inline(always)
private func attend<Target: KernelTarget, Tile: MicroTile, Cache: CacheReading>(
    _ arguments: AttentionArguments, _ form: AttentionForm<Target, Tile, Cache>.Type
) where Tile.Products == Target.Products {
    let tileRows = Tile.rows
    let rowCount = arguments.rows.length
    let tileCount = (rowCount + tileRows - 1) / tileRows
    let scratch = AttentionScratch(arguments.scratch, shape: arguments.shape)
    packQueries(arguments, scratch, tileCount: tileCount, form)
    let lastPosition = arguments.position(ofRow: arguments.rows.upperBound - 1)

    for segment in Steps(from: arguments.segments.lowerBound, to: arguments.segments.upperBound, by: 1) {
        let start = segment * AttentionShape.segmentLength
        if start > lastPosition { break }
        let isFirst = segment == arguments.segments.lowerBound
        let state = isFirst ? scratch.state : scratch.segmentState
        state.reset(tileCount: tileCount, tileRows: tileRows)
        let end = lesser(start + AttentionShape.segmentLength, lastPosition + 1)
        for block in Steps(from: start, to: end, by: AttentionShape.blockLength) {
            for tile in Steps(from: 0, to: tileCount, by: 1) {
                attendBlock(arguments, scratch, state, tile: tile, block: block, form)
            }
        }
        if !isFirst {
            scratch.state.merge(state, tileCount: tileCount, tileRows: tileRows, Target.Arithmetic.self)
        }
    }
    if let partial = arguments.partial {
        let target = AttentionState(partial, rows: rowCount, valueStride: arguments.shape.layout.valueStride)
        target.maxima.copy(scratch.state.maxima, count: tileCount * laneCount)
        target.sums.copy(scratch.state.sums, count: tileCount * laneCount)
        target.values.copy(scratch.state.values, count: tileCount * tileRows * arguments.shape.layout.valueStride)
    } else {
        scratch.state.finish(arguments, tileRows: tileRows)
    }
}

/// Lays the queries of every tile out as [D][tile rows], in words as the tile multiplies them; rows that don't exist
/// become zeros. Multiplied by log₂ e, so that scores are exponents of 2.
@inline(always)
private func packQueries<Target: KernelTarget, Tile: MicroTile, Cache: CacheReading>(
    _ arguments: AttentionArguments, _ scratch: AttentionScratch, tileCount: Int,
    _: AttentionForm<Target, Tile, Cache>.Type
) where Tile.Products == Target.Products {
    let dimension = arguments.shape.headDimension
    let depth = dimension / Tile.Products.numbersPerStep
    let setSize = TwoPassAttention.itemRows * depth
    let packed = scratch.queries
    let rows = scratch.rows
    for set in 0..<(arguments.input.neighborWindow > 0 ? 2 : 1) {
        let queries = set == 0 ? arguments.input.queries : arguments.input.neighborQueries
        for tile in Steps(from: 0, to: tileCount, by: 1) {
            let first = arguments.rows.lowerBound + tile * Tile.rows
            let count = lesser(Tile.rows, arguments.rows.upperBound - first)
            // One after another and scaled, so that squares of them can be transposed in registers.
            for row in Steps(from: 0, to: count, by: 1) {
                let source = queries + arguments.offset(ofRow: first + row)
                for d in Steps(from: 0, to: dimension, by: 1) { rows[row * dimension + d] = source[d] * 1.442_695_04 }
            }
            let target = packed + set * setSize + tile * Tile.rows * depth
            let whole = depth / laneCount * laneCount
            for step in Steps(from: 0, to: whole, by: laneCount) {
                let square = target + step * Tile.rows
                Tile.Products.transpose(
                    rows + Tile.Products.numbersPerStep * step, rowStride: dimension, count: count, to: square,
                    targetStride: Tile.rows, height: Tile.rows)
            }
            for step in Steps(from: whole, to: depth, by: 1) {
                for row in Steps(from: 0, to: Tile.rows, by: 1) {
                    let source = rows + row * dimension + step * Tile.Products.numbersPerStep
                    target[step * Tile.rows + row] =
                        row < count
                        ? Tile.Products.word(source, count: dimension - step * Tile.Products.numbersPerStep) : 0
                }
            }
        }
    }
}

/// One step of the online softmax: one row tile against the block of keys that starts at position `block`.
@inline(always)
private func attendBlock<Target: KernelTarget, Tile: MicroTile, Cache: CacheReading>(
    _ arguments: AttentionArguments, _ scratch: AttentionScratch, _ state: AttentionState, tile: Int, block: Int,
    _ form: AttentionForm<Target, Tile, Cache>.Type
) where Tile.Products == Target.Products {
    let firstRow = arguments.rows.lowerBound + tile * Tile.rows
    let lastRow = lesser(firstRow + Tile.rows, arguments.rows.upperBound) - 1
    let positions = arguments.position(ofRow: firstRow)...arguments.position(ofRow: lastRow)
    let keyCount = lesser(AttentionShape.blockLength, positions.upperBound + 1 - block)
    if keyCount <= 0 { return }
    let slidingWindow = arguments.input.slidingWindow
    // A block that no row sees leaves every bit of the state as it is.
    if slidingWindow > 0 && block + AttentionShape.blockLength <= positions.lowerBound - slidingWindow + 1 { return }

    let panelCount = (keyCount + AttentionShape.panelLength - 1) / AttentionShape.panelLength
    for panel in Steps(from: 0, to: panelCount, by: 1) {
        scorePanel(arguments, scratch, tile: tile, positions: positions, block: block, panel: panel, form)
    }
    softmaxStep(
        scratch, rows: lastRow - firstRow + 1, columns: panelCount * AttentionShape.panelLength,
        maxima: state.maxima + tile * laneCount, sums: state.sums + tile * laneCount, Target.self)

    let shape = arguments.shape
    let stride = shape.layout.valueStride
    let values =
        arguments.input.segments[block / AttentionShape.segmentLength] + arguments.head * shape.layout.headFloatCount
        + shape.layout.keysFloatCount
        + Cache.valueOffset(position: block % AttentionShape.segmentLength, stride: stride)
    let sums = state.values + tile * Tile.rows * stride
    let steps = keyCount / Tile.Products.numbersPerStep
    for column in Steps(from: 0, to: stride, by: Tile.columns) {
        var accumulators = Tile(sums + column, stride: stride, factors: scratch.factors)
        accumulators.accumulate(
            scratch.scores, leftStep: 1, leftStride: AttentionShape.blockLength, values, at: column,
            rightStride: stride, count: steps, Cache.Values.self, Target.Widen.self)
        if Tile.Products.numbersPerStep == 2, keyCount % 2 == 1 {
            // The last word's second number belongs to a position that may not have been written.
            let words = Tile.Columns(values + steps * stride + column)
            accumulators.step(scratch.scores + steps, AttentionShape.blockLength, words.lowerHalves)
        }
        accumulators.store(to: sums + column, stride: stride)
    }
}

/// Scores one row tile against one panel of keys: with the grouped keys, the neighbor keys, or, where the window's
/// edge crosses, both, merged by mask; then hides the keys after a row's own position.
@inline(always)
private func scorePanel<Target: KernelTarget, Tile: MicroTile, Cache: CacheReading>(
    _ arguments: AttentionArguments, _ scratch: AttentionScratch, tile: Int, positions: ClosedRange<Int>, block: Int,
    panel: Int, _: AttentionForm<Target, Tile, Cache>.Type
) where Tile.Products == Target.Products {
    let input = arguments.input
    let shape = arguments.shape
    let window = input.neighborWindow
    let panelStart = block + panel * AttentionShape.panelLength
    let panelEnd = panelStart + AttentionShape.panelLength - 1
    let needsGrouped = panelStart <= positions.upperBound - window
    let needsNeighbor = window > 0 && panelEnd > positions.lowerBound - window
    let column = panel * AttentionShape.panelLength
    let depth = shape.headDimension / Tile.Products.numbersPerStep

    for pass in (needsGrouped ? 0 : 1)..<(needsNeighbor ? 2 : 1) {
        let keys: UnsafePointer<Float>
        if pass == 0 {
            let place = panelStart % AttentionShape.segmentLength / AttentionShape.panelLength
            keys = UnsafePointer(
                input.segments[panelStart / AttentionShape.segmentLength] + arguments.head * shape.layout.headFloatCount
                    + place * shape.layout.panelFloatCount)
        } else {
            let place = panelStart / AttentionShape.panelLength % input.ringPanelCount
            keys = input.neighborRing + (arguments.head * input.ringPanelCount + place) * shape.layout.panelFloatCount
        }
        let queries = scratch.queries + (pass * TwoPassAttention.itemRows + tile * Tile.rows) * depth
        let scores = (pass == 0 && needsNeighbor ? scratch.groupedScores : scratch.scores) + column
        for offset in Steps(from: 0, to: AttentionShape.panelLength, by: Tile.columns) {
            var products = Tile()
            products.accumulate(
                queries, leftStep: Tile.rows, leftStride: 1, keys, at: offset,
                rightStride: Cache.Keys.blockWordCount, count: depth, Cache.Keys.self, Target.Widen.self)
            products.store(to: scores + offset, stride: AttentionShape.blockLength)
        }
    }

    let isMixed = needsGrouped && needsNeighbor
    let slidingWindow = input.slidingWindow
    let hidesEarly = slidingWindow > 0 && panelStart <= positions.upperBound - slidingWindow
    let isCapped = input.scoreCap > 0
    guard isMixed || hidesEarly || isCapped || panelEnd > positions.lowerBound else { return }
    // Scores are in units of ln 2.
    let cap = input.scoreCap * 1.442_695_04
    for row in Steps(from: 0, to: Tile.rows, by: 1) {
        let existing = lesser(arguments.rows.lowerBound + tile * Tile.rows + row, arguments.rows.upperBound - 1)
        let position = arguments.position(ofRow: existing)
        for offset in Steps(from: 0, to: AttentionShape.panelLength, by: laneCount) {
            let place = row * AttentionShape.blockLength + column + offset
            let keyPositions = longlm_count_from(Int32(truncatingIfNeeded: panelStart + offset))
            var scores = scratch.scores.lanes(at: place)
            if isMixed {
                let edge = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: position - window))
                scores.replace(with: scratch.groupedScores.lanes(at: place), where: keyPositions .<= edge)
            }
            if isCapped { scores = Activation.softCap(cap).apply(scores, Target.Arithmetic.self) }
            let own = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: position))
            scores.replace(with: -.infinity, where: keyPositions .> own)
            if hidesEarly {
                let edge = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: position - slidingWindow))
                scores.replace(with: -.infinity, where: keyPositions .<= edge)
            }
            scratch.scores.store(scores, at: place)
        }
    }
}

/// Turns a tile's scores into weights relative to the rows' greatest scores, and updates maxima, sums and the factors
/// by which what was gathered before shrinks. For products of pairs the weights are rounded, two to a word, which
/// takes the first half of a row's scores.
@inline(always)
private func softmaxStep<Target: KernelTarget>(
    _ scratch: AttentionScratch, rows: Int, columns: Int, maxima: UnsafeMutablePointer<Float>,
    sums: UnsafeMutablePointer<Float>, _: Target.Type
) {
    let before = maxima.lanes(at: 0)
    for row in Steps(from: 0, to: rows, by: 1) {
        let scores = scratch.scores + row * AttentionShape.blockLength
        var greatest = scores.lanes(at: 0)
        for column in Steps(from: laneCount, to: columns, by: laneCount) {
            greatest = greatest.maximum(scores.lanes(at: column))
        }
        maxima[row] = greater(maxima[row], greatest.treeMaximum)
    }
    let after = maxima.lanes(at: 0)
    let reference = after.finiteReference
    let factors = Exponential.exp2(nonPositive: before - reference, Target.Arithmetic.self)
    scratch.factors.store(factors, at: 0)
    for row in Steps(from: 0, to: rows, by: 1) {
        let scores = scratch.scores + row * AttentionShape.blockLength
        let rowReference = Lanes(repeating: reference[row])
        var total = Lanes(repeating: 0)
        for column in Steps(from: 0, to: columns, by: laneCount) {
            let weights = Exponential.exp2(
                nonPositive: scores.lanes(at: column) - rowReference, Target.Arithmetic.self)
            total += weights
            Target.Products.store(weights, to: scores, at: column)
        }
        sums[row] = sums[row] * factors[row] + total.treeSum
    }
}
