/// Floats or raw bytes at an address that suits the widest vector, freed with the last reference.
///
/// Memory is taken from the operating system untouched: a page costs nothing until it is written.
///
/// `@unchecked Sendable`: the buffer itself is constant; who writes its contents when is for its owner to order
/// (a model writes while it loads, a session between the barriers of its team).
public final class AlignedBuffer: @unchecked Sendable {
    /// The first byte, aligned to 64 bytes.
    public let bytes: UnsafeMutableRawPointer
    /// The size in bytes.
    public let byteCount: Int

    /// Allocates `byteCount` bytes, uninitialised.
    public init(byteCount: Int) {
        self.byteCount = byteCount
        bytes = .allocate(byteCount: max(byteCount, 64), alignment: 64)
    }

    /// Allocates room for `floatCount` floats, uninitialised.
    public convenience init(floatCount: Int) {
        self.init(byteCount: floatCount * MemoryLayout<Float>.stride)
    }

    deinit { bytes.deallocate() }

    /// The contents as floats.
    public var floats: UnsafeMutablePointer<Float> { bytes.assumingMemoryBound(to: Float.self) }
}
