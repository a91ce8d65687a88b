import SIMDKernels

/// The keys and values of every layer.
///
/// A key's far rotation never changes, nor does its neighbor rotation, so each is computed once. Far keys (in plain
/// attention the only ones) and values are kept for all positions, in segments that are allocated as the text grows.
/// Neighbor keys are kept for the last window and the rows in flight, in a ring.
///
/// Forked caches share segments until one of them writes into one: it then takes a copy of that segment for itself.
final class KeyValueCache {
    let size: Size
    var shape: AttentionShape { size.shape }
    /// Panels of each layer's ring of neighbor keys; 0 in plain attention.
    var ringPanelCount: Int { size.ringPanelCount }
    private var layerCount: Int { size.layerCount }
    private var segmentLimit: Int { size.segmentLimit }
    /// [layer][segment], uninitialised where no segment has been allocated yet.
    private let table: UnsafeMutablePointer<UnsafeMutablePointer<Float>>
    /// Each holds one segment of every layer, so that it lies on large pages.
    private var segments: [Segment] = []
    /// [layer][ring].
    private let rings: AlignedBuffer
    /// The end of all positions that were ever written. The ring no longer has what lies a whole turn before it.
    private var ringEnd = 0
    /// The first position of which the ring was ever given a neighbor key.
    private var ringStart = 0

    private struct Segment {
        var buffer: AlignedBuffer
        /// Whether this cache took the memory, rather than shares it with the one that did.
        var isOwn: Bool
    }

    /// What a cache has room for.
    struct Size {
        fileprivate let shape: AttentionShape
        fileprivate let layerCount: Int
        fileprivate let segmentLimit: Int
        fileprivate let ringPanelCount: Int

        /// Room for a session; in plain attention without a ring.
        init(_ configuration: ModelConfiguration, _ options: SequenceOptions) {
            let shape = configuration.attentionShape(cacheFormat: options.cacheFormat)
            self.shape = shape
            layerCount = configuration.layerCount
            segmentLimit = AttentionShape.segmentCount(length: options.capacity)
            ringPanelCount =
                options.attention.method.ringWindow.map {
                    KeyValueCache.ringPanelCount(shape: shape, capacity: options.capacity, window: $0)
                } ?? 0
        }
    }

    /// An empty cache.
    init(_ size: Size) {
        self.size = size
        table = .allocate(capacity: size.layerCount * size.segmentLimit)
        rings = AlignedBuffer(
            floatCount: size.layerCount * size.shape.ringFloatCount(panelCount: size.ringPanelCount))
    }

    /// Panels of a ring of neighbor keys. A window of more positions than there can be needs no more room than those.
    static func ringPanelCount(shape: AttentionShape, capacity: Int, window: Int) -> Int {
        shape.ringPanelCount(window: min(window, capacity), rowCount: min(Workspace.maximumRowCount, capacity))
    }

    /// A cache of the first `length` positions of another one. Segments are shared; the ring, whose positions are
    /// overwritten, is copied.
    ///
    /// - Parameters:
    ///   - other: A cache of the same heads and layers, whose ring has the neighbor keys that `length` needs.
    ///   - size: Room for at least `length` positions.
    convenience init(forking other: KeyValueCache, length: Int, size: Size) {
        self.init(size)
        segments = other.segments.prefix(AttentionShape.segmentCount(length: length))
            .map { Segment(buffer: $0.buffer, isOwn: false) }
        for index in segments.indices { tabulate(index) }
        if length == 0 { return }
        ringStart = other.earliestNeighborPosition
        ringEnd = length
        if ringPanelCount == other.ringPanelCount {
            rings.bytes.copyMemory(from: other.rings.bytes, byteCount: rings.byteCount)
        } else {
            copyRing(of: other)
        }
    }

