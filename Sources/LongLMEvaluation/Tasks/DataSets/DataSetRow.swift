import LongLM

/// A model's answer to a sample of a file with one method. It depends on the model, the file and the method, not on time or
/// machine.
public struct DataSetRow: SweepRow {
    /// The row's place in the order in which a whole sweep runs, from 0.
    public let cell: Int
    /// The data set.
    public let dataSet: String
    /// The sample's number in its data set, from 0. Samples that are left out don't count.
    public let sample: Int
    /// The sample's line in the file, from 1.
    public let line: Int
    /// The sample's words, as ``DataSetSample/wordCount`` has them.
    public let wordCount: Int
    /// The method that was asked for, as ``AttentionSetting/name`` has it.
    public let setting: String
    /// The mode that ran, as `AttentionMode.text` has it, such as `plain`, `8:1024` or `string:2730:128`.
    public let mode: String
    /// Tokens of the prompt.
    public let promptTokenCount: Int
    /// Whether the prompt lost its middle.
    public let isTruncated: Bool
    /// The model's answer. Each token is the most probable one.
    public let prediction: String
    /// The right answers.
    public let references: [String]
    /// From 0 to 1, by the data set's metric.
    public let score: Double

    init(_ cell: PromptSweep<DataSetGrid.Place>.Cell, _ grid: DataSetGrid, prediction: String) {
        let sample = grid.dataSet.samples[cell.place.sample]
        let part = grid.parts[cell.place.part]
        self.cell = cell.index
        dataSet = part.name
        self.sample = cell.place.number
        line = sample.line
        wordCount = sample.wordCount
        setting = cell.setting.name
        mode = cell.mode.text
        promptTokenCount = cell.place.length - cell.place.answerTokenLimit
        isTruncated = cell.place.isTruncated
        self.prediction = prediction
        references = sample.answers
        score = sample.score(prediction, metric: part.metric)
    }

    /// A cell of a sweep.
    public struct Key: Sendable, Hashable {
        let dataSet: String
        let sample: Int
        let setting: String
    }

    /// The row's cell.
    public var key: Key { Key(dataSet: dataSet, sample: sample, setting: setting) }

    /// The row's cell in words.
    public var place: String { "sample \(sample) of \(dataSet) with \(setting)" }
}

/// What a sweep over the samples of a file was made from. Rows belong to one sweep when their headers are equal.
public struct DataSetHeader: SweepHeader {
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
    /// The name of the file with the samples.
    public let input: String
    /// The SHA-256 of that file.
    public let inputHash: String
    /// The template's file name, or `default`.
    public let template: String
    /// The SHA-256 of the template's file.
    public let templateHash: String
    /// The most tokens of a prompt and its longest answer; nil: any number.
    public let maximumLength: Int?
    /// Whether longer prompts lose their middle.
    public let truncatesMiddle: Bool
    /// The data sets, in the order of the file.
    public let dataSets: [DataSetPart]
    /// The methods.
    public let settings: [String]
    /// K/N of a part; nil: the whole sweep.
    public var shard: String?

    /// The name of the format that this release writes.
    public static let currentFormat = "longlm-data-sets-1"
    /// What the sweep is called in errors.
    public static let sweepName = "sweep over data sets"

    enum CodingKeys: CodingKey {
        case format, model, fingerprint, contextLength, precision, cache, form, input, inputHash, template, templateHash
        case maximumLength, truncatesMiddle, dataSets, settings, shard
    }

    /// The header of a sweep.
    ///
    /// - Throws: ``EvaluationError`` when the model can't run.
    public init(_ sweep: DataSetSweep, modelName: String) throws(EvaluationError) {
        let grid = sweep.grid
        (fingerprint, cache) = try sweep.prompts.fingerprint()
        model = modelName
        contextLength = sweep.prompts.model.configuration.contextLength
        precision = sweep.prompts.model.precision.rawValue
        form = grid.form.chatFormat == nil ? "base" : "chat"
        input = grid.dataSet.fileName
        inputHash = grid.dataSet.hash
        template = grid.options.template.name
        templateHash = grid.options.template.hash
        maximumLength = grid.options.maximumLength
        truncatesMiddle = grid.options.truncatesMiddle
        dataSets = grid.parts
        settings = sweep.prompts.settings.map(\.name)
        shard = grid.shard?.name
    }

    /// The number of rows of the whole sweep.
    public var rowCount: Int {
        // A file may state any counts.
        let sampleCount = dataSets.reduce(Int128(0)) { $0 + Int128(max($1.count, 0)) }
        return Int(clamping: sampleCount * Int128(settings.count))
    }

    /// Whether a row is one of the whole sweep.
    public func contains(_ row: DataSetRow) -> Bool {
        settings.contains(row.setting)
            && dataSets.contains { $0.name == row.dataSet && row.sample >= 0 && row.sample < $0.count }
    }

    /// The fields but for the part, with their names, and whether another header's differ.
    public func differences(from other: DataSetHeader) -> [(name: String, differs: Bool)] {
        func differs<Value: Equatable>(_ path: KeyPath<DataSetHeader, Value>) -> Bool {
            self[keyPath: path] != other[keyPath: path]
        }
        return [
            ("model", differs(\.model)), ("precision", differs(\.precision)), ("cache", differs(\.cache)),
            ("form", differs(\.form)), ("fingerprint", differs(\.fingerprint)),
            ("contextLength", differs(\.contextLength)), ("input", differs(\.input)),
            ("inputHash", differs(\.inputHash)), ("template", differs(\.template)),
            ("templateHash", differs(\.templateHash)), ("maximumLength", differs(\.maximumLength)),
            ("truncatesMiddle", differs(\.truncatesMiddle)), ("dataSets", differs(\.dataSets)),
            ("settings", differs(\.settings)),
        ]
    }
}
