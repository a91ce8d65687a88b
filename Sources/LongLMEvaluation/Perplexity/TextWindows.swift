import LongLM

/// A text cut into windows of one length. Nothing of one is seen in the next.
struct TextWindows {
    /// The tokens of each window, which begins with what the tokenizer puts in front of every text.
    let windows: [[Int]]
    /// How many tokens a window has.
    let length: Int
    /// How many of them the tokenizer puts in front. They predict the first token of the text, and aren't predicted.
    private let prefixCount: Int

    /// - Parameters:
    ///   - text: The text, which fills at least one window.
    ///   - textName: The text's name in errors.
    ///   - length: The length of a window in tokens, at least 2.
    ///   - limit: The most windows; nil: the whole text.
    ///   - tokenizer: The model's tokenizer.
    /// - Throws: ``EvaluationError``.
    init(
        of text: String, textName: String, length: Int, limit: Int?, tokenizer: Tokenizer
    ) throws(EvaluationError) {
        let prefix = tokenizer.encode("")
        let tokens = tokenizer.encode(text, addSpecialTokens: false)
        let textLength = length - prefix.count
        // Nothing predicts the first token.
        guard length >= 2, textLength >= 1 else {
            throw .invalidSetting("a window of \(length) tokens; it must have at least 2")
        }
        guard tokens.count >= textLength else {
            throw .file(textName, reason: "has \(tokens.count) tokens, which don't fill a window of \(length)")
        }
        let count = min(tokens.count / textLength, limit ?? .max)
        windows = (0..<count).map { prefix + tokens[($0 * textLength)..<(($0 + 1) * textLength)] }
        self.length = length
        prefixCount = prefix.count
    }

    /// The positions of a window at which a token of the text is predicted: all but what the tokenizer puts in front, and
    /// without that all but the first.
    var predicted: Range<Int> { max(prefixCount, 1)..<length }

    /// Calls `body` for the passes that read a window, and for each with the tokens that it predicts.
    ///
    /// The last token is predicted but predicts nothing. A pass has a limited number of rows, which bounds the memory of
    /// the logits.
    ///
    /// - Parameters:
    ///   - window: One of ``windows``.
    ///   - rowLimit: The most rows of a pass.
    ///   - body: Given the positions that a pass reads, and those among them after which a token of the text is predicted.
    func forEachPass(
        of window: [Int], rowLimit: Int,
        _ body: (_ read: Range<Int>, _ predicting: Range<Int>) throws(SessionError) -> Void
    ) throws(SessionError) {
        var first = 0
        while first < window.count - 1 {
            let end = min(first + rowLimit, window.count - 1)
            try body(first..<end, min(max(first, prefixCount - 1), end)..<end)
            first = end
        }
    }
}

extension TextWindows {
    /// Reads all windows with each setting, and makes a row of what that adds to buckets of positions.
    ///
    /// - Parameters:
    ///   - options: Buckets and attention settings.
    ///   - modes: The attention mode of each setting.
    ///   - configuration: That of the model, whose work is the measure of progress.
    ///   - progress: Called with the fraction of the work that is done.
    ///   - report: Called with each row when it is finished.
    ///   - bucket: Makes an empty bucket of its first and last position.
    ///   - row: Makes a row of a setting, its mode, the filled buckets and the seconds.
    ///   - read: Reads one window in a mode, adds to the buckets, and says up to which position it has come.
    /// - Throws: ``EvaluationError/session(_:)`` when the task is cancelled or a session can't be made.
    func measure<Bucket, Row>(
        _ options: Perplexity.Options, _ modes: [AttentionMode], _ configuration: ModelConfiguration,
        progress: ((Double) -> Void)?, report: ((Row) -> Void)?, bucket: (Int, Int) -> Bucket,
        row: (AttentionSetting, AttentionMode, [Bucket], Double) -> Row,
        read: ([Int], AttentionMode, inout [Bucket], (Int) -> Void) throws(SessionError) -> Void
    ) throws(EvaluationError) -> [Row] {
        var work = WorkMeter(progress)
        let amount = configuration.operationCount(prefillOf: length)
        // Two settings can come to the same mode, which is measured once: within the trained context, `auto` is plain.
        for (index, mode) in modes.enumerated() where modes.firstIndex(of: mode) == index {
            work.add(amount * Double(windows.count))
        }
        var rows: [Row] = []
        var measured: [(buckets: [Bucket], seconds: Double)?] = []
        for (setting, mode) in zip(options.settings, modes) {
            if let first = modes.firstIndex(of: mode), first < rows.count, let known = measured[first] {
                let repeated = row(setting, mode, known.buckets, known.seconds)
                measured.append(nil)
                rows.append(repeated)
                report?(repeated)
                continue
            }
            var buckets = options.bucketBounds.map { bucket($0.first, $0.last) }
            let start = ContinuousClock.now
            for window in windows {
                do throws(SessionError) {
                    try read(window, mode, &buckets) { position in
                        work.report(partial: configuration.operationCount(prefillOf: position))
                    }
                } catch { throw .session(error) }
                work.finish(amount)
            }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let finished = row(setting, mode, buckets, seconds)
            measured.append((buckets, seconds))
            rows.append(finished)
            report?(finished)
        }
        return rows
    }
}

extension Perplexity.Options {
    /// Refuses what no text can be measured with.
    func validate() throws(EvaluationError) {
        guard bucketLength >= 1 else {
            throw .invalidSetting("a bucket of \(bucketLength) positions; it must have at least 1")
        }
        guard !settings.isEmpty, windowLimit ?? 1 >= 1 else {
            throw .invalidSetting("there is no setting or no window to measure")
        }
    }

    /// The attention mode of each setting.
    func modes(of configuration: ModelConfiguration) throws(EvaluationError) -> [AttentionMode] {
        var modes: [AttentionMode] = []
        for setting in settings { modes.append(try setting.mode(length: windowLength, of: configuration)) }
        return modes
    }

    /// The first and the last position of each bucket.
    var bucketBounds: [(first: Int, last: Int)] {
        let length = min(bucketLength, windowLength)
        return stride(from: 0, to: windowLength, by: length).map { ($0, min($0 + length, windowLength) - 1) }
    }
}
