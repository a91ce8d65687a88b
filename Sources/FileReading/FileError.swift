#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that can't be read, and why. Each module turns it into an error of its own.
package struct FileError: Error, Equatable, Sendable {
    /// The path, as it was given.
    package let path: String
    /// Why, in words that follow the path and a colon: `no such file`.
    package let reason: String
}

/// What the system says of its last failed call.
package func systemReason() -> String { String(cString: strerror(errno)) }

/// Whether a path leads to something.
package func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }
