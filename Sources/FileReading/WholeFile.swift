#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads all bytes of a file that is small enough to be copied: a configuration, a tokenizer, a text. A pipe will do.
///
/// - Parameters:
///   - path: The file.
///   - maximumByteCount: A larger file is refused. Without a bound, `/dev/zero` would fill the memory.
/// - Throws: ``FileError`` with the reason `no such file`, `is a directory`, `has more than … bytes`, or `can't be read`
///   and what the system says of it.
package func readWholeFile(_ path: String, maximumByteCount: Int = 1 << 30) throws(FileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    // A regular file has a size, which spares the copies of a growing array. It is no more than a hint: a file of holes
    // claims any size, and a pipe none.
    var status = stat()
    let expected = fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(max(expected, 0), 1 << 26))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    while true {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        if count == 0 { return bytes }
        if count < 0 {
            if errno == EINTR { continue }
            throw failure(path)
        }
        guard bytes.count + count <= maximumByteCount else {
            throw FileError(path: path, reason: "has more than \(maximumByteCount) bytes")
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
}

private func failure(_ path: String) -> FileError {
    let reason =
        switch errno {
        case ENOENT, ENOTDIR: "no such file"
        case EISDIR: "is a directory"
        default: "can't be read: \(systemReason())"
        }
    return FileError(path: path, reason: reason)
}
