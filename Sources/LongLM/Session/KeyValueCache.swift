import SIMDKernels

/// The keys and values of every layer.
///
/// A key's grouped rotation never changes, nor does its neighbor rotation. So each is computed once: grouped keys (plain
/// ones without Self-Extend) and values are kept for all positions, in segments that are allocated as the text grows;
/// neighbor keys only for the last window and the rows in flight, in a ring.
final class KeyValueCache {
    let shape: AttentionShape
    /// Panels of each layer's ring of neighbor keys; 0 without Self-Extend.
    let ringPanelCount: Int
    private let layerCount: Int
    private let segmentLimit: Int
    /// [layer][segment], uninitialised where no segment has been allocated yet.
    private let table: UnsafeMutablePointer<UnsafeMutablePointer<Float>>
    /// Each holds one segment of every layer, so that it lies on large pages.
    private var segments: [AlignedBuffer] = []
    /// [layer][ring].
    private let rings: AlignedBuffer
    private var segmentCount = 0

    /// An empty cache for up to `capacity` positions; without a neighbor window it is one for plain attention.
    init(shape: AttentionShape, layerCount: Int, capacity: Int, neighborWindow: Int?) {
        self.shape = shape
        self.layerCount = layerCount
        segmentLimit = AttentionShape.segmentCount(length: capacity)
        table = .allocate(capacity: layerCount * segmentLimit)
        ringPanelCount =
            neighborWindow.map { Self.ringPanelCount(shape: shape, capacity: capacity, neighborWindow: $0) } ?? 0
        rings = AlignedBuffer(floatCount: layerCount * shape.ringFloatCount(panelCount: ringPanelCount))
    }

    /// Panels of a ring of neighbor keys. A window of more positions than there can be needs no more room than those.
    static func ringPanelCount(shape: AttentionShape, capacity: Int, neighborWindow: Int) -> Int {
        shape.ringPanelCount(window: min(neighborWindow, capacity), rowCount: min(Workspace.rowLimit, capacity))
    }

    deinit { table.deallocate() }

    /// Makes room for `length` positions in all.
    func reserve(_ length: Int) {
        precondition(length <= segmentLimit * AttentionShape.segmentLength, "the cache has room for its capacity")
        while segmentCount * AttentionShape.segmentLength < length {
            let memory = AlignedBuffer(floatCount: layerCount * shape.segmentFloatCount)
            segments.append(memory)
            for layer in 0..<layerCount {
                (table + layer * segmentLimit + segmentCount).initialize(
                    to: memory.floats + layer * shape.segmentFloatCount)
            }
            segmentCount += 1
        }
    }

    /// The bytes that are allocated now.
    var byteCount: Int { segments.reduce(rings.byteCount) { $0 + $1.byteCount } }

    /// One layer's segments.
    func segments(layer: Int) -> UnsafePointer<UnsafeMutablePointer<Float>> {
        UnsafePointer(table + layer * segmentLimit)
    }

    /// One layer's ring of neighbor keys.
    func ring(layer: Int) -> UnsafeMutablePointer<Float> {
        rings.floats + layer * shape.ringFloatCount(panelCount: ringPanelCount)
    }
}
