import CLongLM

/// Attention in integer products, of an int8 cache.
struct CodeAttentionArguments: CodeKernel {
    let attention: AttentionArguments

    static var number: LongLMKernel { .codeAttention }

    @inline(always)
    func body<Target: CodeTarget>(_: Target.Type) {
        if Self.tileRows(rowCount: attention.rows.length) == Target.MediumCodeTile.rows {
            attend(attention, CodeAttention<Target, Target.MediumCodeTile>.self)
        } else {
            attend(attention, CodeAttention<Target, Target.LargeCodeTile>.self)
        }
    }

    /// The rows of the tiles that so many rows are computed in: few rows in those that prefetch.
    @inline(always)
    static func tileRows(rowCount: Int) -> Int { rowCount <= 12 ? 4 : codeTileRows }
}

/// Attention whose scores and weighted values are sums of integers.
///
/// A query is quantised as ``QuantizedInput`` says. Of every 32 components, the integers' products with the codes of a key are
/// added exactly, and times both scales to the score. A weight times the scale of a value becomes an integer from 0 to 255:
/// the greatest weight of the row in this block times the greatest scale that it sees there becomes 255, so that no integer
/// is greater. Their products with the values' codes are added exactly over the block.
private enum CodeAttention<Target: CodeTarget, Tile: CodeTile>: AttentionForm {
    typealias Arithmetic = Target.Arithmetic

    @inline(always) static var tileRows: Int { Tile.rows }
    @inline(always) static var isPrefetched: Bool { Tile.rows == Target.MediumCodeTile.rows }

    /// Words of one row of queries.
    @inline(always)
    private static func rowWordCount(_ shape: AttentionShape) -> Int {
        groupCount(shape) * QuantizedInput.wordCount
    }

    @inline(always)
    private static func groupCount(_ shape: AttentionShape) -> Int {
        shape.layout.valueStride / Int8CacheStorage.groupLength
    }

    /// For each tile as ``QuantizedInput`` lays rows out, the last group filled up with zeros.
    @inline(always)
    static func packQueries(_ arguments: AttentionArguments, _ scratch: AttentionScratch, tileCount: Int) {
        let shape = arguments.shape
        let dimension = shape.headDimension
        let rowWords = rowWordCount(shape)
        for zone in Steps(from: 0, to: arguments.input.zones.count, by: 1) {
            let queries = arguments.input.zones[zone].queries
            for row in Steps(from: 0, to: tileCount * Tile.rows, by: 1) {
                let isMissing = arguments.rows.lowerBound + row >= arguments.rows.upperBound
                let source = isMissing ? queries : queries + arguments.offset(ofRow: arguments.rows.lowerBound + row)
                let tile = row / Tile.rows
                let target =
                    scratch.queries + (zone * TwoPassAttention.itemRows + tile * Tile.rows) * rowWords
                    + (row - tile * Tile.rows)
                for group in Steps(from: 0, to: groupCount(shape), by: 1) {
                    let place = target + group * QuantizedInput.wordCount * Tile.rows
                    if isMissing {
                        QuantizedInput.storeZeros(to: place, stride: Tile.rows)
                        continue
                    }
                    let first = group * Int8CacheStorage.groupLength
                    for d in Steps(from: 0, to: Int8CacheStorage.groupLength, by: 1) {
                        scratch.rows[d] = first + d < dimension ? source[first + d] * 1.442_695_04 : 0
                    }
                    QuantizedInput.store(scratch.rows, to: place, stride: Tile.rows)
                }
            }
        }
    }

    /// Widens the scales of the values that have been written, with zeros for the others, and brings the greatest of
    /// each group to 255.
    @inline(always)
    static func prepareBlock(_ arguments: AttentionArguments, _ scratch: AttentionScratch, block: Int) {
        let shape = arguments.shape
        let last = arguments.position(ofRow: arguments.rows.upperBound - 1)
        let values = blockValues(arguments, block)
        let panelWords = Int8CacheStorage.valueBlockWordCount(stride: shape.layout.valueStride)
        // Most blocks lie before all rows, which spares them the masks.
        let isWritten = block + AttentionShape.blockLength <= last + 1
        for group in Steps(from: 0, to: groupCount(shape), by: 1) {
            let scales = ValueScales(scratch, group: group)
            var greatest = Lanes(repeating: 0)
            for start in Steps(from: 0, to: AttentionShape.blockLength, by: AttentionShape.panelLength) {
                let panel = values + start / AttentionShape.panelLength * panelWords
                let pairs = (panel + group * Int8Values.groupWordCount).lanes(at: 0)
                var (early, late) = (pairs.lowBFloat16, pairs.highBFloat16)
                if !isWritten {
                    early = early.visible(from: block + start, in: 0...last)
                    late = late.visible(from: block + start + laneCount, in: 0...last)
                }
                scales.all.store(early, at: start)
                scales.all.store(late, at: start + laneCount)
                greatest = greatest.maximum(early).maximum(late)
            }
            scales.greatest[0] = greatest.treeMaximum
            scales.divide(by: scales.greatest[0])
        }
    }

