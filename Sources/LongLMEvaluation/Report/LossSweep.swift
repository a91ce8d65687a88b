import LongLM

/// The losses of a text by position, window by window, with several methods: what ``Perplexity`` measures, in rows that
/// can be kept.
public struct LossSweep {
    let text: TextWindows
    let textHash: String
    let options: Perplexity.Options
    private let modes: [AttentionMode]
    private let windows: [Int]
    private let model: LanguageModel
    private let sessionOptions: SessionOptions

    /// A sweep. Impossible settings are refused here, before any work.
    ///
    /// - Parameters:
    ///   - text: The text, which fills at least one window.
    ///   - textName: The text's name in errors.
    ///   - options: Windows, ranges of positions and methods.
    ///   - shard: The part of the windows to read; nil: all of them. A part reads its windows with all methods.
    ///   - model: The model that predicts the text.
    ///   - tokenizer: The model's tokenizer.
    ///   - sessionOptions: How the sessions run. Attention and length come from `options`.
    /// - Throws: ``EvaluationError``.
    public init(
        of text: String, textName: String, _ options: Perplexity.Options, shard: Shard? = nil, model: LanguageModel,
        tokenizer: Tokenizer, sessionOptions: SessionOptions = SessionOptions()
    ) throws(EvaluationError) {
        try options.validate()
        self.text = try TextWindows(
            of: text, textName: textName, length: options.windowLength, limit: options.windowLimit,
            tokenizer: tokenizer)
        textHash = SHA256.hash(of: Array(text.utf8))
        modes = try options.modes(of: model.configuration)
        windows = self.text.windows.indices.filter { shard?.contains($0) ?? true }
        self.options = options
        self.model = model
        self.sessionOptions = sessionOptions
    }

    /// The tokens of a window.
    public var windowLength: Int { text.length }

    /// The cells to run, in their order: window by window, method by method.
    public var keys: [LossRow.Key] {
        windows.flatMap { window in options.settings.map { LossRow.Key(window: window, setting: $0.name) } }
    }

    /// Runs the cells that are not finished yet, in their order.
    ///
    /// - Parameters:
    ///   - finished: Cells to leave out.
    ///   - progress: Called with the fraction of the work that is done.
    ///   - report: Called with each row when it is finished, and with the seconds that it took; nil: an earlier method came
    ///     to the same mode. An error that it throws ends the sweep.
    /// - Throws: ``EvaluationError``.
    public func run(
        skipping finished: Set<LossRow.Key> = [], progress: ((Double) -> Void)? = nil,
        report: (LossRow, _ seconds: Double?) throws(EvaluationError) -> Void
    ) throws(EvaluationError) {
        let amount = model.configuration.operationCount(prefillOf: text.length)
        var work = WorkMeter(progress)
        for window in windows {
            let isWanted = options.settings.map {
                !finished.contains(LossRow.Key(window: window, setting: $0.name))
            }
            for (index, mode) in modes.enumerated() where isWanted[index] {
                if firstIndex(of: mode, isWanted) == index { work.add(amount) }
            }
        }
        for window in windows {
            let isWanted = options.settings.map {
                !finished.contains(LossRow.Key(window: window, setting: $0.name))
            }
            var known: [Int: [PerplexityBucket]] = [:]
            for (index, (setting, mode)) in zip(options.settings, modes).enumerated() where isWanted[index] {
                var buckets = firstIndex(of: mode, isWanted).flatMap { known[$0] }
                var seconds: Double?
                if buckets == nil {
                    let start = ContinuousClock.now
                    buckets = try read(text.windows[window], mode) {
                        work.report(partial: model.configuration.operationCount(prefillOf: $0))
                    }
                    seconds = (ContinuousClock.now - start) / .seconds(1)
                    known[index] = buckets
                    work.finish(amount)
                }
                let row = LossRow(
                    cell: window * modes.count + index, window: window, setting: setting, mode: mode,
                    buckets: buckets ?? [])
                try report(row, seconds)
            }
        }
    }

    /// The first of the wanted methods that comes to a mode.
    private func firstIndex(of mode: AttentionMode, _ isWanted: [Bool]) -> Int? {
        modes.indices.first { isWanted[$0] && modes[$0] == mode }
    }

    /// The losses of a window's tokens, by position.
    private func read(
        _ window: [Int], _ mode: AttentionMode, progress: (Int) -> Void
    ) throws(EvaluationError) -> [PerplexityBucket] {
        var sessionOptions = sessionOptions
        sessionOptions.attention = mode
        sessionOptions.capacity = text.length
        var buckets = options.bucketBounds.map { PerplexityBucket(first: $0.first, last: $0.last) }
        do throws(SessionError) {
            let session = try Session(model: model, options: sessionOptions)
            let scores = try withoutActuallyEscaping(progress) { (progress) throws(SessionError) in
                try session.logProbabilities(of: window, progress: progress)
            }
            let bucketLength = min(options.bucketLength, text.length)
            for position in text.predicted { buckets[position / bucketLength].add(-scores[position]) }
        } catch { throw .session(error) }
        return buckets
    }
}
