internal import FileReading
import Foundation

/// Reads a whole file, with this module's error.
func readFile(_ path: String, maximumByteCount: Int = 1 << 30) throws(EvaluationError) -> Data {
    do throws(FileError) {
        return Data(try readWholeFile(path, maximumByteCount: maximumByteCount))
    } catch { throw .file(error.path, reason: error.reason) }
}

/// The lines of a file, empty ones included, so that their numbers are those of an editor.
func fileLines(_ contents: Data) -> [Data] {
    var lines = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
}
