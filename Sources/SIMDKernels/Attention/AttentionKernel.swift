import CLongLM

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
        if arguments.rows.length <= Target.SmallTile.rows || Target.SmallTile.rows == Target.Tile.rows {
            attend(arguments, WordAttention<Target, Target.SmallTile, Cache>.self)
        } else {
            attend(arguments, WordAttention<Target, Target.Tile, Cache>.self)
        }
    }
}

/// Attention in floats, or in pairs of bfloat16 numbers.
private enum WordAttention<Target: KernelTarget, Tile: MicroTile, Cache: CacheReading>: AttentionForm
where Tile.Products == Target.Products {
    typealias Arithmetic = Target.Arithmetic

    @inline(always) static var tileRows: Int { Tile.rows }
    @inline(always) static var isPrefetched: Bool { Cache.isPrefetched }

    /// How many words ahead a tile prefetches: as far as the next block lies if that is prefetched, or else some cache lines.
    @inline(always)
    private static func ahead(_ toNextBlock: Int, _ stepWordCount: Int) -> Int {
        if Cache.isPrefetched { return toNextBlock != 0 ? toNextBlock : 24 * laneCount }
        return 24 * stepWordCount
    }

    /// As [D][tile rows], in words as the tile multiplies them; rows that don't exist become zeros.
    @inline(always)
    static func packQueries(_ arguments: AttentionArguments, _ scratch: AttentionScratch, tileCount: Int) {
        let dimension = arguments.shape.headDimension
        let depth = dimension / Tile.Products.numbersPerStep
        let zoneSize = TwoPassAttention.itemRows * depth
        let packed = scratch.queries
        let rows = scratch.rows
        for zone in Steps(from: 0, to: arguments.input.zones.count, by: 1) {
            let queries = arguments.input.zones[zone].queries
            for tile in Steps(from: 0, to: tileCount, by: 1) {
                let first = arguments.rows.lowerBound + tile * Tile.rows
                let count = lesser(Tile.rows, arguments.rows.upperBound - first)
                // One after another and scaled, so that squares of them can be transposed in registers.
                for row in Steps(from: 0, to: count, by: 1) {
                    let source = queries + arguments.offset(ofRow: first + row)
                    for d in Steps(from: 0, to: dimension, by: 1) {
                        rows[row * dimension + d] = source[d] * 1.442_695_04
                    }
                }
                let target = packed + zone * zoneSize + tile * Tile.rows * depth
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

    @inline(always)
    static func score(
        _ arguments: AttentionArguments, _ scratch: AttentionScratch, tile: Int, zone: Int,
        _ keys: UnsafePointer<Float>, ahead: Int, into scores: UnsafeMutablePointer<Float>
    ) {
        let depth = arguments.shape.headDimension / Tile.Products.numbersPerStep
        let queries = scratch.queries + (zone * TwoPassAttention.itemRows + tile * Tile.rows) * depth
        for offset in Steps(from: 0, to: AttentionShape.panelLength, by: Tile.columns) {
            var products = Tile()
            products.accumulate(
                queries, leftStep: Tile.rows, leftStride: 1, keys, at: offset,
                rightStride: Cache.Keys.blockWordCount,
                ahead: Self.ahead(ahead, Cache.Keys.blockWordCount), count: depth, Cache.Keys.self,
                Target.Widen.self)
            products.store(to: scores + offset, stride: AttentionShape.blockLength)
        }
    }

    /// Weights are relative to the greatest score so far. For products of pairs they are rounded, two to a word, which
    /// takes the first half of a row's scores.
    @inline(always)
    static func weigh(_ scratch: AttentionScratch, _ state: AttentionState, _ step: AttentionStep, columns: Int) {
        let sums = state.sums + step.tile * laneCount
        for row in Steps(from: 0, to: step.rows.length, by: 1) {
            let scores = scratch.scores + row * AttentionShape.blockLength
            let reference = Lanes(repeating: scratch.references[row])
            var total = Lanes(repeating: 0)
            for column in Steps(from: 0, to: columns, by: laneCount) {
                let weights = Exponential.exp2(
                    nonPositive: scores.lanes(at: column) - reference, Target.Arithmetic.self)
                total += weights
                Target.Products.store(weights, to: scores, at: column)
            }
            sums[row] = sums[row] * scratch.factors[row] + total.treeSum
        }
    }

    @inline(always)
    static func addValues(
        _ arguments: AttentionArguments, _ scratch: AttentionScratch, _ step: AttentionStep,
        to sums: UnsafeMutablePointer<Float>
    ) {
        let stride = arguments.shape.layout.valueStride
        let values =
            arguments.values(ofSegmentAt: step.block)
            + Cache.valueOffset(position: step.block % AttentionShape.segmentLength, stride: stride)
        let steps = step.keyCount / Tile.Products.numbersPerStep
        let blockWordCount = Cache.valueBlockWordCount(stride: stride)
        for column in Steps(from: 0, to: stride, by: Tile.columns) {
            var accumulators = Tile(sums + column, stride: stride, factors: scratch.factors)
            accumulators.accumulate(
                scratch.scores, leftStep: 1, leftStride: AttentionShape.blockLength, values, at: column,
                rightStride: blockWordCount, ahead: ahead(step.next.values, blockWordCount), count: steps,
                Cache.Values.self, Target.Widen.self)
            if Tile.Products.numbersPerStep == 2, step.keyCount % 2 == 1 {
                // The last word's second number belongs to a position that may not have been written.
                let words = Tile.Columns(values + steps * stride + column)
                accumulators.step(scratch.scores + steps, AttentionShape.blockLength, words.lowerHalves)
            }
            accumulators.store(to: sums + column, stride: stride)
        }
    }
}
