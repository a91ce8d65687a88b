import CLongLM

/// What one attention reads and writes. Positions count from 0; row t has position `firstPosition + t`.
public struct AttentionInput {
    /// The zones of keys, and the queries that meet them.
    public var zones: ZoneQueries
    /// T.
    public var rowCount: Int
    /// The position of row 0.
    public var firstPosition: Int
    /// The keys and values of all positions up to the last row's, ``AttentionShape/segmentLength`` in each.
    public var segments: UnsafePointer<UnsafeMutablePointer<Float>>
    /// The keys of the last positions, as many as the zone in the ring has for each of the rows; not read without one.
    public var ring: UnsafePointer<Float>
    /// The panels of the ring.
    public var ringPanelCount: Int
    /// Keys at least this many positions back are hidden, as in a layer of sliding-window attention; 0: none are.
    public var slidingWindow: Int
    /// c of c · tanh(score / c), by which scores are bounded before the softmax (Gemma 2); 0: they are not.
    public var scoreCap: Float
    /// [rowCount, Hq, D].
    public var output: UnsafeMutablePointer<Float>
    /// What scores and weighted values are computed in; ``Precision/bfloat16`` needs a bfloat16 cache and
    /// an instruction set that ``InstructionSet/supports(_:)`` it, ``Precision/int8`` an int8 cache.
    public var precision: Precision

    /// All of the above.
    public init(
        zones: ZoneQueries, rowCount: Int, firstPosition: Int, segments: UnsafePointer<UnsafeMutablePointer<Float>>,
        ring: UnsafePointer<Float>, ringPanelCount: Int, slidingWindow: Int = 0, scoreCap: Float = 0,
        output: UnsafeMutablePointer<Float>, precision: Precision = .float32
    ) {
        self.zones = zones
        self.rowCount = rowCount
        self.firstPosition = firstPosition
        self.segments = segments
        self.ring = ring
        self.ringPanelCount = ringPanelCount
        self.slidingWindow = slidingWindow
        self.scoreCap = scoreCap
        self.output = output
        self.precision = precision
    }
}

extension AttentionInput {
    /// The segment of the first key that the query at a position sees.
    fileprivate func firstVisibleSegment(from position: Int) -> Int {
        slidingWindow == 0 ? 0 : max(0, position - slidingWindow + 1) / AttentionShape.segmentLength
    }

    /// The segments of all keys that its queries see.
    fileprivate var visibleSegments: Range<Int> {
        let lastPosition = firstPosition + rowCount - 1
        return firstVisibleSegment(from: firstPosition)..<(lastPosition / AttentionShape.segmentLength + 1)
    }
}

/// Causal attention whose scores come from up to three sets of positions, merged by mask under one softmax. In Self-Extend
/// (arXiv 2401.01325, section 3) a key fewer than W positions back is scored with its neighbor rotation, a farther one
/// with its grouped rotation. With one zone it is plain attention.
///
/// The numeric contract: a score is one chain of multiply-adds over d. A row's online softmax steps over blocks of
/// 128 keys that are aligned to absolute positions, starts afresh every 512 keys, and the segments' results are
/// merged in ascending order. Which rows are computed together, by which worker, shows in no bit.
/// Values are finite: a later position's infinity or NaN, weighted with zero, may reach a row before it.
public enum TwoPassAttention {
    /// Query rows (of all heads that share a key-value head) that one pass over the keys serves.
    static let itemRows = 96

    /// The floats of scratch memory that one worker needs.
    public static func scratchFloatCount(shape: AttentionShape) -> Int {
        AttentionScratch.floatCount(shape: shape)
    }

    /// The floats of shared memory for partial results when `length` positions are attended by few rows.
    public static func partialFloatCount(shape: AttentionShape, length: Int) -> Int {
        let segmentCount = AttentionShape.segmentCount(length: length)
        return shape.keyValueHeadCount * segmentCount * splitStateFloatCount(shape: shape)
    }

    /// The floats of one head's partial result for one segment.
    @inline(always)
    static func splitStateFloatCount(shape: AttentionShape) -> Int {
        AttentionState.floatCount(rows: splitRows, valueStride: shape.layout.valueStride)
    }

    /// Up to this many rows a head's segments are shared out among the workers, since its rows alone would not keep
    /// them busy.
    private static let splitRows = 48

