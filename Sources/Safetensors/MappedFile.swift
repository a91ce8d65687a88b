#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The bytes of a file, mapped read-only, or of an array.
///
/// A mapping follows its file: when another process truncates that while it is mapped, reading past the new end is an
/// error that no program can catch. Replace files by renaming, as ``SafetensorsWriter`` does.
///
/// `@unchecked Sendable`: constant after initialisation.
final class MappedFile: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool

    /// Maps a file.
    init(path: String) throws(SafetensorsError) {
        // Without O_NONBLOCK the opening of a named pipe waits for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .unreadable(file: path, reason: systemReason()) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(file: path, reason: systemReason()) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(file: path, reason: "not a regular file") }
        let count = Int(status.st_size)
        if count == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            isMapped = false
            return
        }
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw .unreadable(file: path, reason: systemReason())
        }
        bytes = UnsafeRawBufferPointer(start: start, count: count)
        isMapped = true
    }

    /// Keeps a copy of an array.
    init(copying array: [UInt8]) {
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

    /// Gives the memory of the whole pages within `range` back; they are read again on demand.
    func discardResidentPages(_ range: Range<Int>) {
        guard isMapped, let base = bytes.baseAddress else { return }
        let pageSize = Int(getpagesize())
        let first = (range.lowerBound + pageSize - 1) / pageSize * pageSize
        let last = range.upperBound / pageSize * pageSize
        if first < last {
            // A hint: when the system doesn't take it, nothing but memory is lost.
            madvise(UnsafeMutableRawPointer(mutating: base + first), last - first, MADV_DONTNEED)
        }
    }
}

/// What the last failed system call says of its reason.
func systemReason() -> String { String(cString: strerror(errno)) }

/// Whether a path leads to something.
func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }
