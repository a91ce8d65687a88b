#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that is being written.
///
/// A regular file is written under a temporary name in its folder and takes its place with ``finish()``. So a reader sees
/// either the whole file or what was there before. Symbolic links are followed: the file that they lead to is replaced.
/// What isn't a regular file, such as a device or a pipe, is written to as it is.
package final class OutputFile {
    private let path: String
    private let descriptor: Int32
    /// The temporary name, and the name that it will get, as the system's bytes: a link may lead to a path that isn't UTF-8.
    /// Nil for what is written in place.
    private let names: (temporary: [CChar], final: [CChar])?
    private var isFinished = false

    /// Begins to write.
    ///
    /// - Throws: ``FileError``, with the path as it was given.
    package init(path: String) throws(FileError) {
        self.path = path
        let (place, mode) = try Self.place(of: path)
        guard let place else {
            names = nil
            descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw FileError(path: path, reason: systemReason()) }
            return
        }
        // A random name: neither another writer nor the remains of a killed one can be in the way. It's a short one, since
        // the file's own may be as long as the system allows.
        let name = ".longlm-\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).partial"
        let folder = place.lastIndex(of: CChar(bitPattern: UInt8(ascii: "/"))).map { place[...$0] } ?? []
        let temporary = Array(folder) + name.utf8CString
        names = (temporary, place)
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileError(path: path, reason: systemReason()) }
        // It keeps the permissions of the file that it replaces, but for those that lend its owner's or group's rights: the
        // new file may belong to another.
        if let mode { fchmod(descriptor, mode & 0o777) }
    }

    deinit {
        if isFinished { return }
        close(descriptor)
        if let names { unlink(names.temporary) }
    }

    /// Where the file itself is that a path leads to, and its mode if it exists.
    ///
    /// - Returns: its path as a C string, but none for what exists and isn't a regular file.
    private static func place(of path: String) throws(FileError) -> (place: [CChar]?, mode: mode_t?) {
        var status = stat()
        if stat(path, &status) == 0 {
            switch status.st_mode & S_IFMT {
            case S_IFREG:
                guard let real = realpath(path, nil) else { throw FileError(path: path, reason: systemReason()) }
                defer { free(real) }
                return (Array(UnsafeBufferPointer(start: real, count: strlen(real) + 1)), status.st_mode)
            case S_IFDIR: throw FileError(path: path, reason: String(cString: strerror(EISDIR)))
            default: return (nil, nil)
            }
        }
        guard errno == ENOENT, !path.isEmpty else { throw FileError(path: path, reason: systemReason()) }
        // Nothing is there, or a link to a file that doesn't exist yet.
        let slash = CChar(bitPattern: UInt8(ascii: "/"))
        var place = Array(path.utf8CString)
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        for _ in 0..<40 {
            let count = readlink(place, &buffer, buffer.count)
            guard count > 0 else { return (place, nil) }
            let isAbsolute = buffer[0] == slash
            let folder = place.lastIndex(of: slash).map { place[...$0] } ?? []
            place = (isAbsolute ? [] : folder) + buffer[..<count] + [0]
        }
        throw FileError(path: path, reason: "too many levels of symbolic links")
    }

    /// Appends bytes.
    ///
    /// - Throws: ``FileError``.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        var rest = bytes
        while !rest.isEmpty {
            #if canImport(Glibc)
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            #elseif canImport(Musl)
                let count = Musl.write(descriptor, rest.baseAddress, rest.count)
            #else
                let count = Darwin.write(descriptor, rest.baseAddress, rest.count)
            #endif
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError(path: path, reason: systemReason())
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Puts the file in its place. Without this call, nothing replaces what was there.
    ///
    /// - Throws: ``FileError``; a regular file is then as before.
    package func finish() throws(FileError) {
        isFinished = true
        var isComplete = true
        // It must be on the disk before it replaces another file: then a loss of power leaves one of the two. Pipes and
        // many devices have no disk.
        if names != nil { isComplete = fsync(descriptor) == 0 }
        var reason = systemReason()
        if close(descriptor) != 0, isComplete {
            isComplete = false
            reason = systemReason()
        }
        guard let names else {
            if !isComplete { throw FileError(path: path, reason: reason) }
            return
        }
        if isComplete {
            if rename(names.temporary, names.final) == 0 { return }
            reason = systemReason()
        }
        unlink(names.temporary)
        throw FileError(path: path, reason: reason)
    }
}

/// Writes a whole file; see ``OutputFile``.
///
/// - Throws: ``FileError``.
package func writeWholeFile(_ bytes: [UInt8], to path: String) throws(FileError) {
    let file = try OutputFile(path: path)
    try bytes.withUnsafeBufferPointer { (bytes) throws(FileError) in try file.write(UnsafeRawBufferPointer(bytes)) }
    try file.finish()
}

/// Whether ``OutputFile`` could write there, so that a long work isn't begun in vain.
///
/// - Throws: ``FileError``.
package func checkWritable(_ path: String) throws(FileError) {
    var status = stat()
    if stat(path, &status) == 0, ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) {
        // A pipe isn't opened: that would wait for a reader, and end what it reads.
        guard access(path, W_OK) == 0 else { throw FileError(path: path, reason: systemReason()) }
        return
    }
    // The temporary file is made and removed.
    _ = try OutputFile(path: path)
}