    /// This worker's share of the attention. All workers call it with the same arguments, after a barrier that makes the
    /// keys and values of all rows visible; queries are needed, and outputs given, by the division of
    /// ``Worker/rows(of:)``, and where that says that rows aren't owned, this may meet at a barrier itself and another
    /// one follows.
    ///
    /// - Parameters:
    ///   - input: What is read and written.
    ///   - shape: The heads, as in the segments and the ring.
    ///   - scratch: This worker's own memory of ``scratchFloatCount(shape:)`` floats.
    ///   - partials: Memory of ``partialFloatCount(shape:length:)`` floats, shared.
    ///   - worker: This worker.
    public static func attend(
        _ input: AttentionInput, shape: AttentionShape, scratch: UnsafeMutablePointer<Float>,
        partials: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        attendSegments(input, shape: shape, scratch: scratch, partials: partials, worker: worker)
        if isSplit(input, shape) {
            worker.barrier()
            mergeSegments(input, shape: shape, scratch: scratch, partials: partials, worker: worker)
        }
    }

    /// Attention of rows whose segments aren't shared out.
    private static func attendWhole(
        _ input: AttentionInput, _ shape: AttentionShape, _ scratch: UnsafeMutablePointer<Float>, _ worker: Worker
    ) {
        let rows = input.rowCount * shape.sharingCount
        let segmentCount = input.visibleSegments.upperBound
        func attend(_ rows: Range<Int>, head: Int) {
            let first = input.firstVisibleSegment(from: input.firstPosition + rows.lowerBound / shape.sharingCount)
            let arguments = AttentionArguments(
                input: input, shape: shape, head: head, rows: rows, segments: first..<segmentCount, scratch: scratch,
                partial: nil)
            arguments.attend(on: worker.instructionSet)
        }
        let share = worker.rows(of: input.rowCount)
        if share.isOwned {
            for head in 0..<shape.keyValueHeadCount {
                share.forEachRange { owned in
                    let end = owned.upperBound * shape.sharingCount
                    for first in stride(from: owned.lowerBound * shape.sharingCount, to: end, by: itemRows) {
                        attend(first..<min(first + itemRows, end), head: head)
                    }
                }
            }
            return
        }
        let itemsPerHead = (rows + itemRows - 1) / itemRows
        // Late rows see more keys than early ones, so workers take items in turn.
        for item in stride(from: worker.index, to: itemsPerHead * shape.keyValueHeadCount, by: worker.count) {
            let first = item % itemsPerHead * itemRows
            attend(first..<min(first + itemRows, rows), head: item / itemsPerHead)
        }
    }

    /// Whether a head's segments are shared out among the workers.
    private static func isSplit(_ input: AttentionInput, _ shape: AttentionShape) -> Bool {
        input.rowCount * shape.sharingCount <= splitRows && input.visibleSegments.count > 1
    }

    /// The first half of ``attend(_:shape:scratch:partials:worker:)``, which one may do for several sequences before all
    /// workers meet and go on with ``mergeSegments(_:shape:scratch:partials:worker:)`` of each.
    ///
    /// - Parameters:
    ///   - input: What is read and written.
    ///   - shape: The heads, as in the segments and the ring.
    ///   - scratch: This worker's own memory of ``scratchFloatCount(shape:)`` floats.
    ///   - partials: The sequence's memory of ``partialFloatCount(shape:length:)`` floats, shared by the workers.
    ///   - worker: This worker.
    package static func attendSegments(
        _ input: AttentionInput, shape: AttentionShape, scratch: UnsafeMutablePointer<Float>,
        partials: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        precondition(worker.instructionSet.supports(input.precision), "the processor computes in this precision")
        precondition(
            input.precision.reads(shape.cacheFormat), "products of this precision read the cache")
        guard isSplit(input, shape) else { return attendWhole(input, shape, scratch, worker) }
        let stateSize = splitStateFloatCount(shape: shape)
        let rows = input.rowCount * shape.sharingCount
        let segments = input.visibleSegments
        var packedHead: Int?
        for item in stride(from: worker.index, to: segments.count * shape.keyValueHeadCount, by: worker.count) {
            let head = item / segments.count
            let segment = segments.lowerBound + item % segments.count
            let next = item + worker.count
            let isLast = next >= segments.count * shape.keyValueHeadCount
            let arguments = AttentionArguments(
                input: input, shape: shape, head: head, rows: 0..<rows,
                segments: segment..<(segment + 1), scratch: scratch, partial: partials + item * stateSize,
                nextKeys: isLast
                    ? nil
                    : input.segments[segments.lowerBound + next % segments.count]
                        + next / segments.count * shape.layout.headFloatCount,
                hasPackedQueries: head == packedHead)
            arguments.attend(on: worker.instructionSet)
            packedHead = head
        }
    }

