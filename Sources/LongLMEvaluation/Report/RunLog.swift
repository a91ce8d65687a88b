import Foundation

/// When and on what a comparison's rows were made, and how long they took: all that the rows leave out, so that they have
/// the same bytes wherever they are made.
///
/// A file of JSON lines. Each process adds a line that describes it, and then a line for each answer or window.
public struct RunLog: Sendable, Equatable {
    /// A process.
    public struct Run: Sendable, Codable, Equatable {
        /// The name of the file's format.
        public private(set) var format = RunLog.currentFormat
        /// ``TaskHeader/fingerprint`` of the rows.
        public let fingerprint: String
        /// When it began, as ISO 8601 writes it, in UTC.
        public let date: String
        /// The processor's name.
        public let processor: String
        /// The number of threads.
        public let threads: Int
        /// The version of the program.
        public let version: String
        /// The command line that makes the comparison again.
        public let command: String
        /// The model's files of weights.
        public let weights: [ModelFile]

        /// A process.
        public init(
            fingerprint: String, date: String, processor: String, threads: Int, version: String, command: String,
            weights: [ModelFile]
        ) {
            self.fingerprint = fingerprint
            self.date = date
            self.processor = processor
            self.threads = threads
            self.version = version
            self.command = command
            self.weights = weights
        }
    }

    /// What was timed.
    public enum Work: String, Sendable, Codable {
        /// Reading a prompt and answering it.
        case answer
        /// Reading a window of a text.
        case window
    }

    /// How long one row took.
    public struct Time: Sendable, Codable, Equatable {
        /// What was timed.
        public let work: Work
        /// The length in tokens.
        public let length: Int
        /// The mode that ran, as `AttentionMode.text` has it.
        public let mode: String
        /// The time in seconds.
        public let seconds: Double

        /// The time of a row.
        public init(_ work: Work, length: Int, mode: String, seconds: Double) {
            self.work = work
            self.length = length
            self.mode = mode
            // Clocks of machines with other work are not exact to the millisecond.
            self.seconds = (seconds * 1000).rounded() / 1000
        }
    }

    /// The name of the format that this release writes.
    public static let currentFormat = "longlm-runs-1"

    /// A process with the times of its rows.
    public struct Entry: Sendable, Equatable {
        /// The process.
        public let run: Run
        /// The times of its rows, in their order.
        public fileprivate(set) var times: [Time] = []
    }

    /// The processes in their order.
    public private(set) var entries: [Entry] = []

    /// Reads a file.
    ///
    /// - Throws: ``EvaluationError/malformedLine(file:line:reason:)`` for a line of another form.
    public init(contentsOfFile path: String) throws(EvaluationError) {
        let contents = try readFile(path)
        let decoder = JSONDecoder()
        let lines = fileLines(contents)
        for (index, line) in lines.enumerated() {
            // A process that was killed may have left an incomplete line. Nothing but a time is lost with it.
            if index == lines.count - 1, contents.last != UInt8(ascii: "\n") { break }
            if let time = try? decoder.decode(Time.self, from: line), !entries.isEmpty {
                entries[entries.count - 1].times.append(time)
            } else if let run = try? decoder.decode(Run.self, from: line), run.format == Self.currentFormat {
                entries.append(Entry(run: run))
            } else {
                throw .malformedLine(file: path, line: index + 1, reason: "is no line of a file of runs")
            }
        }
    }
}

/// A file that ``RunLog`` reads, to which a process adds its times.
public final class RunFile {
    private let path: String
    private let run: () throws(EvaluationError) -> RunLog.Run
    private var handle: FileHandle?

    /// A file. It is neither made nor changed before the first time is added, so that whoever resumes a finished comparison
    /// leaves no trace.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - run: Describes this process. It is called once, before the first time is added.
    public init(path: String, run: @escaping () throws(EvaluationError) -> RunLog.Run) {
        self.path = path
        self.run = run
    }

    /// Adds the time of a row.
    ///
    /// - Throws: ``EvaluationError/file(_:reason:)``, or what describing the process throws.
    public func add(_ time: RunLog.Time) throws(EvaluationError) {
        let handle: FileHandle
        if let open = self.handle {
            handle = open
        } else {
            let line = try jsonLine(run())
            handle = try open()
            self.handle = handle
            try write(line, to: handle)
        }
        try write(jsonLine(time), to: handle)
    }

    private func open() throws(EvaluationError) -> FileHandle {
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o644)
        guard descriptor >= 0 else {
            throw .file(path, reason: "can't be written: \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            // A process that was killed may have left an incomplete line after the last line break.
            let contents = try handle.readToEnd() ?? Data()
            let end = contents.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            try handle.truncate(atOffset: UInt64(end))
            try handle.seekToEnd()
        } catch { throw .file(path, reason: "can't be written") }
        return handle
    }

    private func write(_ line: String, to handle: FileHandle) throws(EvaluationError) {
        do {
            try handle.write(contentsOf: Data(line.utf8))
        } catch { throw .file(path, reason: "can't be written") }
    }
}
