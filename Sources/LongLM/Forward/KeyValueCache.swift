import SIMDKernels

/// The keys and values of every layer.
///
/// A key's far rotation never changes, nor does its neighbor rotation, so each is computed once. Far keys (in plain
/// attention the only ones) and values are kept for all positions, in segments that are allocated as the text grows.
/// Neighbor keys are kept for the last window and the rows in flight, in a ring.
///
/// Forked caches share segments until one of them writes into one: it then takes a copy of that segment for itself.
final class KeyValueCache {
    let shape: AttentionShape
    /// Panels of each layer's ring of neighbor keys; 0 in plain attention.
    let ringPanelCount: Int
    private let layerCount: Int
    private let segmentLimit: Int
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

    /// An empty cache for up to `capacity` positions; without a neighbor window it is one for plain attention.
    convenience init(shape: AttentionShape, layerCount: Int, capacity: Int, neighborWindow: Int?) {
        self.init(
            shape, layerCount: layerCount, segmentLimit: AttentionShape.segmentCount(length: capacity),
            ringPanelCount: neighborWindow.map {
                Self.ringPanelCount(shape: shape, capacity: capacity, neighborWindow: $0)
            } ?? 0)
    }

    /// An empty cache of the same sizes.
    convenience init(emptyLike other: KeyValueCache) {
        self.init(
            other.shape, layerCount: other.layerCount, segmentLimit: other.segmentLimit,
            ringPanelCount: other.ringPanelCount)
    }

    private init(_ shape: AttentionShape, layerCount: Int, segmentLimit: Int, ringPanelCount: Int) {
        self.shape = shape
        self.layerCount = layerCount
        self.segmentLimit = segmentLimit
        self.ringPanelCount = ringPanelCount
        table = .allocate(capacity: layerCount * segmentLimit)
        rings = AlignedBuffer(floatCount: layerCount * shape.ringFloatCount(panelCount: ringPanelCount))
    }

    /// Panels of a ring of neighbor keys. A window of more positions than there can be needs no more room than those.
    static func ringPanelCount(shape: AttentionShape, capacity: Int, neighborWindow: Int) -> Int {
        shape.ringPanelCount(window: min(neighborWindow, capacity), rowCount: min(Workspace.maximumRowCount, capacity))
    }

    /// A cache of the same contents. Segments are shared; the ring, whose positions are overwritten, is copied.
    convenience init(forking other: KeyValueCache) {
        self.init(emptyLike: other)
        rings.bytes.copyMemory(from: other.rings.bytes, byteCount: rings.byteCount)
        segments = other.segments.map { Segment(buffer: $0.buffer, isOwn: false) }
        ringEnd = other.ringEnd
        ringStart = other.ringStart
        for index in segments.indices { tabulate(index) }
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

    /// The allocated bytes without what forks share, of which this cache may still have to take a copy.
    var ownByteCount: Int { segments.reduce(rings.byteCount) { $0 + ($1.isOwn ? $1.buffer.byteCount : 0) } }

    /// One layer's segments.
    func segments(layer: Int) -> UnsafePointer<UnsafeMutablePointer<Float>> {
        UnsafePointer(table + layer * segmentLimit)
    }

    /// One layer's ring of neighbor keys.
    func ring(layer: Int) -> UnsafeMutablePointer<Float> {
        rings.floats + layer * shape.ringFloatCount(panelCount: ringPanelCount)
    }
}
