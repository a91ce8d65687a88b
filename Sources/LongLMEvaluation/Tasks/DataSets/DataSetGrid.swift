import LongLM

/// How the samples of a file are asked.
public struct DataSetOptions: Sendable {
    /// How answers are scored; nil: as each data set's authors score them, and samples that none of the metrics suits are left
    /// out.
    public var metric: TaskMetric?
    /// The most tokens of an answer; nil: LongBench's number for each of its data sets, 512 for samples of L-Eval, and 128
    /// for others.
    public var answerTokenLimit: Int?
    /// The first so many samples of each data set; nil: all of them.
    public var count: Int?
    /// How a sample becomes a prompt.
    public var template: DataSetTemplate
    /// The most tokens of a prompt and its longest answer; nil: any number.
    public var maximumLength: Int?
    /// Whether a longer prompt loses its middle, as in LongBench. Otherwise it is refused.
    public var truncatesMiddle: Bool

    /// Options, by default those of the data sets' authors and a plain template.
    public init(
        metric: TaskMetric? = nil, answerTokenLimit: Int? = nil, count: Int? = nil,
        template: DataSetTemplate = .standard, maximumLength: Int? = nil, truncatesMiddle: Bool = false
    ) {
        self.metric = metric
        self.answerTokenLimit = answerTokenLimit
        self.count = count
        self.template = template
        self.maximumLength = maximumLength
        self.truncatesMiddle = truncatesMiddle
    }
}

/// A data set in a file, and how its samples are asked.
public struct DataSetPart: Sendable, Codable, Equatable {
    /// The data set's name.
    public let name: String
    /// The number of its samples that are asked.
    public internal(set) var count: Int
    /// How answers are scored.
    public let metric: TaskMetric
    /// The most tokens of an answer.
    public let answerTokenLimit: Int
}

/// Which prompts a sweep over a file's samples asks, in the order of the file.
public struct DataSetGrid: Sendable {
    /// The data sets, in the order of the file.
    public let parts: [DataSetPart]
    /// Samples that are left out because no metric suits them, as a count for each data set and reason.
    public let leftOut: [(dataSet: String, reason: String, count: Int)]
    let dataSet: DataSet
    let options: DataSetOptions
    let form: TaskForm
    let shard: Shard?
    let places: [Place]

    /// One prompt of the grid.
    struct Place: PromptPlace {
        /// The index of its sample in the file.
        let sample: Int
        /// The index of its data set.
        let part: Int
        /// The sample's number in its data set, from 0.
        let number: Int
        let length: Int
        let answerTokenLimit: Int
        let isTruncated: Bool
        let index: Int
    }

    /// A grid. Prompts that are too long are refused here.
    ///
    /// - Parameters:
    ///   - dataSet: The samples.
    ///   - options: How they are asked.
    ///   - shard: The part of the grid to ask; nil: all of it. Only its prompts are made.
    ///   - form: How a prompt becomes tokens.
    /// - Throws: ``EvaluationError``, also when no sample is left, when a data set mixes metrics, and when the task is
    ///   cancelled.
    public init(
        _ dataSet: DataSet, options: DataSetOptions = DataSetOptions(), shard: Shard? = nil, form: TaskForm
    ) throws(EvaluationError) {
        for (name, value) in [("answers", options.answerTokenLimit), ("prompts", options.maximumLength)] {
            if let value, !(1...1 << 24).contains(value) {
                throw .invalidSetting("the most tokens of \(name) are \(value); they must be between 1 and \(1 << 24)")
            }
        }
        if let count = options.count, count < 1 {
            throw .invalidSetting("a count of \(count) samples; there must be at least 1")
        }
        self.dataSet = dataSet
        self.options = options
        self.form = form
        self.shard = shard
        var parts: [DataSetPart] = []
        var indices: [String: Int] = [:]
        var leftOut: [(dataSet: String, reason: String, count: Int)] = []
        var reasons: [[String]: Int] = [:]
        var places: [Place] = []
        var index = 0
        for (number, sample) in dataSet.samples.enumerated() {
            let rule = DataSetRule(for: sample, metric: options.metric)
            guard let metric = rule.metric else {
                let known = reasons[[sample.dataSet, rule.reason]] ?? leftOut.count
                if known == leftOut.count {
                    reasons[[sample.dataSet, rule.reason]] = known
                    leftOut.append((sample.dataSet, rule.reason, 0))
                }
                leftOut[known].count += 1
                continue
            }
            let limit = options.answerTokenLimit ?? rule.answerTokenLimit
            let part = indices[sample.dataSet] ?? parts.count
            if part == parts.count {
                indices[sample.dataSet] = part
                parts.append(DataSetPart(name: sample.dataSet, count: 0, metric: metric, answerTokenLimit: limit))
            }
            guard parts[part].metric == metric else {
                throw .malformedLine(
                    file: dataSet.path, line: sample.line,
                    reason: "is scored by \(metric.rawValue), and earlier samples of \(sample.dataSet) by "
                        + "\(parts[part].metric.rawValue); choose one for all with --metric")
            }
            guard parts[part].count < options.count ?? .max else { continue }
            if shard?.contains(index) ?? true {
                if Task.isCancelled { throw .session(.cancelled(position: 0)) }
                let prompt = try Self.prompt(of: sample, limit, options, form, dataSet.path)
                places.append(
                    Place(
                        sample: number, part: part, number: parts[part].count, length: prompt.tokens.count + limit,
                        answerTokenLimit: limit, isTruncated: prompt.isTruncated, index: index))
            }
            parts[part].count += 1
            index += 1
        }
        guard !parts.isEmpty else {
            let reasons = leftOut.map { "\($0.dataSet): \($0.reason)" }.prefix(3).joined(separator: "; ")
            throw .file(dataSet.path, reason: "holds no sample that can be scored here (\(reasons))")
        }
        self.parts = parts
        self.leftOut = leftOut
        self.places = places
    }

