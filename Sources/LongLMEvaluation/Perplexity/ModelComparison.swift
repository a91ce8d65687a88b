import LongLM

/// How far a model's predictions are from a reference's, over a text: what rounded weights or a faster arithmetic cost.
///
/// Before each token of the text, both models say how probable every token of the vocabulary is. With p for the
/// reference's probabilities and q for the model's, the divergence is KL(p ‖ q) = Σ p · (ln p − ln q), in nats: what the
/// model loses on average for a token that the reference would have drawn. It is 0 only if both agree, and it doesn't depend
/// on the text's own tokens, unlike the difference of losses. All sums are in double precision.
public struct ModelComparison {
    private let model: LanguageModel
    private let reference: LanguageModel
    private let options: Perplexity.Options
    private let sessionOptions: SessionOptions
    private let referenceOptions: SessionOptions
    private let modes: [AttentionMode]
    private let text: TextWindows

    /// A comparison over a text. Impossible settings are refused here, before any work.
    ///
    /// - Parameters:
    ///   - text: The text, which fills at least one window.
    ///   - textName: The text's name in errors.
    ///   - options: Windows, buckets and attention settings. Both models run with the settings that suit the first.
    ///   - model: The model that is measured.
    ///   - reference: The model that it should agree with. It has the same vocabulary, and may be the same model.
    ///   - tokenizer: The tokenizer of both.
    ///   - sessionOptions: How the model's sessions run. Attention and length come from `options`.
    ///   - referenceOptions: How the reference's sessions run; nil: like the model's.
    /// - Throws: ``EvaluationError``, also when the vocabularies have different sizes.
    public init(
        of text: String, textName: String, _ options: Perplexity.Options, model: LanguageModel,
        reference: LanguageModel, tokenizer: Tokenizer, sessionOptions: SessionOptions = SessionOptions(),
        referenceOptions: SessionOptions? = nil
    ) throws(EvaluationError) {
        let size = model.configuration.vocabularySize
        let referenceSize = reference.configuration.vocabularySize
        guard size == referenceSize else { throw .differentVocabularies(size, reference: referenceSize) }
        try options.validate()
        self.text = try TextWindows(
            of: text, textName: textName, length: options.windowLength, limit: options.windowLimit,
            tokenizer: tokenizer)
        modes = try options.modes(of: model.configuration)
        for mode in modes {
            do {
                try mode.validate(contextLength: reference.configuration.contextLength)
            } catch { throw .session(.attention(error)) }
        }
        self.model = model
        self.reference = reference
        self.options = options
        self.sessionOptions = sessionOptions
        self.referenceOptions = referenceOptions ?? sessionOptions
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
        progress: ((Double) -> Void)? = nil, report: ((ComparisonRow) -> Void)? = nil
    ) throws(EvaluationError) -> [ComparisonRow] {
        try text.measure(
            options, modes, model.configuration, progress: progress, report: report,
            bucket: ComparisonBucket.init(first:last:),
            row: { setting, mode, buckets, seconds in
                ComparisonRow(
                    setting: setting, mode: mode, windowCount: text.windows.count, buckets: buckets, seconds: seconds)
            }, read: add)
    }

    /// Adds the differences before a window's tokens to the buckets of their positions.
    private func add(
        _ window: [Int], _ mode: AttentionMode, _ buckets: inout [ComparisonBucket], progress: (Int) -> Void
    ) throws(SessionError) {
        func session(_ model: LanguageModel, _ options: SessionOptions) throws(SessionError) -> Session {
            var options = options
            options.attention = mode
            options.capacity = self.options.windowLength
            return try Session(model: model, options: options)
        }
        let own = try session(model, sessionOptions)
        let other = try session(reference, referenceOptions)
        let vocabularySize = model.configuration.vocabularySize
        let bucketLength = min(options.bucketLength, options.windowLength)
        // The logits of both models are in memory at once: a large vocabulary gets shorter passes.
        let rowLimit = min(Session.maximumPassRowCount, max(16, Self.passLogitCount / vocabularySize))
        try text.forEachPass(of: window, rowLimit: rowLimit) { read, predicting throws(SessionError) in
            let tokens = Array(window[read])
            let logits = try own.prefillAllLogits(tokens)
            let referenceLogits = try other.prefillAllLogits(tokens)
            for position in predicting {
                let row = position - read.lowerBound
                let numbers = (row * vocabularySize)..<((row + 1) * vocabularySize)
                let difference = PredictionDifference(
                    logits: logits[numbers], reference: referenceLogits[numbers], token: window[position + 1])
                buckets[(position + 1) / bucketLength].add(difference)
            }
            progress(read.upperBound)
        }
    }

    /// Logits of one model in a pass: 128 MiB.
    private static let passLogitCount = 1 << 25
}
