import CLongLM

/// What one compiled form of the attention kernel does with the queries, keys and values of one head.
protocol AttentionForm {
    /// How it multiplies and adds single numbers.
    associatedtype Arithmetic: MultiplyAdd

    /// The query rows of a tile.
    static var tileRows: Int { get }

    /// Whether few rows prefetch the next block, see ``CacheReading/isPrefetched``.
    static var isPrefetched: Bool { get }

    /// Lays the queries of every tile out in `scratch.queries`, multiplied by log₂ e, so that scores are exponents of 2.
    static func packQueries(_ arguments: AttentionArguments, _ scratch: AttentionScratch, tileCount: Int)

    /// Prepares for a segment's first block, and finishes the state after its last one.
    static func beginSegment(_ scratch: AttentionScratch, tileCount: Int)
    static func endSegment(_ scratch: AttentionScratch, _ state: AttentionState, tileCount: Int)

    /// Prepares what all tiles need of the block of keys and values that starts at position `block`.
    static func prepareBlock(_ arguments: AttentionArguments, _ scratch: AttentionScratch, block: Int)

    /// Scores a tile against one panel of keys: row r from `scores + r · blockLength` on.
    ///
    /// - Parameters:
    ///   - zone: Whose queries the tile has.
    ///   - ahead: Words from the keys to those of the next block; 0: it isn't prefetched.
    static func score(
        _ arguments: AttentionArguments, _ scratch: AttentionScratch, tile: Int, zone: Int,
        _ keys: UnsafePointer<Float>, ahead: Int, into scores: UnsafeMutablePointer<Float>)

    /// Turns a tile's scores into weights, and adds them to its sums, after these were multiplied by `scratch.factors`.
    static func weigh(_ scratch: AttentionScratch, _ state: AttentionState, _ step: AttentionStep, columns: Int)

    /// Adds a block's weighted values to a tile's, after these were multiplied by `scratch.factors`.
    static func addValues(
        _ arguments: AttentionArguments, _ scratch: AttentionScratch, _ step: AttentionStep,
        to sums: UnsafeMutablePointer<Float>)
}

/// Most forms need none of these.
extension AttentionForm {
    @inline(always)
    static func beginSegment(_ scratch: AttentionScratch, tileCount: Int) {}

    @inline(always)
    static func endSegment(_ scratch: AttentionScratch, _ state: AttentionState, tileCount: Int) {}

    @inline(always)
    static func prepareBlock(_ arguments: AttentionArguments, _ scratch: AttentionScratch, block: Int) {}
}

/// One step of the online softmax: a row tile against a block of keys.
struct AttentionStep {
    let tile: Int
    /// The block's first position.
    let block: Int
    /// The rows of the tile, of the work's own.
    let rows: Range<Int>
    /// Their positions.
    let positions: ClosedRange<Int>
    /// The keys of the block up to the last row's position.
    let keyCount: Int
    /// To the block that is prefetched meanwhile.
    let next: BlockDistance

    @inline(always)
    init(_ arguments: AttentionArguments, tile: Int, tileRows: Int, block: Int, next: BlockDistance) {
        let first = arguments.rows.lowerBound + tile * tileRows
        let end = lesser(first + tileRows, arguments.rows.upperBound)
        self.tile = tile
        self.block = block
        self.next = next
        rows = first..<end
        positions = arguments.position(ofRow: first)...arguments.position(ofRow: end - 1)
        keyCount = lesser(AttentionShape.blockLength, positions.upperBound + 1 - block)
    }

    @inline(always)
    var panelCount: Int { (keyCount + AttentionShape.panelLength - 1) / AttentionShape.panelLength }
}

/// Runs a form of the kernel.
@inline(always)
func attend<Form: AttentionForm>(_ arguments: AttentionArguments, _ form: Form.Type) {
    let tileRows = Form.tileRows
    let rowCount = arguments.rows.length
    let tileCount = (rowCount + tileRows - 1) / tileRows
    let scratch = AttentionScratch(arguments.scratch, shape: arguments.shape)
    if !arguments.hasPackedQueries { Form.packQueries(arguments, scratch, tileCount: tileCount) }
    let total =
        if let partial = arguments.partial {
            AttentionState(partial, rows: rowCount, valueStride: arguments.shape.layout.valueStride)
        } else {
            scratch.state
        }
    let lastPosition = arguments.position(ofRow: arguments.rows.upperBound - 1)
    // More rows are busy with a block for so long that the processor reads far enough ahead by itself.
    let isPrefetching = Form.isPrefetched && tileCount <= 3

    for segment in Steps(from: arguments.segments.lowerBound, to: arguments.segments.upperBound, by: 1) {
        let start = segment * AttentionShape.segmentLength
        if start > lastPosition { break }
        let isFirst = segment == arguments.segments.lowerBound
        let state = isFirst ? total : scratch.segmentState
        state.reset(tileCount: tileCount, tileRows: tileRows)
        Form.beginSegment(scratch, tileCount: tileCount)
        let end = lesser(start + AttentionShape.segmentLength, lastPosition + 1)
        for block in Steps(from: start, to: end, by: AttentionShape.blockLength) {
            Form.prepareBlock(arguments, scratch, block: block)
            let next = isPrefetching ? arguments.distance(toBlockAfter: block) : .none
            for tile in Steps(from: 0, to: tileCount, by: 1) {
                let step = AttentionStep(arguments, tile: tile, tileRows: tileRows, block: block, next: next)
                attendBlock(arguments, scratch, state, step, form)
            }
        }
        Form.endSegment(scratch, state, tileCount: tileCount)
        if !isFirst {
            total.merge(state, tileCount: tileCount, tileRows: tileRows, Form.Arithmetic.self)
        }
    }
    if arguments.partial == nil { total.finish(arguments, tileRows: tileRows) }
}