    /// Copies the neighbor keys from ``ringStart`` to ``ringEnd`` out of a ring of another size.
    private func copyRing(of other: KeyValueCache) {
        let panelLength = shape.ringPositionCount(panelCount: 1)
        let panelFloatCount = shape.ringFloatCount(panelCount: 1) / shape.keyValueHeadCount
        let last = (ringEnd - 1) / panelLength
        // The last panels that this ring has room for.
        let first = max(ringStart / panelLength, last - ringPanelCount + 1)
        ringStart = max(ringStart, first * panelLength)
        for ring in 0..<(layerCount * shape.keyValueHeadCount) {
            for panel in first..<(last + 1) {
                let target = ring * ringPanelCount + panel % ringPanelCount
                let source = ring * other.ringPanelCount + panel % other.ringPanelCount
                (rings.floats + target * panelFloatCount)
                    .update(from: other.rings.floats + source * panelFloatCount, count: panelFloatCount)
            }
        }
    }

    deinit { table.deallocate() }

    /// Makes room for positions that are written next: segments that don't exist yet are allocated, and those that a fork
    /// shares are copied.
    ///
    /// - Returns: Whether that took memory.
    @discardableResult
    func reserve(_ positions: Range<Int>) -> Bool {
        precondition(
            positions.upperBound <= segmentLimit * AttentionShape.segmentLength, "the cache has room for its capacity")
        ringEnd = max(ringEnd, positions.upperBound)
        let first = positions.lowerBound / AttentionShape.segmentLength
        var tookMemory = false
        for index in first..<AttentionShape.segmentCount(length: positions.upperBound) {
            if index == segments.count {
                let buffer = AlignedBuffer(floatCount: layerCount * shape.segmentFloatCount)
                segments.append(Segment(buffer: buffer, isOwn: true))
            } else if !isKnownUniquelyReferenced(&segments[index].buffer) {
                let shared = segments[index].buffer
                let copy = AlignedBuffer(byteCount: shared.byteCount)
                copy.bytes.copyMemory(from: shared.bytes, byteCount: copy.byteCount)
                segments[index] = Segment(buffer: copy, isOwn: true)
            } else {
                // The others that shared it are gone.
                tookMemory = tookMemory || !segments[index].isOwn
                segments[index].isOwn = true
                continue
            }
            tookMemory = true
            tabulate(index)
        }
        return tookMemory
    }

    /// Forgets all positions from `length` on. Their memory is kept for those that will follow.
    func truncate(to length: Int) {
        if length == 0 { (ringStart, ringEnd) = (0, 0) }
    }

    /// The first position whose neighbor key the ring still has.
    var earliestNeighborPosition: Int {
        max(ringStart, ringEnd - shape.ringPositionCount(panelCount: ringPanelCount))
    }

    /// Takes note that neighbor keys before `position` were never given.
    func beginRing(at position: Int) { ringStart = position }

    /// Enters a segment's address in the table of every layer.
    private func tabulate(_ index: Int) {
        for layer in 0..<layerCount {
            (table + layer * segmentLimit + index).initialize(
                to: segments[index].buffer.floats + layer * shape.segmentFloatCount)
        }
    }

    /// The bytes that are allocated now, including those that forks share.
    var byteCount: Int { segments.reduce(rings.byteCount) { $0 + $1.buffer.byteCount } }

    /// The allocated bytes without what others share, of which this cache may still have to take a copy. What is left to it
    /// alone counts, whoever took the memory.
    var ownByteCount: Int {
        var byteCount = rings.byteCount
        for index in segments.indices where segments[index].isOwn || isKnownUniquelyReferenced(&segments[index].buffer)
        {
            byteCount += segments[index].buffer.byteCount
        }
        return byteCount
    }

    /// One layer's segments.
    func segments(layer: Int) -> UnsafePointer<UnsafeMutablePointer<Float>> {
        UnsafePointer(table + layer * segmentLimit)
    }

    /// One layer's ring of neighbor keys.
    func ring(layer: Int) -> UnsafeMutablePointer<Float> {
        rings.floats + layer * shape.ringFloatCount(panelCount: ringPanelCount)
    }
}
