/// Where the cached keys and values of one head lie.
///
/// Cached positions are kept in segments of 512. One segment holds, for each key-value head, its keys as panels of
/// 32 positions, `panel[d · 32 + position]` (the order in which ``PackedMatrix`` keeps weights, so that scores are a
/// product of the same form), and then its values, `value[position · valueStride + d]`. That is the order of float32; a cache
/// of bfloat16 numbers has 32-bit words of two of them in the same order: of the components d and d + 1 of a key, of the
/// positions p and p + 1 of a value. Words of an int8 cache have four numbers, and scales lie between them; see ``Int8Keys``
/// and ``Int8Values``.
struct CacheLayout: Sendable, Equatable {
    /// The components of a value, D, rounded up to whole tile columns.
    let valueStride: Int
    /// Floats of one panel of keys.
    let panelFloatCount: Int
    /// Floats of the keys of a segment, which its values follow.
    let keysFloatCount: Int
    /// Floats of a segment.
    let headFloatCount: Int

    init(headDimension: Int, format: CacheFormat) {
        valueStride = (headDimension + 31) / 32 * 32
        let storage = format.storage
        panelFloatCount = storage.keyPanelWordCount(headDimension)
        keysFloatCount = AttentionShape.segmentLength / AttentionShape.panelLength * panelFloatCount
        headFloatCount = keysFloatCount + storage.valueWordCount(AttentionShape.segmentLength, valueStride)
    }
}

// The cache of all heads.
extension AttentionShape {
    /// Floats of one segment: room for the keys and values of 512 positions.
    public var segmentFloatCount: Int { keyValueHeadCount * layout.headFloatCount }

    /// Segments that hold `length` positions.
    public static func segmentCount(length: Int) -> Int { (length + segmentLength - 1) / segmentLength }

    /// Panels of a ring of neighbor keys that lets `rowCount` query rows at once each see `window` keys.
    public func ringPanelCount(window: Int, rowCount: Int) -> Int {
        (window + rowCount) / Self.panelLength + 2
    }

    /// Floats of a ring of `panelCount` panels.
    public func ringFloatCount(panelCount: Int) -> Int {
        keyValueHeadCount * panelCount * layout.panelFloatCount
    }

    /// Positions of a ring of `panelCount` panels: a neighbor key lies there until one that is as many positions further on
    /// takes its place.
    package func ringPositionCount(panelCount: Int) -> Int { panelCount * Self.panelLength }

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
        storeKey(
            key, heads ?? 0..<keyValueHeadCount, in: segment + place / Self.panelLength * layout.panelFloatCount,
            headStride: layout.headFloatCount, place: place % Self.panelLength)
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
        let storage = cacheFormat.storage
        for head in heads ?? 0..<keyValueHeadCount {
            storage.storeValue(
                value + head * headDimension, headDimension,
                segment + head * layout.headFloatCount + layout.keysFloatCount,
                position % Self.segmentLength, layout.valueStride)
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
        storeKey(
            key, heads ?? 0..<keyValueHeadCount, in: ring + panel * layout.panelFloatCount,
            headStride: panelCount * layout.panelFloatCount, place: position % Self.panelLength)
    }

    private func storeKey(
        _ key: UnsafePointer<Float>, _ heads: Range<Int>, in panel: UnsafeMutablePointer<Float>, headStride: Int,
        place: Int
    ) {
        let storage = cacheFormat.storage
        for head in heads {
            storage.storeKey(key + head * headDimension, headDimension, panel + head * headStride, place)
        }
    }
}