    @inline(always)
    private static func blockValues(_ arguments: AttentionArguments, _ block: Int) -> UnsafePointer<Float> {
        UnsafePointer(
            arguments.values(ofSegmentAt: block)
                + Int8CacheStorage.valueOffset(
                    position: block % AttentionShape.segmentLength, stride: arguments.shape.layout.valueStride))
    }

    @inline(always)
    static func score(
        _ arguments: AttentionArguments, _ scratch: AttentionScratch, tile: Int, zone: Int,
        _ keys: UnsafePointer<Float>, ahead: Int, into scores: UnsafeMutablePointer<Float>
    ) {
        let shape = arguments.shape
        let dimension = shape.headDimension
        let queries =
            scratch.queries + (zone * TwoPassAttention.itemRows + tile * Tile.rows) * rowWordCount(shape)
        for column in Steps(from: 0, to: AttentionShape.panelLength, by: Tile.columns) {
            var products = Tile()
            for group in Steps(from: 0, to: groupCount(shape), by: 1) {
                let input = queries + group * QuantizedInput.wordCount * Tile.rows
                let block = keys + group * Int8Keys.blockWordCount
                let codes = block + Int8Keys.scaleWordCount + column
                if isPrefetched { longlm_prefetch_far(block, 4 * ahead) }
                let count = lesser(Int8CacheStorage.groupLength, dimension - group * Int8CacheStorage.groupLength)
                products.begin(input + QuantizedInput.correction * Tile.rows)
                for quad in Steps(from: 0, to: (count + 3) / 4, by: 1) {
                    let words = codes + quad * AttentionShape.panelLength
                    if isPrefetched { Tile.Columns.prefetchFar(words, distance: 4 * ahead) }
                    products.addDots(input + quad * Tile.rows, Tile.Columns(words))
                }
                products.end(
                    input + QuantizedInput.scale * Tile.rows,
                    Tile.Columns(block, at: column, column: 0, Int8KeyScales.self, Target.Widen.self))
            }
            products.store(to: scores + column, stride: AttentionShape.blockLength)
        }
    }

    /// Weights are relative to the row's greatest score in the block, so that the greatest one is 1.
    @inline(always)
    static func weigh(_ scratch: AttentionScratch, _ state: AttentionState, _ step: AttentionStep, columns: Int) {
        let peaks = scratch.peaks.lanes(at: 0).finiteReference
        let factors = Exponential.exp2(
            nonPositive: scratch.peaks.lanes(at: 0) - scratch.references.lanes(at: 0), Arithmetic.self)
        scratch.peaks.store(peaks, at: 0)
        scratch.blockFactors.store(factors, at: 0)
        let sums = scratch.rowSums + step.tile * Tile.rows * laneCount
        for row in Steps(from: 0, to: step.rows.length, by: 1) {
            let scores = scratch.scores + row * AttentionShape.blockLength
            let peak = Lanes(repeating: scratch.peaks[row])
            var total = Lanes(repeating: 0)
            for column in Steps(from: 0, to: columns, by: laneCount) {
                let weights = Exponential.exp2Coarse(nonPositive: scores.lanes(at: column) - peak, Arithmetic.self)
                total += weights
                scores.store(weights, at: column)
            }
            let place = row * laneCount
            sums.store(
                Arithmetic.multiplyAdd(
                    total, Lanes(repeating: scratch.blockFactors[row]), sums.lanes(at: place) * scratch.factors[row]),
                at: place)
        }
    }

    /// Lanes are added up only here, since that takes as long as the weights of sixteen keys.
    @inline(always)
    static func beginSegment(_ scratch: AttentionScratch, tileCount: Int) {
        scratch.rowSums.fill(0, count: tileCount * Tile.rows * laneCount)
    }

    @inline(always)
    static func endSegment(_ scratch: AttentionScratch, _ state: AttentionState, tileCount: Int) {
        for tile in Steps(from: 0, to: tileCount, by: 1) {
            for row in Steps(from: 0, to: Tile.rows, by: 1) {
                state.sums[tile * laneCount + row] =
                    scratch.rowSums.lanes(at: (tile * Tile.rows + row) * laneCount).treeSum
            }
        }
    }

    @inline(always)
    static func addValues(
        _ arguments: AttentionArguments, _ scratch: AttentionScratch, _ step: AttentionStep,
        to sums: UnsafeMutablePointer<Float>
    ) {
        let shape = arguments.shape
        let stride = shape.layout.valueStride
        let values = blockValues(arguments, step.block)
        let panelWords = Int8CacheStorage.valueBlockWordCount(stride: stride)
        let codes = scratch.laterScores
        for group in Steps(from: 0, to: groupCount(shape), by: 1) {
            quantizeWeights(arguments, scratch, step, ValueScales(scratch, group: group), to: codes)
            let scales = values + group * Int8Values.groupWordCount
            for column in Steps(from: 0, to: Int8CacheStorage.groupLength, by: Tile.columns) {
                let target = sums + group * Int8CacheStorage.groupLength + column
                var tile = Tile(target, stride: stride, factors: scratch.factors)
                for panel in Steps(from: 0, to: step.panelCount, by: 1) {
                    let codesOfPanel = scales + panel * panelWords + Int8Values.scaleWordCount + column
                    if isPrefetched { longlm_prefetch_far(scales + panel * panelWords, 4 * step.next.values) }
                    for quad in Steps(from: 0, to: AttentionShape.panelLength / 4, by: 1) {
                        let words = codesOfPanel + quad * Int8CacheStorage.groupLength
                        if isPrefetched { Tile.Columns.prefetchFar(words, distance: 4 * step.next.values) }
                        tile.addDots(
                            unsigned: codes + panel * AttentionShape.panelLength / 4 + quad, stride: codeStride,
                            Tile.Columns(words))
                    }
                }
                tile.end(scratch.rows, Tile.Columns(repeating: 1))
                tile.store(to: target, stride: stride)
            }
        }
    }

