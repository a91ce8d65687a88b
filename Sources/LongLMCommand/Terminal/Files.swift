internal import FileReading
import Foundation

/// The UTF-8 text of a file, or of standard input.
func readText(_ file: String?) throws(CommandError) -> String {
    let name = file ?? "standard input"
    let bytes: [UInt8]
    if let file {
        bytes = try readFile(file)
    } else {
        do {
            bytes = [UInt8](try FileHandle.standardInput.readToEnd() ?? Data())
        } catch { throw .invalidInput("\(name): can't be read") }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw .invalidInput("\(name): is not UTF-8 text")
    }
    return text
}

/// Reads a whole file, with the command's error.
func readFile(_ path: String) throws(CommandError) -> [UInt8] {
    do throws(FileError) {
        return try readWholeFile(path)
    } catch { throw .invalidInput("\(error.path): \(error.reason)") }
}

/// A file or folder of Fixtures: in the working directory, or else installed with the command, or else in the clone that
/// the command was built in.
func fixture(_ name: String) -> String {
    let here = "Fixtures/" + name
    if FileManager.default.fileExists(atPath: here) { return here }
    // A release has bin/longlm and share/longlm.
    if let command = Bundle.main.executableURL?.resolvingSymlinksInPath() {
        let installed = command.deletingLastPathComponent().appendingPathComponent("../share/longlm/" + name)
            .standardizedFileURL.path
        if FileManager.default.fileExists(atPath: installed) { return installed }
    }
    return URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../Fixtures/" + name).standardizedFileURL.path
}

/// Writes a file as a whole: a regular file never holds a part of the contents.
func writeFile(_ contents: Data, to path: String) throws(CommandError) {
    do throws(FileError) {
        try writeWholeFile([UInt8](contents), to: path)
    } catch { throw .invalidInput("\(error.path): can't be written: \(error.reason)") }
}

/// Makes a directory, and those above it, unless it exists.
func makeDirectory(_ path: String) throws(CommandError) {
    do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch { throw .invalidInput("\(path): can't be made a directory") }
}

/// Refuses a path where a file can't be written, before the work whose result goes there.
func checkOutput(_ path: String?) throws(CommandError) {
    guard let path else { return }
    do throws(FileError) {
        try checkWritable(path)
    } catch { throw .invalidInput("\(error.path): can't be written: \(error.reason)") }
}
