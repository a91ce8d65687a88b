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
    /// The buffer that this one is a part of.
    private let whole: AlignedBuffer?

    private static let hugePageByteCount = 2 << 20

    /// Allocates `byteCount` bytes, uninitialised.
    public init(byteCount: Int) {
        self.byteCount = byteCount
        whole = nil
        // Large pages, where the system has them for the asking: a fault clears 2 MB instead of 4 KB, and a panel that is
        // read from end to end costs no look-up of addresses every 4 KB.
        let isLarge = byteCount >= 2 * Self.hugePageByteCount
        bytes = Self.allocate(byteCount, alignment: isLarge ? Self.hugePageByteCount : 64)
        #if os(Linux)
            if isLarge { madvise(bytes, byteCount / Self.hugePageByteCount * Self.hugePageByteCount, MADV_HUGEPAGE) }
        #endif
    }

    /// Allocates room for `floatCount` floats, uninitialised.
    public convenience init(floatCount: Int) {
        self.init(byteCount: floatCount * MemoryLayout<Float>.stride)
    }

    /// A part of another buffer, which lives as long.
    ///
    /// - Parameters:
    ///   - whole: The other buffer.
    ///   - byteOffset: Where the part begins, a multiple of 64.
    ///   - byteCount: Its size.
    package init(partOf whole: AlignedBuffer, byteOffset: Int, byteCount: Int) {
        precondition(byteOffset % 64 == 0, "a part is aligned as its whole is")
        precondition(byteOffset >= 0 && byteCount >= 0 && byteOffset + byteCount <= whole.byteCount, "a part fits")
        self.byteCount = byteCount
        self.whole = whole
        bytes = whole.bytes + byteOffset
    }

    deinit { if whole == nil { Self.deallocate(bytes, byteCount) } }

    /// The contents as floats.
    public var floats: UnsafeMutablePointer<Float> { bytes.assumingMemoryBound(to: Float.self) }
}

#if canImport(Glibc) || canImport(Musl) || canImport(Darwin)
    extension AlignedBuffer {
        /// From this size on memory comes from the system itself, and goes back to it with the buffer. The C library would
        /// soon keep even large blocks, and where buffers of many sizes come and go, leave holes between them that nothing
        /// fits.
        private static let leastMappedByteCount = 1 << 20

        private static func allocate(_ byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer {
            if byteCount < leastMappedByteCount {
                return .allocate(byteCount: max(byteCount, 64), alignment: alignment)
            }
            // Pages are aligned already to what is less than they are. What more takes beside them goes back at once.
            let length = mappedLength(byteCount)
            let slack = alignment > 64 ? alignment : 0
            guard let start = mmap(nil, length + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0),
                start != MAP_FAILED
            else { fatalError("the system has no \(byteCount) bytes of memory") }
            let aligned = start.alignedUp(toMultipleOf: alignment)
            let before = aligned - start
            if before > 0 { munmap(start, before) }
            if slack > before { munmap(aligned + length, slack - before) }
            return aligned
        }

        private static func deallocate(_ bytes: UnsafeMutableRawPointer, _ byteCount: Int) {
            if byteCount < leastMappedByteCount {
                bytes.deallocate()
            } else {
                munmap(bytes, mappedLength(byteCount))
            }
        }

        private static func mappedLength(_ byteCount: Int) -> Int {
            let page = Int(getpagesize())
            return (byteCount + page - 1) / page * page
        }
    }
#else
    extension AlignedBuffer {
        private static func allocate(_ byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer {
            .allocate(byteCount: max(byteCount, 64), alignment: alignment)
        }

        private static func deallocate(_ bytes: UnsafeMutableRawPointer, _: Int) { bytes.deallocate() }
    }
#endif

/// Cuts many buffers out of few large ones, so that small weight matrices lie on large pages too.
public final class BufferArena {
    /// The end of a chunk wastes a part of a large page, so chunks aren't small; and the last may stay empty for the most part, so
    /// they aren't large.
    private static let largestChunkByteCount = 64 << 20
    /// What is larger stands alone, so that little is left over where a buffer doesn't fit into a chunk any more: address space is
    /// limited too.
    private static let largestPartByteCount = 16 << 20
    private let partLimit: Int
    /// What is still to be taken.
    private var expectedByteCount: Int
    private var chunk: AlignedBuffer?
    private var usedByteCount = 0

    /// An arena without memory.
    ///
    /// - Parameter expectedByteCount: What will be taken in all, so that a small amount doesn't get a large piece of memory.
    public init(expectedByteCount: Int = .max) {
        self.expectedByteCount = max(expectedByteCount, 0)
        partLimit = min(Self.largestPartByteCount, self.expectedByteCount / 2)
    }

    /// A buffer of `floatCount` floats, uninitialised. It keeps the memory that it is cut out of.
    public func allocate(floatCount: Int) -> AlignedBuffer {
        let byteCount = floatCount * MemoryLayout<Float>.stride
        defer { expectedByteCount = max(expectedByteCount - byteCount, 0) }
        if byteCount > partLimit { return AlignedBuffer(byteCount: byteCount) }
        if let chunk, usedByteCount + byteCount <= chunk.byteCount { return part(of: chunk, byteCount) }
        let next = AlignedBuffer(byteCount: min(Self.largestChunkByteCount, max(expectedByteCount, byteCount)))
        (chunk, usedByteCount) = (next, 0)
        return part(of: next, byteCount)
    }

    private func part(of chunk: AlignedBuffer, _ byteCount: Int) -> AlignedBuffer {
        defer { usedByteCount += (byteCount + 63) / 64 * 64 }
        return AlignedBuffer(partOf: chunk, byteOffset: usedByteCount, byteCount: byteCount)
    }
}
