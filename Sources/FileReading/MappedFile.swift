#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The bytes of a file, mapped read-only, or of an array.
///
/// When another process truncates a file while it is mapped, reading past the new end ends this process: no program can
/// catch that. So a file should be replaced by renaming another one, as `SafetensorsWriter` does.
///
/// `@unchecked Sendable`: constant after initialisation.
package final class MappedFile: @unchecked Sendable {
    package let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool

    /// Maps a regular file.
    ///
    /// - Throws: ``FileError`` with what the system says, or `not a regular file`.
    package init(path: String) throws(FileError) {
        // Without O_NONBLOCK, opening a named pipe waits for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(path: path, reason: systemReason()) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError(path: path, reason: systemReason()) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(path: path, reason: "not a regular file") }
        let count = Int(status.st_size)
        if count == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            isMapped = false
            return
        }
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw FileError(path: path, reason: systemReason())
        }
        bytes = UnsafeRawBufferPointer(start: start, count: count)
        isMapped = true
    }

    /// Keeps a copy of an array.
    package init(copying array: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: array.count, alignment: 64)
        copy.copyBytes(from: array)
        bytes = UnsafeRawBufferPointer(copy)
        isMapped = false
    }

    deinit {
        if isMapped {
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        } else {
            bytes.deallocate()
        }
    }

    /// Gives the memory of the whole pages within `range` back to the system, which reads them again when they are used.
    package func discardResidentPages(_ range: Range<Int>) {
        guard isMapped, let base = bytes.baseAddress else { return }
        let pageSize = Int(getpagesize())
        let first = (range.lowerBound + pageSize - 1) / pageSize * pageSize
        let last = range.upperBound / pageSize * pageSize
        if first < last {
            // Only a hint. Where the system ignores it, the pages stay in memory, and nothing else changes.
            madvise(UnsafeMutableRawPointer(mutating: base + first), last - first, MADV_DONTNEED)
        }
    }
}