    /// The second half: puts together what all workers left in `partials`.
    package static func mergeSegments(
        _ input: AttentionInput, shape: AttentionShape, scratch: UnsafeMutablePointer<Float>,
        partials: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        guard isSplit(input, shape) else { return }
        let stateSize = splitStateFloatCount(shape: shape)
        let rows = input.rowCount * shape.sharingCount
        let segments = input.visibleSegments
        for head in stride(from: worker.index, to: shape.keyValueHeadCount, by: worker.count) {
            let arguments = AttentionArguments(
                input: input, shape: shape, head: head, rows: 0..<rows, segments: 0..<segments.count,
                scratch: scratch, partial: nil)
            let merge = AttentionMergeArguments(
                attention: arguments, partials: partials + head * segments.count * stateSize)
            merge.run(on: worker.instructionSet)
        }
    }
}

/// Words from the keys of a block to those of another, and from its values to the other's.
struct BlockDistance {
    let keys: Int
    let values: Int

    /// From a block to itself.
    @inline(always) static var none: BlockDistance { BlockDistance(keys: 0, values: 0) }
}

/// One piece of work: some rows of one key-value head against some segments.
struct AttentionArguments {
    let input: AttentionInput
    let shape: AttentionShape
    let head: Int
    /// Row r is query head r % sharingCount of this key-value head at position firstPosition + r / sharingCount.
    let rows: Range<Int>
    let segments: Range<Int>
    let scratch: UnsafeMutablePointer<Float>
    /// Where the state of a split attention goes, or comes from; nil when the output can be written at once.
    let partial: UnsafeMutablePointer<Float>?
    /// The segment's keys of one head that this worker attends to next; nil: there are none.
    var nextKeys: UnsafeMutablePointer<Float>?
    /// Whether the scratch memory still has these rows' queries, packed, from the piece of work before.
    var hasPackedQueries = false

    /// Attends in the input's precision.
    fileprivate func attend(on instructionSet: InstructionSet) {
        switch input.precision {
        case .float32, .bfloat16: run(on: instructionSet, precision: input.precision)
        case .int8: CodeAttentionArguments(attention: self).run(on: instructionSet)
        }
    }

    @inline(always)
    func position(ofRow row: Int) -> Int { input.firstPosition + row / shape.sharingCount }

    /// The head's values in the segment of a position.
    @inline(always)
    func values(ofSegmentAt position: Int) -> UnsafeMutablePointer<Float> {
        input.segments[position / AttentionShape.segmentLength] + head * shape.layout.headFloatCount
            + shape.layout.keysFloatCount
    }

    /// How far the head's next block lies from the one that starts at position `block`. Past these segments it is the first
    /// that this worker attends to next.
    @inline(always)
    func distance(toBlockAfter block: Int) -> BlockDistance {
        let layout = shape.layout
        let blockCount = AttentionShape.segmentLength / AttentionShape.blockLength
        let keyCount = layout.keysFloatCount / blockCount
        let valueCount = (layout.headFloatCount - layout.keysFloatCount) / blockCount
        let place = block % AttentionShape.segmentLength / AttentionShape.blockLength
        if place + 1 < blockCount { return BlockDistance(keys: keyCount, values: valueCount) }
        let segment = block / AttentionShape.segmentLength
        let offset = head * layout.headFloatCount
        let isLast = segment + 1 >= segments.upperBound
        guard let next = isLast ? nextKeys : input.segments[segment + 1] + offset else { return .none }
        let toNextSegment = next - (input.segments[segment] + offset)
        return BlockDistance(
            keys: toNextSegment - place * keyCount, values: toNextSegment - place * valueCount)
    }

    /// Floats from row 0 of the head to row r in queries and output.
    @inline(always)
    func offset(ofRow row: Int) -> Int {
        let sharing = shape.sharingCount
        let time = row / sharing
        return (time * shape.queryHeadCount + head * sharing + row - time * sharing) * shape.headDimension
    }
}