@inline(always)
private func attendBlock<Form: AttentionForm>(
    _ arguments: AttentionArguments, _ scratch: AttentionScratch, _ state: AttentionState, _ step: AttentionStep,
    _ form: Form.Type
) {
    if step.keyCount <= 0 { return }
    let slidingWindow = arguments.input.slidingWindow
    // A block that no row sees leaves every bit of the state as it is.
    if slidingWindow > 0 && step.block + AttentionShape.blockLength <= step.positions.lowerBound - slidingWindow + 1 {
        return
    }
    for panel in Steps(from: 0, to: step.panelCount, by: 1) {
        scorePanel(arguments, scratch, step, panel: panel, form)
    }
    softmaxStep(scratch, state, step, form)
    Form.addValues(
        arguments, scratch, step,
        to: state.values + step.tile * Form.tileRows * arguments.shape.layout.valueStride)
}

/// Scores one row tile against one panel of keys, in each zone that has some of its pairs, and merges by mask what several
/// zones have scored; then hides the keys after a row's own position.
@inline(always)
private func scorePanel<Form: AttentionForm>(
    _ arguments: AttentionArguments, _ scratch: AttentionScratch, _ step: AttentionStep, panel: Int, _: Form.Type
) {
    let input = arguments.input
    let zones = input.zones
    let layout = arguments.shape.layout
    let panelStart = step.block + panel * AttentionShape.panelLength
    let panelEnd = panelStart + AttentionShape.panelLength - 1
    let column = panel * AttentionShape.panelLength

    // From the last zone to the first, until one has begun at all keys of the panel for all rows.
    var firstZone = zones.count - 1
    while firstZone > 0 && panelStart < zones[firstZone].zone.firstKey.firstKey(for: step.positions.upperBound) {
        firstZone -= 1
    }
    var isMixed = false
    for zone in Steps(from: firstZone, to: zones.count, by: 1) {
        let isFirst = zone == firstZone
        // A zone that begins after the panel has none of its keys.
        if !isFirst && panelEnd < zones[zone].zone.firstKey.firstKey(for: step.positions.lowerBound) { continue }
        isMixed = isMixed || !isFirst
        let keys: UnsafePointer<Float>
        var ahead = step.next.keys
        if zones[zone].zone.keys == .segments {
            let place = panelStart % AttentionShape.segmentLength / AttentionShape.panelLength
            keys = UnsafePointer(
                input.segments[panelStart / AttentionShape.segmentLength] + arguments.head * layout.headFloatCount
                    + place * layout.panelFloatCount)
        } else {
            let place = panelStart / AttentionShape.panelLength % input.ringPanelCount
            keys = input.ring + (arguments.head * input.ringPanelCount + place) * layout.panelFloatCount
            // Blocks of a ring lie one after another.
            if ahead != 0 { ahead = AttentionShape.blockLength / AttentionShape.panelLength * layout.panelFloatCount }
        }
        let scores = isFirst ? scratch.scores : scratch.zoneScores(zone)
        Form.score(arguments, scratch, tile: step.tile, zone: zone, keys, ahead: ahead, into: scores + column)
    }

    let slidingWindow = input.slidingWindow
    let hidesEarly = slidingWindow > 0 && panelStart <= step.positions.upperBound - slidingWindow
    let isCapped = input.scoreCap > 0
    guard isMixed || hidesEarly || isCapped || panelEnd > step.positions.lowerBound else { return }
    // Scores are in units of ln 2.
    let cap = input.scoreCap * 1.442_695_04
    for row in Steps(from: 0, to: Form.tileRows, by: 1) {
        let existing = lesser(step.rows.lowerBound + row, arguments.rows.upperBound - 1)
        let position = arguments.position(ofRow: existing)
        for offset in Steps(from: 0, to: AttentionShape.panelLength, by: laneCount) {
            let place = row * AttentionShape.blockLength + column + offset
            let keyPositions = longlm_count_from(Int32(truncatingIfNeeded: panelStart + offset))
            var scores = scratch.scores.lanes(at: place)
            if isMixed {
                for zone in Steps(from: firstZone + 1, to: zones.count, by: 1) {
                    let firstKey = zones[zone].zone.firstKey.firstKey(for: position)
                    let edge = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: firstKey))
                    // A zone that scored nothing of the panel has none of its keys.
                    scores.replace(with: scratch.zoneScores(zone).lanes(at: place), where: keyPositions .>= edge)
                }
            }
            if isCapped { scores = Activation.softCap(cap).apply(scores, Form.Arithmetic.self) }
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

/// Updates a tile's maxima, and has its scores turned into weights.
@inline(always)
private func softmaxStep<Form: AttentionForm>(
    _ scratch: AttentionScratch, _ state: AttentionState, _ step: AttentionStep, _: Form.Type
) {
    let maxima = state.maxima + step.tile * laneCount
    let columns = step.panelCount * AttentionShape.panelLength
    let before = maxima.lanes(at: 0)
    for row in Steps(from: 0, to: step.rows.length, by: 1) {
        let scores = scratch.scores + row * AttentionShape.blockLength
        var greatest = scores.lanes(at: 0)
        for column in Steps(from: laneCount, to: columns, by: laneCount) {
            greatest = greatest.maximum(scores.lanes(at: column))
        }
        let peak = greatest.treeMaximum
        scratch.peaks[row] = peak
        maxima[row] = greater(maxima[row], peak)
    }
    let reference = maxima.lanes(at: 0).finiteReference
    scratch.references.store(reference, at: 0)
    scratch.factors.store(Exponential.exp2(nonPositive: before - reference, Form.Arithmetic.self), at: 0)
    Form.weigh(scratch, state, step, columns: columns)
}
