import Foundation
import TestSupport
import Testing

/// One finished run of the command.
struct Run {
    let status: Int32
    let output: String
    let errors: String

    /// What standard error holds, line by line.
    var errorLines: [Substring] { errors.split(separator: "\n") }

    /// Standard output, decoded.
    func json<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(output.utf8))
    }
}

/// The built executable, beside the tests.
func executable() throws -> URL {
    let tests = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    let besideTests = tests.appending(path: "longlm")
    if FileManager.default.isExecutableFile(atPath: besideTests.path(percentEncoded: false)) { return besideTests }
    // On macOS the tests are a bundle that another program runs.
    let build = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../.build/release/longlm")
    return try #require(
        FileManager.default.isExecutableFile(atPath: build.path(percentEncoded: false)) ? build : nil)
}

/// Starts the command.
func start(_ arguments: [String], environment: [String: String] = [:], input: FileHandle? = nil) throws -> Process {
    let process = Process()
    process.executableURL = try executable()
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = input ?? FileHandle.nullDevice
    return process
}

/// Runs the command to its end.
///
/// Output goes through files, because a pipe that nobody empties would stop the command.
func longlm(_ arguments: [String], environment: [String: String] = [:], input: String = "") throws -> Run {
    let directory = try TemporaryDirectory()
    func open(_ name: String, _ contents: String) throws -> FileHandle {
        try FileHandle(forUpdating: URL(filePath: directory.write(contents, to: name)))
    }
    let process = try start(arguments, environment: environment, input: open("input", input))
    process.standardOutput = try open("output", "")
    process.standardError = try open("errors", "")
    try process.run()
    process.waitUntilExit()
    return Run(
        status: process.terminationStatus,
        output: try String(contentsOfFile: directory.file("output"), encoding: .utf8),
        errors: try String(contentsOfFile: directory.file("errors"), encoding: .utf8))
}

#if os(Linux)
    /// Runs the command with standard output and standard error on a terminal of a width.
    ///
    /// - Returns: What the terminal got.
    func longlmOnTerminal(
        _ arguments: [String], columnCount: UInt16 = 80
    ) throws -> (status: Int32, text: String) {
        // Glibc's module has none of the functions for this.
        let (unlock, getNumber) = (UInt(0x4004_5431), UInt(0x8004_5430))
        let own = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try #require(own >= 0)
        defer { close(own) }
        var (isLocked, number) = (CInt(0), CInt(0))
        try #require(ioctl(own, unlock, &isLocked) == 0 && ioctl(own, getNumber, &number) == 0)
        let other = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        try #require(other >= 0)
        var size = winsize(ws_row: 24, ws_col: columnCount, ws_xpixel: 0, ws_ypixel: 0)
        try #require(ioctl(other, UInt(TIOCSWINSZ), &size) == 0)
        let process = try start(arguments)
        let handle = FileHandle(fileDescriptor: other, closeOnDealloc: false)
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        close(other)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        // Once the command has ended, reading fails.
        while true {
            let count = read(own, &buffer, buffer.count)
            if count <= 0 { break }
            bytes += buffer[..<count]
        }
        process.waitUntilExit()
        // A terminal puts a carriage return before each line break.
        let text = String(decoding: bytes, as: UTF8.self).replacingOccurrences(of: "\r\n", with: "\n")
        return (process.terminationStatus, text)
    }
#endif

/// The small model with reference outputs.
let llama = Fixtures.path("reference/llama")
