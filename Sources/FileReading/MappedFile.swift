#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The bytes of a file, mapped read-only, or of an array.
///
/// When another process truncates a file while it is mapped, touching ``bytes`` past the new end ends this process. So what is
/// copied anyway is read with ``read(_:into:)``, which throws instead. A file should be replaced by renaming another one, as
/// `SafetensorsWriter` does.
///
/// `@unchecked Sendable`: constant after initialisation.
package final class MappedFile: @unchecked Sendable {
    package let bytes: UnsafeRawBufferPointer
    private let path: String
    /// The open file; nil for an array, and for an empty file.
    private let descriptor: Int32?

    /// Maps a regular file.
    ///
    /// - Throws: ``FileError`` with what the system says, or `not a regular file`.
    package init(path: String) throws(FileError) {
        // Without O_NONBLOCK, opening a named pipe waits for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(path: path, reason: systemReason()) }
        var keepsDescriptor = false
        defer { if !keepsDescriptor { close(descriptor) } }
        self.path = path
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError(path: path, reason: systemReason()) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(path: path, reason: "not a regular file") }
        let count = Int(status.st_size)
        if count == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            self.descriptor = nil
            return
        }
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw FileError(path: path, reason: systemReason())
        }
        bytes = UnsafeRawBufferPointer(start: start, count: count)
        self.descriptor = descriptor
        keepsDescriptor = true
    }

    /// Keeps a copy of an array.
    package init(copying array: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: array.count, alignment: 64)
        copy.copyBytes(from: array)
        bytes = UnsafeRawBufferPointer(copy)
        path = ""
        descriptor = nil
    }

    deinit {
        if let descriptor {
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
            close(descriptor)
        } else {
            bytes.deallocate()
        }
    }

    /// Copies bytes.
    ///
    /// - Parameters:
    ///   - range: Which ones; they lie within ``bytes``.
    ///   - target: Where they go: as many bytes.
    /// - Throws: ``FileError`` when the system can't read them, or the file has been truncated.
    package func read(_ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws(FileError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "the file has these bytes")
        precondition(range.count == target.count, "the target has room for the bytes")
        guard let descriptor else { return target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range])) }
        var done = 0
        while done < range.count {
            let count = pread(
                descriptor, target.baseAddress.map { $0 + done }, range.count - done, off_t(range.lowerBound + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError(path: path, reason: "can't be read: \(systemReason())")
            }
            guard count > 0 else { throw FileError(path: path, reason: "was truncated while it was read") }
            done += count
        }
    }

    /// Copies bytes to an array.
    ///
    /// - Parameter range: Which ones; they lie within ``bytes``.
    /// - Throws: ``FileError``, as ``read(_:into:)``.
    package func read(_ range: Range<Int>) throws(FileError) -> [UInt8] {
        // The standard library shares one empty array, and would write to it here.
        if range.isEmpty { return [] }
        var failure: FileError?
        let array = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            do throws(FileError) {
                try read(
                    range,
                    into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
                )
                count = range.count
            } catch { failure = error }
        }
        if let failure { throw failure }
        return array
    }

    /// Gives the memory of the whole pages within `range` back to the system, which reads them from the file again when they
    /// are used. An array keeps its bytes.
    package func discardResidentPages(_ range: Range<Int>) {
        if descriptor != nil { givePagesBack(range) }
    }

    /// Gives the memory of the whole pages within `range` of an array back to the system. Their bytes are lost. A file keeps
    /// its bytes.
    package func loseArrayPages(_ range: Range<Int>) {
        if descriptor == nil { givePagesBack(range) }
    }

    private func givePagesBack(_ range: Range<Int>) {
        guard let base = bytes.baseAddress else { return }
        let pageSize = UInt(getpagesize())
        let first = (UInt(bitPattern: base + range.lowerBound) + pageSize - 1) / pageSize * pageSize
        let end = UInt(bitPattern: base + range.upperBound) / pageSize * pageSize
        // Only a hint. Where the system ignores it, the pages stay in memory, and nothing else changes.
        if first < end { madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), MADV_DONTNEED) }
    }
}
