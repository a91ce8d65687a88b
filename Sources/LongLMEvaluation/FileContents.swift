import Foundation

/// The bytes of a file.
func readFile(_ path: String) throws(EvaluationError) -> Data {
    do {
        return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
        throw .file(path, reason: FileManager.default.fileExists(atPath: path) ? "can't be read" : "no such file")
    }
}

/// The lines of a file, empty ones included, so that their numbers are those of an editor.
func fileLines(_ contents: Data) -> [Data] {
    var lines = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
}
