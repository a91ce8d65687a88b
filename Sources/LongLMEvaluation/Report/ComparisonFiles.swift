import Foundation

/// The files of a comparison in their directory.
public struct ComparisonFiles: Sendable, Equatable {
    /// The directory.
    public let directory: String

    /// The files of a directory, which needn't exist.
    public init(directory: String) { self.directory = directory }

    /// The rows of tasks, as ``TaskFile`` writes them.
    public var tasks: String { directory + "/tasks.jsonl" }
    /// The rows of a text, as ``LossFile`` writes them.
    public var losses: String { directory + "/losses.jsonl" }
    /// What made the rows, and how long it took, as ``RunFile`` writes it.
    public var runs: String { directory + "/runs.jsonl" }
    /// The report.
    public var report: String { directory + "/report.html" }

    /// The files with rows that exist.
    fileprivate var existing: [String] {
        [tasks, losses, runs].filter { FileManager.default.fileExists(atPath: $0) }
    }
}

extension MethodComparison {
    /// The figures of files: parts of one sweep over tasks, of one sweep over a text, and of the runs that made them.
    ///
    /// - Parameter paths: Files in any order, and directories of ``ComparisonFiles``.
    /// - Throws: ``EvaluationError`` if a file can't be read or is of another kind, if parts don't belong together, or if
    ///   there are no rows of tasks.
    public init(paths: [String]) throws(EvaluationError) {
        var (tasks, losses): ([String], [String]) = ([], [])
        var runs: [RunLog] = []
        for path in paths {
            var isDirectory: ObjCBool = false
            var files = [path]
            if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
                files = ComparisonFiles(directory: path).existing
                if files.isEmpty { throw .file(path, reason: "holds no rows of a comparison") }
            }
            for file in files {
                switch try Self.format(file) {
                case TaskHeader.currentFormat: tasks.append(file)
                case LossHeader.currentFormat: losses.append(file)
                case RunLog.currentFormat: runs.append(try RunLog(contentsOfFile: file))
                default:
                    throw .malformedLine(
                        file: file, line: 1,
                        reason: "is no header of a \(TaskHeader.sweepName), of a \(LossHeader.sweepName) or of runs")
                }
            }
        }
        guard !tasks.isEmpty else { throw .invalidSetting("there is no file with rows of tasks") }
        try self.init(
            tasks: TaskLog.merge(tasks).log, losses: losses.isEmpty ? nil : LossLog.merge(losses).log, runs: runs)
    }

    /// What the first line of a file says of its format; nil: nothing.
    private static func format(_ path: String) throws(EvaluationError) -> String? {
        struct Head: Decodable { let format: String }
        guard let line = fileLines(try readFile(path)).first else { throw .file(path, reason: "is empty") }
        return try? JSONDecoder().decode(Head.self, from: line).format
    }
}
