/// What several methods reach with one model: scores in tasks, losses of a text by position, and times. It is made from
/// rows alone, and the same rows give the same figures.
///
/// A prompt counts once all methods have answered it, and a window of the text once all of them have read it. So all
/// figures of a row compare answers to the same prompts.
public struct MethodComparison: Sendable, Encodable, Equatable {
    /// What the rows of tasks were made from.
    public let header: TaskHeader
    /// The modes that methods came to, as `AttentionMode.text` has them, by length. A length without rows is missing.
    public let modes: [MethodMode]
    /// The scores: task by task, length by length, method by method.
    public let scores: [MethodScore]
    /// The means over the tasks, each with the same weight: length by length, method by method, then those over all lengths.
    public let means: [MethodScore]
    /// Each method beside the first one, prompt by prompt.
    public let pairs: [MethodPair]
    /// The losses of a text; nil: none were measured.
    public let losses: TextLosses?
    /// How long rows took, for each machine; empty: nobody wrote it down.
    public let times: [MethodTime]
    /// The processes that made rows; empty: nobody wrote it down.
    public let runs: [RunLog.Run]
    /// The number of rows that are missing.
    public let missingCount: Int

    /// The most cells that a report has: more can't be read, and a damaged file may ask for any number.
    private static let maximumCellCount = 10_000
    private static let maximumRowCount = 1_000_000_000

    /// The figures of rows.
    ///
    /// - Parameters:
    ///   - tasks: The rows of tasks.
    ///   - losses: The rows of a text, of the same model and methods; nil: none were measured.
    ///   - runs: What is known of the processes that made them.
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` if they don't belong together, or are too many.
    public init(tasks: TaskLog, losses: LossLog?, runs: [RunLog]) throws(EvaluationError) {
        header = tasks.header
        let sizes = [header.tasks.count, header.lengths.count, header.settings.count]
        guard (1...Self.maximumCellCount).contains(boundedProduct(sizes)),
            (1...Self.maximumRowCount).contains(header.rowCount)
        else {
            throw .invalidSetting(
                "\(sizes[0]) tasks, \(sizes[1]) lengths and \(sizes[2]) methods with \(header.count) prompts each; a "
                    + "report takes 1 to \(Self.maximumCellCount) combinations and 1 to \(Self.maximumRowCount) answers"
            )
        }
        if let losses, !(1...Self.maximumRowCount).contains(losses.header.rowCount) {
            throw .invalidSetting("\(losses.header.windows) windows; there must be 1 to \(Self.maximumRowCount)")
        }
        if let losses, let difference = Self.difference(losses.header, tasks.header) {
            throw .invalidSetting("the rows of the text and those of the tasks differ in \(difference)")
        }
        let entries = runs.flatMap(\.entries)
        guard entries.allSatisfy({ $0.run.fingerprint == tasks.header.fingerprint }) else {
            throw .invalidSetting("the runs and the rows of the tasks differ in fingerprint")
        }
        let sheet = ScoreSheet(tasks)
        modes = sheet.modes
        scores = sheet.scores
        means = sheet.means
        pairs = sheet.pairs
        self.losses = losses.map { TextLosses($0) }
        times = MethodTime.all(entries)
        guard times.count <= Self.maximumCellCount else {
            throw .invalidSetting(
                "the runs have times of \(times.count) kinds; a report takes at most \(Self.maximumCellCount)")
        }
        self.runs = entries.map(\.run)
        let missing = [
            tasks.header.rowCount - tasks.rows.count, losses.map { $0.header.rowCount - $0.rows.count } ?? 0,
        ]
        missingCount = missing.reduce(0, +)
    }

    /// The name of the first field in which rows of a text and rows of tasks differ; nil: they belong together.
    private static func difference(_ losses: LossHeader, _ tasks: TaskHeader) -> String? {
        let differences = [
            ("model", losses.model != tasks.model), ("precision", losses.precision != tasks.precision),
            ("cache", losses.cache != tasks.cache), ("fingerprint", losses.fingerprint != tasks.fingerprint),
            ("contextLength", losses.contextLength != tasks.contextLength),
            ("settings", losses.settings != tasks.settings),
        ]
        return differences.first { $0.1 }?.0
    }
}

/// The mode that a method came to at a length.
public struct MethodMode: Sendable, Encodable, Equatable {
    /// The method that was asked for.
    public let method: String
    /// Tokens of the prompt and of the longest answer.
    public let length: Int
    /// The mode that ran, as `AttentionMode.text` has it.
    public let mode: String
}

/// A mean score of a method.
public struct MethodScore: Sendable, Encodable, Equatable {
    /// The task; nil: the mean over all tasks.
    public let task: String?
    /// Tokens of the prompt and of the longest answer; nil: the mean over all lengths.
    public let length: Int?
    /// The method that was asked for.
    public let method: String
    /// The number of prompts.
    public let count: Int
    /// The mean from 0 to 1; nil: a part of it isn't measured.
    public let score: Double?
    /// The lower end of Wilson's interval of 95 per cent.
    public let low: Double?
    /// The upper end of that interval.
    public let high: Double?
    /// Whether no other method has a higher score, and some have a lower one.
    public let isBest: Bool
}

/// A method beside the first one: to how many prompts it gave the better answer.
public struct MethodPair: Sendable, Encodable, Equatable {
    /// The method.
    public let method: String
    /// The first method.
    public let reference: String
    /// The number of prompts where the method has the higher score.
    public let better: Int
    /// The number of prompts where it has the lower score.
    public let worse: Int
    /// The number of prompts where both have the same score.
    public let equal: Int
    /// The probability of counts that are at least as uneven, if neither method were better (the two-sided sign test).
    public let probability: Double
}

/// How long rows of one mode took on one machine.
public struct MethodTime: Sendable, Encodable, Equatable {
    /// The processor's name.
    public let processor: String
    /// The number of threads.
    public let threads: Int
    /// What was timed.
    public let work: RunLog.Work
    /// The length in tokens.
    public let length: Int
    /// The mode that ran.
    public let mode: String
    /// The number of rows.
    public let count: Int
    /// The mean time of a row in seconds.
    public let seconds: Double

    /// The means of processes' times, in the order in which machines, lengths and modes first occur.
    static func all(_ entries: [RunLog.Entry]) -> [MethodTime] {
        struct Key: Hashable {
            let processor: String
            let threads: Int
            let work: RunLog.Work
            let length: Int
            let mode: String
        }
        var order: [Key] = []
        var sums: [Key: (count: Int, seconds: Double)] = [:]
        for entry in entries {
            for time in entry.times {
                let key = Key(
                    processor: entry.run.processor, threads: entry.run.threads, work: time.work, length: time.length,
                    mode: time.mode)
                if sums[key] == nil { order.append(key) }
                let sum = sums[key] ?? (0, 0)
                sums[key] = (sum.count + 1, sum.seconds + time.seconds)
            }
        }
        return order.compactMap { key in
            sums[key].map { sum in
                MethodTime(
                    processor: key.processor, threads: key.threads, work: key.work, length: key.length, mode: key.mode,
                    count: sum.count, seconds: sum.seconds / Double(sum.count))
            }
        }
    }
}
