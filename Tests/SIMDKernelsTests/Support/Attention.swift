import Foundation
import SIMDKernels
import TestSupport
import Testing

/// Queries, keys and values of `length` positions, and what attention makes of some of the rows: by the kernel, by its
/// twin in Double, and by the naive method in Float.
///
/// Grouped and neighbor queries and keys are independent numbers unless a test sets them: a score that is taken from
/// the wrong side of the window is wrong by about its own size.
struct AttentionProblem {
    private(set) var shape: AttentionShape
    let length: Int
    /// How keys and values are cached.
    var cacheFormat: CacheFormat {
        get { shape.cacheFormat }
        set {
            shape = AttentionShape(
                queryHeadCount: shape.queryHeadCount, keyValueHeadCount: shape.keyValueHeadCount,
                headDimension: shape.headDimension, cacheFormat: newValue)
        }
    }
    /// What the kernel computes in.
    var precision = Precision.float32
    /// W; 0 for plain attention.
    var window: Int
    /// Zones other than those of W: each with a set of queries of its own, keys in the segments unless they are in the ring.
    var statedZones: [AttentionZone]?
    /// W decides between grouped and neighbor keys unless zones are stated.
    var zones: [AttentionZone] {
        if let statedZones { return statedZones }
        let far = AttentionZone(from: .beginning)
        return window == 0 ? [far] : [far, AttentionZone(from: .last(window), keys: .ring)]
    }
    /// The queries of a zone: those of the last of several are the neighbor queries.
    func queries(ofZone zone: Int) -> [Float] {
        if zone == 0 { return queries }
        return zone == zones.count - 1 ? neighborQueries : middleQueries
    }
    /// The last positions that the ring has for a row; 0: there is none.
    var ringWindow: Int { zones.last?.keys == .ring ? window : 0 }
    /// From how many positions back keys are hidden; 0: none are.
    var slidingWindow = 0
    /// c of c · tanh(score / c); 0: scores are not bounded.
    var scoreCap: Float = 0
    /// [length, Hq, D], rotated and scaled.
    var queries: [Float]
    var neighborQueries: [Float]
    var middleQueries: [Float]
    /// [length, Hkv, D], rotated.
    var keys: [Float]
    var neighborKeys: [Float]
    var values: [Float]

    var queryWidth: Int { shape.queryHeadCount * shape.headDimension }
    var keyWidth: Int { shape.keyValueHeadCount * shape.headDimension }

    init(
        heads: (query: Int, keyValue: Int), dimension: Int, length: Int, window: Int, seed: UInt64 = 1,
        cacheFormat: CacheFormat = .float32, precision: Precision = .float32
    ) {
        shape = AttentionShape(
            queryHeadCount: heads.query, keyValueHeadCount: heads.keyValue, headDimension: dimension,
            cacheFormat: cacheFormat)
        self.precision = precision
        self.length = length
        self.window = window
        var generator = SeededGenerator(seed: seed)
        // The score of two vectors of D components below 1 and `limit` has a standard deviation of 1: weights are
        // neither all alike nor all on one key.
        let limit = 3 / Float(dimension).squareRoot()
        queries = generator.floats(length * heads.query * dimension, limit: limit)
        neighborQueries = generator.floats(length * heads.query * dimension, limit: limit)
        keys = generator.floats(length * heads.keyValue * dimension)
        neighborKeys = generator.floats(length * heads.keyValue * dimension)
        values = generator.floats(length * heads.keyValue * dimension)
        middleQueries = generator.floats(length * heads.query * dimension, limit: limit)
    }

    /// With keys and values that a bfloat16 cache holds exactly.
    var rounded: AttentionProblem {
        var rounded = self
        rounded.keys = keys.map(roundedToBFloat16)
        rounded.neighborKeys = neighborKeys.map(roundedToBFloat16)
        rounded.values = values.map(roundedToBFloat16)
        return rounded
    }

    /// Some rows of what is kept for all.
    func rows(_ rows: Range<Int>, of outputs: [Float]) -> [Float] {
        Array(outputs[(rows.lowerBound * queryWidth)..<(rows.upperBound * queryWidth)])
    }

    // MARK: The kernel

    /// Attention of `rows`, all at once, with all keys up to the last row cached.
    ///
    /// - Parameter stale: What cache memory of positions that don't exist holds.
    func attend(
        rows: Range<Int>, threadCount: Int = 1, stale: Float = staleNumber, _ instructionSet: InstructionSet,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [Float] {
        let cache = AttentionCache(self, rowLimit: rows.count, threadCount: threadCount, stale: stale)
        cache.store(0..<rows.upperBound)
        return cache.attend(rows, instructionSet, sourceLocation: sourceLocation)
    }

    /// Attention of all rows in chunks, each of which is cached and then attended: a prefill, or with chunks of 1 a
    /// decode.
    func prefill(
        chunk: Int, from start: Int = 0, threadCount: Int = 1, _ instructionSet: InstructionSet,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [Float] {
        let cache = AttentionCache(self, rowLimit: chunk, threadCount: threadCount, stale: staleNumber)
        cache.store(0..<start)
        var outputs: [Float] = []
        for first in stride(from: start, to: length, by: chunk) {
            let rows = first..<min(first + chunk, length)
            cache.store(rows)
            outputs += cache.attend(rows, instructionSet, sourceLocation: sourceLocation)
        }
        return outputs
    }

    // MARK: Its twins

    /// The merged scores of one row and query head, a key at a time. Without stated zones these are neighbor ones where
    /// i − j < W, grouped ones elsewhere (section 3 of the paper).
    func score<Scalar: BinaryFloatingPoint>(_ row: Int, _ head: Int, _ key: Int, as _: Scalar.Type) -> Scalar {
        let zone =
            statedZones?.lastIndex { $0.firstKey == .beginning || $0.firstKey.firstKey(for: row) <= key }
            ?? (row - key < window ? 1 : 0)
        let queries = window == 0 && statedZones == nil ? queries : queries(ofZone: zone)
        let keys = zones[min(zone, zones.count - 1)].keys == .ring ? neighborKeys : keys
        let first = row * queryWidth + head * shape.headDimension
        let second = key * keyWidth + keyValueHead(head) * shape.headDimension
        var sum: Scalar = 0
        for d in 0..<shape.headDimension { sum += Scalar(queries[first + d]) * Scalar(keys[second + d]) }
        if scoreCap == 0 { return sum }
        let cap = Scalar(scoreCap)
        return cap * Scalar(tanh(Double(sum / cap)))
    }

    /// The keys that a row sees.
    func visibleKeys(_ row: Int) -> ClosedRange<Int> {
        (slidingWindow == 0 ? 0 : max(0, row - slidingWindow + 1))...row
    }

    func keyValueHead(_ head: Int) -> Int { head * shape.keyValueHeadCount / shape.queryHeadCount }

    private func value(_ key: Int, _ head: Int) -> ArraySlice<Float> {
        let first = key * keyWidth + keyValueHead(head) * shape.headDimension
        return values[first..<(first + shape.headDimension)]
    }

    func twin(rows: Range<Int>) -> [Double] {
        rows.flatMap { row in
            let keys = visibleKeys(row)
            return (0..<shape.queryHeadCount).flatMap { head in
                Twins.softmaxMean(keys.map { score(row, head, $0, as: Double.self) }) {
                    value(keys.lowerBound + $0, head)
                }
            }
        }
    }

    func naive(rows: Range<Int>) -> [Float] {
        rows.flatMap { row in
            let keys = visibleKeys(row)
            return (0..<shape.queryHeadCount).flatMap { head in
                Naive.softmaxMean(keys.map { score(row, head, $0, as: Float.self) }) {
                    value(keys.lowerBound + $0, head)
                }
            }
        }
    }

    /// The naive method in bfloat16: scores from rounded numbers, in Float; exponentials by the greatest score of the
    /// whole row, rounded where they are multiplied with values, and unrounded in their sum.
    func naiveBFloat16(rows: Range<Int>) -> [Float] {
        var problem = rounded
        // Queries are multiplied by log₂ e before they are rounded, so that scores are exponents of 2.
        problem.queries = queries.map { roundedToBFloat16($0 * 1.442_695_04) }
        problem.neighborQueries = neighborQueries.map { roundedToBFloat16($0 * 1.442_695_04) }
        problem.middleQueries = middleQueries.map { roundedToBFloat16($0 * 1.442_695_04) }
        problem.scoreCap *= 1.442_695_04
        return rows.flatMap { row in
            let keys = visibleKeys(row)
            return (0..<shape.queryHeadCount).flatMap { head in
                let scores = keys.map { problem.score(row, head, $0, as: Float.self) }
                let greatest = scores.max() ?? 0
                var total: Float = 0
                var mean = [Float](repeating: 0, count: shape.headDimension)
                for (key, score) in zip(keys, scores) {
                    let weight = exp2f(score - greatest)
                    let roundedWeight = roundedToBFloat16(weight)
                    for (d, component) in problem.value(key, head).enumerated() { mean[d] += roundedWeight * component }
                    total += weight
                }
                return mean.map { $0 / total }
            }
        }
    }

    /// What the kernel's error may be: twice the naive method's in the same precision, and no less than a few roundings
    /// of the greatest value, because the naive method is exact by chance where there are few keys. A score's chain of D
    /// products alone is off by about √D roundings (Higham and Mary, 2019), and with it a weight. A bounded score is off
    /// by 9 roundings more of at most c: the quotient by c and its own rounding, tanh within 3 units in the last place,
    /// and the product with c (``ActivationTests``).
    func allowedError(rows: Range<Int>, twin: [Double]) -> Double {
        let greatest = values.reduce(0) { max($0, abs(Double($1))) }
        return max(
            2 * greatestError(naive(rows: rows), twin),
            (4 + Double(shape.headDimension).squareRoot() + 9 * Double(scoreCap)) * roundoff * greatest)
    }
}

/// What cache memory holds where no position has been stored: NaN, as one float and as two bfloat16 numbers.
let staleNumber = Float(bitPattern: 0x7fc0_7fc0)

/// The memory that attention works on: cached keys and values, as a session keeps them, and a team's scratch memory.
final class AttentionCache {
    private let problem: AttentionProblem
    private let threadCount: Int
    private let segments: [GuardedFloats]
    private let segmentPointers: [UnsafeMutablePointer<Float>]
    private let ring: GuardedFloats
    private let ringPanelCount: Int
    private let scratches: [GuardedFloats]
    private let partials: GuardedFloats

    init(_ problem: AttentionProblem, rowLimit: Int, threadCount: Int, stale: Float) {
        self.problem = problem
        self.threadCount = threadCount
        let shape = problem.shape
        let segmentCount = (problem.length + AttentionShape.segmentLength - 1) / AttentionShape.segmentLength
        segments = (0..<segmentCount).map { _ in
            GuardedFloats(count: shape.segmentFloatCount, filledWith: stale)
        }
        segmentPointers = segments.map(\.pointer)
        ringPanelCount =
            problem.ringWindow == 0 ? 0 : shape.ringPanelCount(window: problem.ringWindow, rowCount: rowLimit)
        ring = GuardedFloats(count: shape.ringFloatCount(panelCount: ringPanelCount), filledWith: stale)
        scratches = (0..<threadCount).map { _ in
            GuardedFloats(count: TwoPassAttention.scratchFloatCount(shape: shape))
        }
        partials = GuardedFloats(count: TwoPassAttention.partialFloatCount(shape: shape, length: problem.length))
    }

    /// Caches positions of the problem, or of another one of the same sizes.
    func store(_ positions: Range<Int>, of other: AttentionProblem? = nil) {
        let problem = other ?? problem
        let shape = problem.shape
        for position in positions {
            let segment = segmentPointers[position / AttentionShape.segmentLength]
            let first = position * problem.keyWidth
            problem.keys[first...].withUnsafeBufferPointer { keys in
                if let key = keys.baseAddress { shape.storeKey(key, position: position, segment: segment) }
            }
            problem.values[first...].withUnsafeBufferPointer { values in
                if let value = values.baseAddress { shape.storeValue(value, position: position, segment: segment) }
            }
            if problem.ringWindow == 0 { continue }
            problem.neighborKeys[first...].withUnsafeBufferPointer { keys in
                guard let key = keys.baseAddress else { return }
                shape.storeNeighborKey(key, position: position, ring: ring.pointer, panelCount: ringPanelCount)
            }
        }
    }

    func attend(
        _ rows: Range<Int>, _ instructionSet: InstructionSet, sourceLocation: SourceLocation = #_sourceLocation
    ) -> [Float] {
        let zones = problem.zones
        let queries = zones.indices.map { GuardedFloats(problem.rows(rows, of: problem.queries(ofZone: $0))) }
        let output = GuardedFloats(count: rows.count * problem.queryWidth)
        segmentPointers.withUnsafeBufferPointer { pointers in
            guard let segments = pointers.baseAddress else { return }
            let input = AttentionInput(
                zones: ZoneQueries(zones) { UnsafePointer(queries[$0].pointer) }, rowCount: rows.count,
                firstPosition: rows.lowerBound, segments: segments, ring: ring.pointer,
                ringPanelCount: ringPanelCount, slidingWindow: problem.slidingWindow, scoreCap: problem.scoreCap,
                output: output.pointer, precision: problem.precision)
            runTeam(threadCount, instructionSet, sourceLocation: sourceLocation) { worker in
                TwoPassAttention.attend(
                    input, shape: problem.shape, scratch: scratches[worker.index].pointer, partials: partials.pointer,
                    worker: worker)
            }
        }
        #expect(
            (segments + scratches + [ring, partials, output]).allSatisfy { $0.isContained }, "a write past an edge",
            sourceLocation: sourceLocation)
        return output.values
    }
}
