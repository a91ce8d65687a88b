import LongLM

/// The result of one cell of a sweep's grid. It depends on the model, the task and the cell, not on time or machine.
public struct NeedleRow: SweepRow {
    /// The row's place in the order in which a whole sweep runs, from 0.
    public let cell: Int
    /// The setting that was asked for, as ``AttentionSetting/name`` has it.
    public let setting: String
    /// The mode that ran: `plain`, `selfExtend`, or the text of another, such as `string:2730:128`.
    public let mode: String
    /// G; nil: the mode isn't Self-Extend.
    public let groupSize: Int?
    /// W; nil: the mode isn't Self-Extend.
    public let neighborWindow: Int?
    /// Tokens of the whole text with its answer, as asked for.
    public let length: Int
    /// The needle's place in per cent of the hay, as asked for.
    public let depth: Double
    /// Tokens before the needle.
    public let position: Int
    /// Tokens of the text.
    public let promptTokenCount: Int
    /// Whether the model's answer contains the right one.
    public let isFound: Bool
    /// ln of the right answer's probability.
    public let logLikelihood: Double
    /// What the model continued with.
    public let answer: String

    init(_ cell: NeedleSweep.Cell, tokenCount: Int, _ answer: Answer) {
        self.cell = cell.index
        setting = cell.setting.name
        mode = cell.mode.reportedName
        groupSize = cell.mode.selfExtend?.groupSize
        neighborWindow = cell.mode.selfExtend?.neighborWindow
        length = cell.length
        depth = cell.depth
        position = cell.position
        promptTokenCount = tokenCount
        isFound = answer.isFound
        logLikelihood = answer.logLikelihood
        self.answer = answer.text
    }

    /// A cell of the grid.
    public struct Key: Sendable, Hashable {
        let setting: String
        let length: Int
        let depth: Double

        init(setting: String, length: Int, depth: Double) {
            self.setting = setting
            self.length = length
            self.depth = depth
        }
    }

    /// The row's cell of the grid.
    public var key: Key { Key(setting: setting, length: length, depth: depth) }

    /// The row's cell in words.
    public var place: String { "\(setting) at \(length) tokens, \(depth) %" }
}

/// What a sweep was made from. Rows belong to one sweep when their headers are equal.
public struct NeedleHeader: SweepHeader {
    /// The name of the file's format.
    public private(set) var format = Self.currentFormat
    /// The model directory's name.
    public let model: String
    /// SHA-256 of the logits that the plain model gives after the question: model, tokenizer, precision.
    public let fingerprint: String
    /// The context length that the model was trained for.
    public let contextLength: Int
    /// The haystack's file name.
    public let haystack: String
    /// SHA-256 of the haystack's tokens.
    public let haystackHash: String
    /// The needle.
    public let needle: String
    /// The question.
    public let question: String
    /// The right answer.
    public let answer: String
    /// The most tokens of an answer.
    public let answerTokenLimit: Int
    /// How keys and values are kept: `float32` or `bfloat16`.
    public let cache: String
    /// The lengths of the texts in tokens.
    public let lengths: [Int]
    /// The depths in per cent.
    public let depths: [Double]
    /// The attention settings.
    public let settings: [String]
    /// K/N of a part; nil: the whole sweep.
    public var shard: String?

    /// The name of the format that this release writes.
    public static let currentFormat = "longlm-needle-1"
    /// What the sweep is called in errors.
    public static let sweepName = "needle sweep"

    enum CodingKeys: CodingKey {
        case format, model, fingerprint, contextLength, haystack, haystackHash, needle, question, answer
        case answerTokenLimit, cache, lengths, depths, settings, shard
    }

    /// The header of a sweep.
    ///
    /// - Throws: ``EvaluationError/session(_:)`` when the model can't run.
    public init(
        _ task: NeedleTask, _ grid: NeedleSweep.Grid, shard: Shard?, model: LanguageModel, modelName: String,
        haystackName: String, options: SessionOptions
    ) throws(EvaluationError) {
        do throws(SessionError) {
            var options = options
            options.attention = .plain
            options.capacity = task.questionTokens.count
            let session = try Session(model: model, options: options)
            try session.prefill(task.questionTokens)
            fingerprint = LogitHash.sha256(session.logits)
            cache = "\(session.cacheFormat)"
        } catch { throw .session(error) }
        self.model = modelName
        contextLength = model.configuration.contextLength
        haystack = haystackName
        var hash = LogitHash()
        hash.add(words: task.hay.lazy.map { UInt32(truncatingIfNeeded: $0) })
        haystackHash = hash.finish()
        needle = task.needle
        question = task.question
        answer = task.answer
        answerTokenLimit = task.answerTokenLimit
        lengths = grid.lengths
        depths = grid.depths
        settings = grid.settings.map(\.name)
        self.shard = shard?.name
    }

    /// The number of rows of the whole sweep.
    public var rowCount: Int { lengths.count * depths.count * settings.count }

    /// Whether a row is one of the whole sweep.
    public func contains(_ row: NeedleRow) -> Bool {
        settings.contains(row.setting) && lengths.contains(row.length) && depths.contains(row.depth)
    }

    /// The fields but for the part, with their names, and whether another header's differ.
    public func differences(from other: NeedleHeader) -> [(name: String, differs: Bool)] {
        func differs<Value: Equatable>(_ path: KeyPath<NeedleHeader, Value>) -> Bool {
            self[keyPath: path] != other[keyPath: path]
        }
        return [
            ("model", differs(\.model)), ("fingerprint", differs(\.fingerprint)),
            ("contextLength", differs(\.contextLength)), ("haystack", differs(\.haystack)),
            ("haystackHash", differs(\.haystackHash)), ("needle", differs(\.needle)),
            ("question", differs(\.question)), ("answer", differs(\.answer)),
            ("answerTokenLimit", differs(\.answerTokenLimit)), ("cache", differs(\.cache)),
            ("lengths", differs(\.lengths)), ("depths", differs(\.depths)), ("settings", differs(\.settings)),
        ]
    }
}
