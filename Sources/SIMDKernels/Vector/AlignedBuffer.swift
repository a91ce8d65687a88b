#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

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

    private static let hugePageByteCount = 2 << 20

    /// Allocates `byteCount` bytes, uninitialised.
    public init(byteCount: Int) {
        self.byteCount = byteCount
        // Large pages, where the system has them for the asking: a fault clears 2 MB instead of 4 KB, and a panel that is
        // read from end to end costs no look-up of addresses every 4 KB.
        let isLarge = byteCount >= 2 * Self.hugePageByteCount
        bytes = .allocate(byteCount: max(byteCount, 64), alignment: isLarge ? Self.hugePageByteCount : 64)
        #if os(Linux)
            if isLarge { madvise(bytes, byteCount / Self.hugePageByteCount * Self.hugePageByteCount, MADV_HUGEPAGE) }
        #endif
    }

    /// Allocates room for `floatCount` floats, uninitialised.
    public convenience init(floatCount: Int) {
        self.init(byteCount: floatCount * MemoryLayout<Float>.stride)
    }

    deinit { bytes.deallocate() }

    /// The contents as floats.
    public var floats: UnsafeMutablePointer<Float> { bytes.assumingMemoryBound(to: Float.self) }
}