    /// Words from one row's codes of weights to the next.
    @inline(always) private static var codeStride: Int { AttentionShape.blockLength / 4 }

    /// Turns the weights of a tile, times the scales of one group of the values, into integers, a byte each, and writes by
    /// how much they have to be multiplied to `scratch.rows`.
    @inline(always)
    private static func quantizeWeights(
        _ arguments: AttentionArguments, _ scratch: AttentionScratch, _ step: AttentionStep, _ blockScales: ValueScales,
        to codes: UnsafeMutablePointer<Float>
    ) {
        let columns = step.panelCount * AttentionShape.panelLength
        let window = arguments.input.slidingWindow
        // Whether all rows see all of the block. Others have greatest scales of their own.
        let isWhole =
            step.positions.lowerBound >= step.block + AttentionShape.blockLength - 1
            && (window == 0 || step.positions.upperBound - window < step.block)
        let scales = isWhole ? blockScales : blockScales.ofRow(scratch)
        for row in Steps(from: 0, to: step.rows.length, by: 1) {
            if !isWhole {
                let position = arguments.position(ofRow: step.rows.lowerBound + row)
                let first = window == 0 || position < window ? 0 : position - window + 1
                let greatest = scales.greatest(from: step.block, in: first...position)
                scales.greatest[0] = greatest
                scales.divide(by: greatest)
            }
            let weights = scratch.scores + row * AttentionShape.blockLength
            let target = UnsafeMutableRawPointer(codes + row * codeStride)
            for column in Steps(from: 0, to: columns, by: laneCount) {
                // Adding this leaves no bits for a fraction, and the integer in the lowest ones.
                let words = Arithmetic.multiplyAdd(
                    weights.lanes(at: column), scales.divided.lanes(at: column), Lanes(repeating: 12_582_912))
                longlm_store_low_bytes(words, target + column)
            }
            scratch.rows[row] = scratch.blockFactors[row] * (scales.greatest[0] * (1 / 255))
        }
    }
}

/// The scales of one group of a block's values.
private struct ValueScales {
    /// As floats.
    let all: UnsafeMutablePointer<Float>
    /// Times 255 and divided by the greatest.
    let divided: UnsafeMutablePointer<Float>
    let greatest: UnsafeMutablePointer<Float>

    @inline(always)
    private init(
        all: UnsafeMutablePointer<Float>, divided: UnsafeMutablePointer<Float>, greatest: UnsafeMutablePointer<Float>
    ) {
        self.all = all
        self.divided = divided
        self.greatest = greatest
    }

    @inline(always)
    init(_ scratch: AttentionScratch, group: Int) {
        let first = scratch.valueScales + group * AttentionScratch.valueScaleCount
        let divided = first + AttentionShape.blockLength
        self.init(all: first, divided: divided, greatest: divided + AttentionShape.blockLength)
    }

    /// The same scales, to be divided by what one row sees.
    @inline(always)
    func ofRow(_ scratch: AttentionScratch) -> ValueScales {
        ValueScales(all: all, divided: scratch.rowScales, greatest: scratch.rowScales + AttentionShape.blockLength)
    }

    /// The greatest of those that belong to some positions.
    @inline(always)
    func greatest(from block: Int, in positions: ClosedRange<Int>) -> Float {
        var greatest = Lanes(repeating: 0)
        for column in Steps(from: 0, to: AttentionShape.blockLength, by: laneCount) {
            greatest = greatest.maximum(all.lanes(at: column).visible(from: block + column, in: positions))
        }
        return greatest.treeMaximum
    }

    @inline(always)
    func divide(by greatest: Float) {
        let inverse = Lanes(repeating: greatest > 0 ? 255 / greatest : 0)
        for column in Steps(from: 0, to: AttentionShape.blockLength, by: laneCount) {
            divided.store(all.lanes(at: column) * inverse, at: column)
        }
    }
}

extension Lanes {
    /// Zeros in place of what doesn't belong to `positions`; lane 0 belongs to position `first`.
    @inline(always)
    fileprivate func visible(from first: Int, in positions: ClosedRange<Int>) -> Lanes {
        let own = longlm_count_from(Int32(truncatingIfNeeded: first))
        let lower = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: positions.lowerBound))
        let upper = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: positions.upperBound))
        return replacing(with: 0, where: own .< lower).replacing(with: 0, where: own .> upper)
    }
}
