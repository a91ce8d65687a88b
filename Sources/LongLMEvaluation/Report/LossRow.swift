import LongLM

/// How well a method predicts one window of a text, by position. It depends on the model, the text and the method, not on
/// time or machine.
public struct LossRow: SweepRow {
    /// The row's place in the order in which a whole sweep runs, from 0.
    public let cell: Int
    /// The window's number, from 0.
    public let window: Int
    /// The method that was asked for, as ``AttentionSetting/name`` has it.
    public let setting: String
    /// The mode that ran, as `AttentionMode.text` has it.
    public let mode: String
    /// The number of tokens that were predicted, for each range of positions.
    public let counts: [Int]
    /// The mean of −ln p over them, where p is a token's probability; 0 without tokens. It is rounded to six decimals, since
    /// logarithms of different C libraries differ in their last digits.
    public let losses: [Double]

    init(cell: Int, window: Int, setting: AttentionSetting, mode: AttentionMode, buckets: [PerplexityBucket]) {
        self.cell = cell
        self.window = window
        self.setting = setting.name
        self.mode = mode.text
        counts = buckets.map(\.count)
        losses = buckets.map { ($0.loss * 1e6).rounded() / 1e6 }
    }

    /// A cell of a sweep.
    public struct Key: Sendable, Hashable {
        let window: Int
        let setting: String
    }

    /// The row's cell.
    public var key: Key { Key(window: window, setting: setting) }

    /// The row's cell in words.
    public var place: String { "window \(window) with \(setting)" }
}

/// What a sweep over a text's windows was made from. Rows belong to one sweep when their headers are equal.
public struct LossHeader: SweepHeader {
    /// The name of the file's format.
    public private(set) var format = Self.currentFormat
    /// The model directory's name.
    public let model: String
    /// ``TaskHeader/fingerprint`` of the tasks that belong to it.
    public let fingerprint: String
    /// The context length that the model was trained for.
    public let contextLength: Int
    /// The arithmetic of products, such as `float32`.
    public let precision: String
    /// How keys and values are kept, such as `float32`.
    public let cache: String
    /// The text's file name.
    public let text: String
    /// SHA-256 of the text's bytes.
    public let textHash: String
    /// The tokens of a window.
    public let length: Int
    /// The number of windows.
    public let windows: Int
    /// The number of positions over which losses are averaged.
    public let bucket: Int
    /// The methods.
    public let settings: [String]
    /// K/N of a part; nil: the whole sweep.
    public var shard: String?

    /// The name of the format that this release writes.
    public static let currentFormat = "longlm-losses-1"
    /// What the sweep is called in errors.
    public static let sweepName = "sweep over a text"

    enum CodingKeys: CodingKey {
        case format, model, fingerprint, contextLength, precision, cache, text, textHash, length, windows, bucket
        case settings, shard
    }

    /// The header of a sweep with the model of a sweep over tasks.
    public init(_ sweep: LossSweep, shard: Shard?, with tasks: TaskHeader, textName: String) {
        model = tasks.model
        fingerprint = tasks.fingerprint
        contextLength = tasks.contextLength
        precision = tasks.precision
        cache = tasks.cache
        text = textName
        textHash = sweep.textHash
        length = sweep.options.windowLength
        windows = sweep.text.windows.count
        bucket = sweep.options.bucketLength
        settings = sweep.options.settings.map(\.name)
        self.shard = shard?.name
    }

    /// The number of rows of the whole sweep.
    public var rowCount: Int { boundedProduct([windows, settings.count]) }

    /// Whether a row is one of the whole sweep.
    public func contains(_ row: LossRow) -> Bool {
        guard (2...1 << 24).contains(length), (1...1 << 24).contains(windows), bucket >= 1 else { return false }
        let bucketCount = (length - 1) / min(bucket, length) + 1
        return settings.contains(row.setting) && row.window >= 0 && row.window < windows
            && row.counts.count == bucketCount && row.losses.count == bucketCount
            && row.counts.allSatisfy { (0...length).contains($0) }
    }

    /// The fields but for the part, with their names, and whether another header's differ.
    public func differences(from other: LossHeader) -> [(name: String, differs: Bool)] {
        func differs<Value: Equatable>(_ path: KeyPath<LossHeader, Value>) -> Bool {
            self[keyPath: path] != other[keyPath: path]
        }
        return [
            ("model", differs(\.model)), ("precision", differs(\.precision)), ("cache", differs(\.cache)),
            ("fingerprint", differs(\.fingerprint)), ("contextLength", differs(\.contextLength)),
            ("text", differs(\.text)), ("textHash", differs(\.textHash)), ("length", differs(\.length)),
            ("windows", differs(\.windows)), ("bucket", differs(\.bucket)), ("settings", differs(\.settings)),
        ]
    }
}

/// The file of a sweep over a text.
public typealias LossFile = SweepFile<LossHeader>
/// The contents of a file of ``LossRow``s.
public typealias LossLog = SweepLog<LossHeader>
