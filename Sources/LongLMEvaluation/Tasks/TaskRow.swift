import LongLM

/// A model's answer to one prompt with one method. It depends on the model, the prompt and the method, not on time or
/// machine.
public struct TaskRow: SweepRow {
    /// The row's place in the order in which a whole sweep runs, from 0.
    public let cell: Int
    /// The task, such as `niah_single_1`.
    public let task: String
    /// Tokens of the prompt and of the longest answer, as asked for.
    public let length: Int
    /// The sample's number, from 0.
    public let sample: Int
    /// The method that was asked for, as ``AttentionSetting/name`` has it.
    public let setting: String
    /// The mode that ran, as `AttentionMode.text` has it, such as `plain`, `8:1024` or `string:2730:128`.
    public let mode: String
    /// Tokens of the prompt.
    public let promptTokenCount: Int
    /// The model's answer. Each token is the most probable one.
    public let prediction: String
    /// What a right answer contains.
    public let references: [String]
    /// From 0 to 1, by the task's ``RulerTask/metric``.
    public let score: Double

    init(
        _ cell: PromptSweep<TaskGrid.Place>.Cell, promptTokenCount: Int, prediction: String, references: [String]
    ) {
        self.cell = cell.index
        task = cell.place.task.rawValue
        length = cell.place.length
        sample = cell.place.number
        setting = cell.setting.name
        mode = cell.mode.text
        self.promptTokenCount = promptTokenCount
        self.prediction = prediction
        self.references = references
        score = cell.place.task.metric.score(prediction, references: references)
    }

    /// A cell of a sweep.
    public struct Key: Sendable, Hashable {
        let task: String
        let length: Int
        let sample: Int
        let setting: String
    }

    /// The row's cell.
    public var key: Key { Key(task: task, length: length, sample: sample, setting: setting) }

    /// The row's cell in words.
    public var place: String { "sample \(sample) of \(task) at \(length) tokens with \(setting)" }
}

/// What a sweep over tasks was made from. Rows belong to one sweep when their headers are equal.
public struct TaskHeader: SweepHeader {
    /// The name of the file's format.
    public private(set) var format = Self.currentFormat
    /// The model directory's name.
    public let model: String
    /// SHA-256 of the logits that the plain model gives after a short question: model, tokenizer, precision and the form of
    /// prompts.
    public let fingerprint: String
    /// The context length that the model was trained for.
    public let contextLength: Int
    /// The arithmetic of products, such as `float32`.
    public let precision: String
    /// How keys and values are kept, such as `float32`.
    public let cache: String
    /// `chat`, or `base` for prompts without a chat format.
    public let form: String
    /// The haystack's file name.
    public let haystack: String
    /// SHA-256 of the haystack's words.
    public let haystackHash: String
    /// The seed of the prompts.
    public let seed: UInt64
    /// The number of prompts for each task and length.
    public let count: Int
    /// The tasks.
    public let tasks: [String]
    /// The lengths in tokens.
    public let lengths: [Int]
    /// The methods.
    public let settings: [String]
    /// K/N of a part; nil: the whole sweep.
    public var shard: String?

    /// The name of the format that this release writes.
    public static let currentFormat = "longlm-tasks-1"
    /// What the sweep is called in errors.
    public static let sweepName = "sweep over tasks"

    enum CodingKeys: CodingKey {
        case format, model, fingerprint, contextLength, precision, cache, form, haystack, haystackHash, seed, count
        case tasks, lengths, settings, shard
    }

    /// The header of a sweep.
    ///
    /// - Throws: ``EvaluationError`` when the model can't run.
    public init(
        _ sweep: TaskSweep, shard: Shard?, modelName: String, haystackName: String
    ) throws(EvaluationError) {
        let grid = sweep.grid
        (fingerprint, cache) = try sweep.prompts.fingerprint()
        model = modelName
        contextLength = sweep.prompts.model.configuration.contextLength
        precision = sweep.prompts.model.precision.rawValue
        form = grid.form.chatFormat == nil ? "base" : "chat"
        haystack = haystackName
        var hash = LogitHash()
        for word in grid.hay.words { hash.add(words: (word + " ").utf8.map { UInt32($0) }) }
        haystackHash = hash.finish()
        seed = grid.seed
        count = grid.count
        tasks = grid.tasks.map(\.rawValue)
        lengths = grid.lengths
        settings = sweep.prompts.settings.map(\.name)
        self.shard = shard?.name
    }

    /// The number of rows of the whole sweep.
    public var rowCount: Int { boundedProduct([tasks.count, lengths.count, count, settings.count]) }

    /// Whether a row is one of the whole sweep.
    public func contains(_ row: TaskRow) -> Bool {
        tasks.contains(row.task) && lengths.contains(row.length) && row.sample >= 0 && row.sample < count
            && settings.contains(row.setting)
    }

    /// The fields but for the part, with their names, and whether another header's differ.
    public func differences(from other: TaskHeader) -> [(name: String, differs: Bool)] {
        func differs<Value: Equatable>(_ path: KeyPath<TaskHeader, Value>) -> Bool {
            self[keyPath: path] != other[keyPath: path]
        }
        return [
            ("model", differs(\.model)), ("precision", differs(\.precision)), ("cache", differs(\.cache)),
            ("form", differs(\.form)), ("fingerprint", differs(\.fingerprint)),
            ("contextLength", differs(\.contextLength)), ("haystack", differs(\.haystack)),
            ("haystackHash", differs(\.haystackHash)), ("seed", differs(\.seed)), ("count", differs(\.count)),
            ("tasks", differs(\.tasks)), ("lengths", differs(\.lengths)), ("settings", differs(\.settings)),
        ]
    }
}
