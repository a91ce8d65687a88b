import Foundation

/// The contents of a file of rows.
public struct SweepLog<Header: SweepHeader>: Sendable {
    /// What the sweep was made from.
    public var header: Header
    /// Its rows.
    public var rows: [Header.Row]

    /// A log of a header and rows.
    public init(header: Header, rows: [Header.Row]) {
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
        header = try decode(Header.self, 0, "header of a \(Header.sweepName)")
        guard header.format == Header.currentFormat else {
            throw .malformedLine(file: path, line: 1, reason: "has the unknown format \(header.format)")
        }
        rows = []
        var seen: Set<Header.Row.Key> = []
        for index in lines.indices.dropFirst() {
            let row = try decode(Header.Row.self, index, "row of a \(Header.sweepName)")
            guard header.contains(row) else {
                throw .malformedLine(file: path, line: index + 1, reason: "is no row of this sweep")
            }
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
    public static func merge(_ files: [String]) throws(EvaluationError) -> (log: SweepLog, missingCount: Int) {
        var merged: SweepLog?
        var rows: [Header.Row.Key: Header.Row] = [:]
        for file in files {
            let log = try SweepLog(contentsOfFile: file)
            if let difference = merged?.header.difference(from: log.header, ignoresShard: true) {
                throw .differentSweeps(
                    file: file, reason: "belongs to a sweep that differs from that of \(files[0]) in \(difference)")
            }
            for row in log.rows {
                guard rows.updateValue(row, forKey: row.key) == nil else {
                    throw .differentSweeps(file: file, reason: "has the row of \(row.place), as another file")
                }
            }
            merged = merged ?? log
        }
        guard var merged else { throw .invalidSetting("there is no file to merge") }
        merged.header.shard = nil
        merged.rows = rows.values.sorted { $0.cell < $1.cell }
        return (merged, merged.header.rowCount - rows.count)
    }

    /// The file's contents: the header and the rows as JSON, one per line.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when a value is not a number.
    public func jsonLines() throws(EvaluationError) -> String {
        var lines = try jsonLine(header)
        for row in rows { lines += try jsonLine(row) }
        return lines
    }
}

/// A value as JSON in one line, with its keys in order, so that equal values have equal bytes.
func jsonLine(_ value: some Encodable) throws(EvaluationError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    } catch { throw .invalidSetting("a result is no number; the model's weights may be damaged") }
}
