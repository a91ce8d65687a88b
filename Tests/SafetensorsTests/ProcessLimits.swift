import Foundation
import Testing

#if canImport(Glibc)
    typealias Resource = __rlimit_resource
#else
    typealias Resource = Int32
#endif

/// Lowers a limit of this process. For exit tests, which have a process of their own.
func lowerLimit(_ resource: Resource, to value: Int) throws {
    #if canImport(Glibc)
        let resource = __rlimit_resource_t(resource.rawValue)
    #endif
    var limit = rlimit()
    try #require(getrlimit(resource, &limit) == 0)
    limit.rlim_cur = rlim_t(value)
    try #require(setrlimit(resource, &limit) == 0)
}

/// Makes every allocation fail, and so end the process, that takes its memory 64 MB over what it has now.
///
/// A limit sees what a measurement of resident memory doesn't: memory that is asked for and never touched, and it
/// doesn't count the pages of mapped files, which the system takes back at will. 64 MB are far below the sizes that
/// the files of these tests claim, and leave room for the stacks of the test library's threads.
func limitMemory() throws {
    // Elsewhere the system doesn't enforce such a limit.
    #if os(Linux)
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmData:") })
        // Spaces fill the column of a small number only.
        let kilobytes = try #require(line.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first)
        // A sanitizer (.ci/sanitize) keeps what was freed for a while.
        let room = ProcessInfo.processInfo.environment["LONGLM_SANITIZER"] == nil ? 64 << 20 : 1 << 30
        try lowerLimit(RLIMIT_DATA, to: kilobytes * 1024 + room)
    #endif
}
