/// The heads of an attention, and where its cached keys and values lie.
///
/// Cached positions are kept in segments of 512. One segment holds, for each key-value head, its keys as panels of
/// 32 positions, `panel[d · 32 + position]` (the order in which ``PackedMatrix`` keeps weights, so that scores are a
/// product of the same form), and then its values, `value[position · valueStride + d]`. A cache of bfloat16 numbers has
/// 32-bit words of two of them in the same order: of the components d and d + 1 of a key, of the positions p and p + 1 of
/// a value.
///
/// The lengths are constants of the engine, because they decide in which steps an online softmax is taken.
public struct AttentionShape: Sendable, Equatable {
    /// Positions of a segment: a row's softmax starts afresh in each and is then merged, in ascending order.
    public static let segmentLength = 512
    /// Positions of one step of the online softmax.
    static let blockLength = 128
    /// Positions of a panel of keys.
    static let panelLength = 32

    /// Hq.
    public let queryHeadCount: Int
    /// Hkv, a divisor of Hq.
    public let keyValueHeadCount: Int
    /// D, even.
    public let headDimension: Int
    /// How keys and values are stored: as 32-bit floats, or rounded to bfloat16.
    public let cacheFormat: CacheFormat

    /// A shape; the counts are positive, Hkv divides Hq, and D is even.
    public init(
        queryHeadCount: Int, keyValueHeadCount: Int, headDimension: Int, cacheFormat: CacheFormat = .float32
    ) {
        precondition(queryHeadCount > 0 && keyValueHeadCount > 0 && headDimension > 0, "heads exist")
        precondition(queryHeadCount % keyValueHeadCount == 0, "every key-value head serves as many query heads")
        precondition(headDimension % 2 == 0, "rotary positions pair components")
        self.queryHeadCount = queryHeadCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headDimension = headDimension
        self.cacheFormat = cacheFormat
    }

    /// Numbers of a word.
    @inline(always)
    var perWord: Int { cacheFormat == .float32 ? 1 : 2 }

    /// Query heads that share one key-value head.
    @inline(always)
    var sharingCount: Int { queryHeadCount / keyValueHeadCount }

    /// Words from one value (or pair of them) to the next: D, rounded up to whole tile columns.
    @inline(always)
    var valueStride: Int { (headDimension + 31) / 32 * 32 }

    /// Floats of one panel of keys.
    @inline(always)
    var panelFloatCount: Int { headDimension / perWord * Self.panelLength }

    /// Floats of one key-value head in a segment.
    @inline(always)
    var headFloatCount: Int { keysFloatCount + Self.segmentLength / perWord * valueStride }

    /// Floats of the keys of one key-value head in a segment, which its values follow.
    @inline(always)
    var keysFloatCount: Int { Self.segmentLength / Self.panelLength * panelFloatCount }

    /// Floats of one segment: room for the keys and values of 512 positions.
    public var segmentFloatCount: Int { keyValueHeadCount * headFloatCount }

    /// Segments that hold `length` positions.
    public static func segmentCount(length: Int) -> Int { (length + segmentLength - 1) / segmentLength }

    /// Panels of a ring of neighbor keys that lets `rowCount` query rows at once each see `window` keys.
    public func ringPanelCount(window: Int, rowCount: Int) -> Int {
        (window + rowCount) / Self.panelLength + 2
    }

    /// Floats of a ring of `panelCount` panels.
    public func ringFloatCount(panelCount: Int) -> Int {
        keyValueHeadCount * panelCount * panelFloatCount
    }

    /// Positions of a ring of `panelCount` panels: a neighbor key lies there until one that is as many positions further on
    /// takes its place.
    public func ringPositionCount(panelCount: Int) -> Int { panelCount * Self.panelLength }

    /// Stores the key of one position into its segment.
    ///
    /// - Parameters:
    ///   - key: [Hkv, D], rotated.
    ///   - position: The absolute position; only its place in the segment matters here.
    ///   - segment: Memory of ``segmentFloatCount`` floats.
    ///   - heads: The key-value heads to store; nil: all.
    public func storeKey(
        _ key: UnsafePointer<Float>, position: Int, segment: UnsafeMutablePointer<Float>, heads: Range<Int>? = nil
    ) {
        let place = position % Self.segmentLength
        let panel = segment + place / Self.panelLength * panelFloatCount + place % Self.panelLength
        scatter(key, heads ?? 0..<keyValueHeadCount, to: panel, headStride: headFloatCount)
    }

    /// Stores the value of one position into its segment.
    ///
    /// - Parameters:
    ///   - value: [Hkv, D].
    ///   - position: The absolute position; only its place in the segment matters here.
    ///   - segment: Memory of ``segmentFloatCount`` floats.
    ///   - heads: The key-value heads to store; nil: all.
    public func storeValue(
        _ value: UnsafePointer<Float>, position: Int, segment: UnsafeMutablePointer<Float>, heads: Range<Int>? = nil
    ) {
        let place = position % Self.segmentLength
        for head in heads ?? 0..<keyValueHeadCount {
            let source = value + head * headDimension
            let row = segment + head * headFloatCount + keysFloatCount + place / perWord * valueStride
            if cacheFormat == .float32 {
                row.update(from: source, count: headDimension)
                (row + headDimension).update(repeating: 0, count: valueStride - headDimension)
            } else {
                // Half of each word: its other half belongs to the neighboring position.
                let halves = UnsafeMutableRawPointer(row).assumingMemoryBound(to: UInt16.self) + place % 2
                for d in 0..<headDimension { halves[2 * d] = bfloat16Bits(source[d]) }
                for d in headDimension..<valueStride { halves[2 * d] = 0 }
            }
        }
    }

    /// Stores the neighbor key of one position into a ring.
    ///
    /// - Parameters:
    ///   - key: [Hkv, D], rotated.
    ///   - position: The absolute position.
    ///   - ring: Memory of ``ringFloatCount(panelCount:)`` floats.
    ///   - panelCount: The panels of the ring.
    ///   - heads: The key-value heads to store; nil: all.
    public func storeNeighborKey(
        _ key: UnsafePointer<Float>, position: Int, ring: UnsafeMutablePointer<Float>, panelCount: Int,
        heads: Range<Int>? = nil
    ) {
        let panel = position / Self.panelLength % panelCount
        scatter(
            key, heads ?? 0..<keyValueHeadCount, to: ring + panel * panelFloatCount + position % Self.panelLength,
            headStride: panelCount * panelFloatCount)
    }

    private func scatter(
        _ key: UnsafePointer<Float>, _ heads: Range<Int>, to panel: UnsafeMutablePointer<Float>, headStride: Int
    ) {
        for head in heads {
            let source = key + head * headDimension
            let target = panel + head * headStride
            if cacheFormat == .float32 {
                for d in 0..<headDimension { target[d * Self.panelLength] = source[d] }
            } else {
                for word in 0..<(headDimension / 2) {
                    let low = UInt32(bfloat16Bits(source[2 * word]))
                    let high = UInt32(bfloat16Bits(source[2 * word + 1]))
                    target[word * Self.panelLength] = Float(bitPattern: low | high << 16)
                }
            }
        }
    }
}

/// A number rounded to bfloat16, to nearest and ties to even. A NaN stays one.
private func bfloat16Bits(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(bits >> 16) | 0x40 }
    return UInt16((bits + 0x7fff + (bits >> 16 & 1)) >> 16)
}
