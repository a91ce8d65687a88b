import Foundation

/// A sweep's rows in a file of JSON lines: the header, then a row a line, each written as soon as it is known.
///
/// A process that is killed leaves whole lines and at most one incomplete line. Resuming the sweep removes that one.
public final class NeedleFile {
    /// The rows that the file held when it was opened.
    public let rows: [NeedleRow]
    private let path: String
    private let handle: FileHandle

    /// Opens a file for a sweep.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - header: The sweep's header.
    ///   - sweep: The sweep, whose cells the rows must be.
    ///   - resumes: Whether to keep the rows that the file has. Otherwise a file that isn't empty is refused.
    /// - Throws: ``EvaluationError`` when the file can't be written, is in use, or holds anything but rows of this sweep.
    public init(
        path: String, header: NeedleHeader, sweep: NeedleSweep, resumes: Bool
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
        let firstLine = try header.jsonLine()
        if end == 0 {
            // Empty, or an incomplete header. Anything else is a file that isn't ours.
            guard Data(firstLine.utf8).starts(with: contents) else {
                throw .malformedLine(file: path, line: 1, reason: "is no header of a needle sweep")
            }
            rows = []
        } else {
            let log = try NeedleLog(contents[..<end], path: path)
            if let difference = header.difference(from: log.header, ignoresShard: false) {
                throw .differentSweeps(file: path, reason: "belongs to a sweep that differs in \(difference)")
            }
            let cells = Set(sweep.cells.map(\.key))
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
    public func add(_ row: NeedleRow) throws(EvaluationError) { try write(try row.jsonLine()) }

    private func write(_ line: String) throws(EvaluationError) {
        do {
            // In one call, so that a process that is killed leaves at most one incomplete line.
            try handle.write(contentsOf: Data(line.utf8))
            try handle.synchronize()
        } catch { throw .file(path, reason: "can't be written") }
    }
}

/// The contents of a file of rows.
public struct NeedleLog: Sendable {
    /// What the sweep was made from.
    public var header: NeedleHeader
    /// Its rows.
    public var rows: [NeedleRow]

    /// A log of a header and rows.
    public init(header: NeedleHeader, rows: [NeedleRow]) {
        self.header = header
        self.rows = rows
    }

    /// Reads a file.
    ///
    /// - Throws: ``EvaluationError/malformedLine(file:line:reason:)`` for a line that is no complete row, or a row that
    ///   occurs twice.
    public init(contentsOfFile path: String) throws(EvaluationError) {
        try self.init(try readFile(path)[...], path: path)
    }

    init(_ contents: Data.SubSequence, path: String) throws(EvaluationError) {
        let lines = fileLines(contents)
        guard !contents.isEmpty else { throw .file(path, reason: "is empty") }
        func decode<Value: Decodable>(_ type: Value.Type, _ index: Int, _ what: String) throws(EvaluationError) -> Value
        {
            do {
                return try JSONDecoder().decode(type, from: lines[index])
            } catch {
                let isCut = index == lines.count - 1 && contents.last != UInt8(ascii: "\n")
                throw .malformedLine(
                    file: path, line: index + 1,
                    reason: isCut ? "is cut off; go on with the sweep by --resume" : "is no \(what)")
            }
        }
        header = try decode(NeedleHeader.self, 0, "header of a needle sweep")
        guard header.format == NeedleHeader.currentFormat else {
            throw .malformedLine(file: path, line: 1, reason: "has the unknown format \(header.format)")
        }
        rows = []
        var seen: Set<NeedleRow.Key> = []
        for index in lines.indices.dropFirst() {
            let row = try decode(NeedleRow.self, index, "row of a needle sweep")
            guard header.settings.contains(row.setting), header.lengths.contains(row.length),
                header.depths.contains(row.depth)
            else { throw .malformedLine(file: path, line: index + 1, reason: "is no row of this sweep") }
            guard seen.insert(row.key).inserted else {
                throw .malformedLine(file: path, line: index + 1, reason: "repeats a row")
            }
            rows.append(row)
        }
    }

    /// Joins parts of one sweep.
    ///
    /// - Parameter files: The parts' paths.
    /// - Returns: The whole sweep, with its rows in the order of a single run, and the number of missing rows.
    /// - Throws: ``EvaluationError`` when a file can't be read, when sweeps differ, or when two files have the same row.
    public static func merge(_ files: [String]) throws(EvaluationError) -> (log: NeedleLog, missingCount: Int) {
        var merged: NeedleLog?
        var rows: [NeedleRow.Key: NeedleRow] = [:]
        for file in files {
            let log = try NeedleLog(contentsOfFile: file)
            if let difference = merged?.header.difference(from: log.header, ignoresShard: true) {
                throw .differentSweeps(
                    file: file, reason: "belongs to a sweep that differs from that of \(files[0]) in \(difference)")
            }
            for row in log.rows {
                guard rows.updateValue(row, forKey: row.key) == nil else {
                    throw .differentSweeps(
                        file: file,
                        reason: "has the row of \(row.setting) at \(row.length) tokens, \(row.depth) %, as another file"
                    )
                }
            }
            merged = merged ?? log
        }
        guard var merged else { throw .invalidSetting("there is no file to merge") }
        merged.header.shard = nil
        let expectedCount =
            merged.header.lengths.count * merged.header.depths.count * merged.header.settings.count
        merged.rows = rows.values.sorted { $0.cell < $1.cell }
        return (merged, expectedCount - rows.count)
    }

    /// The file's contents: the header and the rows as JSON, one per line.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when a value is not a number.
    public func jsonLines() throws(EvaluationError) -> String {
        var lines = try header.jsonLine()
        for row in rows { lines += try row.jsonLine() }
        return lines
    }
}

extension NeedleRow {
    /// The row as JSON, with a line break.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when its log-likelihood is not a number.
    public func jsonLine() throws(EvaluationError) -> String { try LongLMEvaluation.jsonLine(self) }
}

extension NeedleHeader {
    /// The header as JSON, with a line break.
    func jsonLine() throws(EvaluationError) -> String { try LongLMEvaluation.jsonLine(self) }
}

/// A value as JSON in one line, with its keys in order, so that equal values have equal bytes.
private func jsonLine(_ value: some Encodable) throws(EvaluationError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    } catch { throw .invalidSetting("a result is no number; the model's weights may be damaged") }
}