    /// The lengths of the prompts with their longest answers, each once.
    public var lengths: [Int] { Set(places.map(\.length)).sorted() }

    func prompt(_ place: Place) throws(EvaluationError) -> (text: String, tokens: [Int]) {
        let prompt = try Self.prompt(
            of: dataSet.samples[place.sample], place.answerTokenLimit, options, form, dataSet.path)
        return (prompt.text, prompt.tokens)
    }

    private static func prompt(
        of sample: DataSetSample, _ limit: Int, _ options: DataSetOptions, _ form: TaskForm, _ path: String
    ) throws(EvaluationError) -> (text: String, tokens: [Int], isTruncated: Bool) {
        let text = try options.template.prompt(of: sample)
        let tokens = try form.tokens(TaskSample(prompt: text, answerPrefix: "", references: []))
        let most = options.maximumLength ?? 1 << 24
        guard tokens.count + limit > most else { return (text, tokens, false) }
        func refuse(_ reason: String) -> EvaluationError {
            .malformedLine(file: path, line: sample.line, reason: reason)
        }
        guard options.truncatesMiddle else {
            throw refuse(
                "the prompt and an answer of \(limit) tokens take \(tokens.count + limit) tokens, more than \(most); "
                    + "--truncate middle keeps its first and last half")
        }
        guard let cut = try form.truncated(text, tokenCount: most - limit) else {
            throw refuse("\(most) tokens have no room for a prompt and an answer of \(limit)")
        }
        return (cut.text, cut.tokens, true)
    }

    /// The prompts as JSON lines: `task` (the data set), `index` (the sample's number), `line`, `input`, `outputs` (the right
    /// answers), `length`, `tokens` (of the prompt) and `truncated`.
    ///
    /// - Parameter write: Called with each line and its line break.
    /// - Throws: ``EvaluationError``, or what `write` throws.
    public func writePrompts(_ write: (String) throws(EvaluationError) -> Void) throws(EvaluationError) {
        for place in places {
            let (text, tokens) = try prompt(place)
            let sample = dataSet.samples[place.sample]
            try write(
                jsonLine(
                    PromptLine(
                        task: parts[place.part].name, index: place.number, line: sample.line, input: text,
                        outputs: sample.answers, length: place.length, tokens: tokens.count,
                        truncated: place.isTruncated)))
        }
    }
}

/// A line of ``DataSetGrid/writePrompts(_:)``.
private struct PromptLine: Encodable {
    let task: String
    let index: Int
    let line: Int
    let input: String
    let outputs: [String]
    let length: Int
    let tokens: Int
    let truncated: Bool
}

extension TaskForm {
    /// A prompt without its middle, as LongBench truncates: the first and the last half of the tokens that fit stay, and
    /// their texts become one.
    ///
    /// - Parameter tokenCount: The most tokens, with those of the chat format.
    /// - Returns: nil when there is no room for a token of each half.
    func truncated(_ text: String, tokenCount: Int) throws(EvaluationError) -> (text: String, tokens: [Int])? {
        let ids = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
        var kept = min(tokenCount, ids.count)
        // The halves may be divided otherwise where they meet, and a chat format takes tokens as well. The least step
        // doubles, so that there are few of them.
        var step = 1
        while kept >= 2 {
            let half = kept / 2
            var (head, tail) = ("", "")
            do throws(TokenizerError) {
                head = try tokenizer.decode(Array(ids.prefix(half)))
                tail = try tokenizer.decode(ids.suffix(half))
            } catch { throw .tokenizer(error) }
            // A token may hold a part of a character.
            while head.unicodeScalars.last == "\u{fffd}" { head.unicodeScalars.removeLast() }
            let text = head + String(tail.unicodeScalars.drop { $0 == "\u{fffd}" })
            let tokens = try tokens(TaskSample(prompt: text, answerPrefix: "", references: []))
            if tokens.count <= tokenCount { return (text, tokens) }
            kept -= max(tokens.count - tokenCount, step)
            step *= 2
        }
        return nil
    }
}
