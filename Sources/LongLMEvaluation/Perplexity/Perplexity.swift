import Foundation
import LongLM

/// How well a model predicts a text, token by token and by position: the mean of −ln p, and its exponential.
public struct Perplexity {
    /// What is measured.
    public struct Options: Sendable, Equatable {
        /// The length of a window in tokens. Nothing of one window is seen in the next.
        public var windowLength: Int
        /// A limit on the number of windows; nil: the whole text.
        public var windowLimit: Int?
        /// The number of positions in a bucket.
        public var bucketLength: Int
        /// The attention settings.
        public var settings: [AttentionSetting]

        /// Options of a measurement.
        public init(
            windowLength: Int, windowLimit: Int? = nil, bucketLength: Int = 512,
            settings: [AttentionSetting] = [.plain, .automatic]
        ) {
            self.windowLength = windowLength
            self.windowLimit = windowLimit
            self.bucketLength = bucketLength
            self.settings = settings
        }
    }

    private let model: LanguageModel
    private let options: Options
    private let sessionOptions: SessionOptions
    private let modes: [AttentionMode]
    private let text: TextWindows

    /// A measurement of a text. Impossible settings are refused here, before any work.
    ///
    /// - Parameters:
    ///   - text: The text, which fills at least one window.
    ///   - textName: The text's name in errors.
    ///   - options: Windows, buckets and attention settings.
    ///   - model: The model that predicts the text.
    ///   - tokenizer: The model's tokenizer.
    ///   - sessionOptions: How the sessions run. Attention and length come from `options`.
    /// - Throws: ``EvaluationError``.
    public init(
        of text: String, textName: String, _ options: Options, model: LanguageModel, tokenizer: Tokenizer,
        sessionOptions: SessionOptions = SessionOptions()
    ) throws(EvaluationError) {
        try options.validate()
        self.text = try TextWindows(
            of: text, textName: textName, length: options.windowLength, limit: options.windowLimit,
            tokenizer: tokenizer)
        modes = try options.modes(of: model.configuration)
        self.model = model
        self.options = options
        self.sessionOptions = sessionOptions
    }

    /// Runs all settings.
    ///
    /// - Parameters:
    ///   - progress: Called with the fraction of the work that is done.
    ///   - report: Called with each row when it is finished.
    /// - Returns: A row for every setting.
    /// - Throws: ``EvaluationError/session(_:)`` when the task is cancelled or a session can't be made.
    @discardableResult
    public func run(
        progress: ((Double) -> Void)? = nil, report: ((PerplexityRow) -> Void)? = nil
    ) throws(EvaluationError) -> [PerplexityRow] {
        try text.measure(
            options, modes, model.configuration, progress: progress, report: report,
            bucket: PerplexityBucket.init(first:last:),
            row: { setting, mode, buckets, seconds in
                PerplexityRow(
                    setting: setting, mode: mode, windowCount: text.windows.count, buckets: buckets, seconds: seconds)
            }, read: add)
    }

    /// Adds the losses of a window's tokens to the buckets of their positions.
    private func add(
        _ window: [Int], _ mode: AttentionMode, _ buckets: inout [PerplexityBucket], progress: (Int) -> Void
    ) throws(SessionError) {
        var options = sessionOptions
        options.attention = mode
        options.capacity = self.options.windowLength
        let session = try Session(model: model, options: options)
        let bucketLength = min(self.options.bucketLength, self.options.windowLength)
        let scores = try withoutActuallyEscaping(progress) { (progress) throws(SessionError) in
            try session.logProbabilities(of: window, progress: progress)
        }
        for position in text.predicted { buckets[position / bucketLength].add(-scores[position]) }
    }
}

/// The mean loss of the tokens at a range of positions.
public struct PerplexityBucket: Sendable, Encodable, Equatable {
    /// The first position of the range, from 0.
    public let first: Int
    /// The last position of the range.
    public let last: Int
    /// The number of tokens that were predicted.
    public private(set) var count = 0
    /// The mean of −ln p, where p is a token's probability; 0 without tokens.
    public var loss: Double { count > 0 ? sum / Double(count) : 0 }
    private var sum = 0.0

    init(first: Int, last: Int) {
        self.first = first
        self.last = last
    }

    mutating func add(_ loss: Double) {
        sum += loss
        count += 1
    }

    enum CodingKeys: CodingKey { case first, last, count, loss }

    /// Writes `first`, `last`, `count` and `loss`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(first, forKey: .first)
        try container.encode(last, forKey: .last)
        try container.encode(count, forKey: .count)
        try container.encode(loss, forKey: .loss)
    }
}

/// How well one attention setting predicts a text.
public struct PerplexityRow: Sendable, Encodable, Equatable {
    /// The setting that was asked for, as ``AttentionSetting/name`` has it.
    public let setting: String
    /// The mode that ran: `plain`, `selfExtend`, or the text of another, such as `string:2730:128`.
    public let mode: String
    /// G; nil: the mode isn't Self-Extend.
    public let groupSize: Int?
    /// W; nil: the mode isn't Self-Extend.
    public let neighborWindow: Int?
    /// The number of windows.
    public let windowCount: Int
    /// The number of tokens that were predicted.
    public let tokenCount: Int
    /// The mean of −ln p, where p is a token's probability.
    public let loss: Double
    /// The loss's exponential.
    public let perplexity: Double
    /// The losses by position.
    public let buckets: [PerplexityBucket]
    /// The time for all windows, in seconds.
    public let seconds: Double

    init(
        setting: AttentionSetting, mode: AttentionMode, windowCount: Int, buckets: [PerplexityBucket], seconds: Double
    ) {
        self.setting = setting.name
        self.mode = mode.reportedName
        groupSize = mode.selfExtend?.groupSize
        neighborWindow = mode.selfExtend?.neighborWindow
        self.windowCount = windowCount
        tokenCount = buckets.reduce(0) { $0 + $1.count }
        let sum = buckets.reduce(0) { $0 + $1.loss * Double($1.count) }
        loss = sum / Double(max(1, tokenCount))
        perplexity = exp(loss)
        self.buckets = buckets
        self.seconds = seconds
    }
}
