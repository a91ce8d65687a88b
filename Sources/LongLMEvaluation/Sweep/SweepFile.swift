import Foundation

/// A sweep's rows in a file of JSON lines: the header, then a row a line, each written as soon as it is known.
///
/// A process that is killed leaves whole lines and at most one incomplete line. Resuming the sweep removes that one.
public final class SweepFile<Header: SweepHeader> {
    /// The rows that the file held when it was opened.
    public let rows: [Header.Row]
    private let path: String
    private let handle: FileHandle

    /// Opens a file for a sweep.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - header: The sweep's header.
    ///   - cells: The sweep's cells. Each row must be one of them.
    ///   - resumes: Whether to keep the rows that the file has. Otherwise a file that isn't empty is refused.
    /// - Throws: ``EvaluationError`` when the file can't be written, is in use, or holds anything but rows of this sweep.
    public init(
        path: String, header: Header, cells: Set<Header.Row.Key>, resumes: Bool
    ) throws(EvaluationError) {
        self.path = path
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o644)
        guard descriptor >= 0 else {
            throw .file(path, reason: "can't be written: \(String(cString: strerror(errno)))")
        }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        // A pipe or a device may never end, and can't be resumed.
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .file(path, reason: "is not a regular file")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw .file(path, reason: "is being written by another process")
        }
        let contents: Data
        do {
            contents = try handle.readToEnd() ?? Data()
        } catch { throw .file(path, reason: "can't be read") }
        guard resumes || contents.isEmpty else {
            throw .file(path, reason: "exists already; go on with --resume, or name another file")
        }
        // A process that was killed may have left an incomplete line after the last line break.
        let end = contents.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let firstLine = try jsonLine(header)
        if end == 0 {
            // Empty, or an incomplete header. Anything else is a file that isn't ours.
            guard Data(firstLine.utf8).starts(with: contents) else {
                throw .malformedLine(file: path, line: 1, reason: "is no header of a \(Header.sweepName)")
            }
            rows = []
        } else {
            let log = try SweepLog<Header>(contents[..<end], path: path)
            if let difference = header.difference(from: log.header, ignoresShard: false) {
                throw .differentSweeps(file: path, reason: "belongs to a sweep that differs in \(difference)")
            }
            for (index, row) in log.rows.enumerated() where !cells.contains(row.key) {
                throw .malformedLine(file: path, line: index + 2, reason: "is no row of this sweep")
            }
            rows = log.rows
        }
        do {
            try handle.truncate(atOffset: UInt64(end))
            try handle.seekToEnd()
        } catch { throw .file(path, reason: "can't be written") }
        if end == 0 { try write(firstLine) }
    }

    /// Adds a row.
    ///
    /// - Throws: ``EvaluationError/file(_:reason:)``.
    public func add(_ row: Header.Row) throws(EvaluationError) { try write(try LongLMEvaluation.jsonLine(row)) }

    private func write(_ line: String) throws(EvaluationError) {
        do {
            // In one call, so that a process that is killed leaves at most one incomplete line.
            try handle.write(contentsOf: Data(line.utf8))
            try handle.synchronize()
        } catch { throw .file(path, reason: "can't be written") }
    }
}
