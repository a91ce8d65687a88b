import LongLM

/// Pass key tasks over lengths and depths, each answered with every attention setting.
///
/// ```swift
/// let directory = "SmolLM2-135M-Instruct"
/// let model = try LanguageModel(directory: directory)
/// let tokenizer = try Tokenizer(contentsOfFile: directory + "/tokenizer.json")
/// let grid = PasskeyGrid(lengths: [4_096, 12_000], depths: [0.1, 0.5, 0.9], promptCount: 2)
/// let rows = try grid.run(model: model, tokenizer: tokenizer, settings: [.plain, .automatic])
/// for row in rows { print(row.length, row.setting, row.accuracy) }
/// ```
public struct PasskeyGrid: Sendable {
    /// The lengths of the prompts with their answers, in tokens.
    public var lengths: [Int]
    /// Where keys are, from 0 (the beginning) to 1 (right before the question).
    public var depths: [Double]
    /// How many prompts there are for each length and depth. Each has a key of its own.
    public var promptCount: Int
    /// Digits of a key.
    public var digitCount: Int
    /// The seed of the random numbers.
    public var seed: UInt64
    /// The words of the prompts.
    public var template: PasskeyTemplate

    /// A grid.
    public init(
        lengths: [Int], depths: [Double], promptCount: Int = 1, digitCount: Int = 5, seed: UInt64 = 0,
        template: PasskeyTemplate = .standard
    ) {
        self.lengths = lengths
        self.depths = depths
        self.promptCount = promptCount
        self.digitCount = digitCount
        self.seed = seed
        self.template = template
    }

    /// The prompts of one length, depth by depth. They don't depend on the grid's other lengths.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when the task doesn't fit into the length.
    public func prompts(length: Int, tokenizer: Tokenizer) throws(EvaluationError) -> [PasskeyPrompt] {
        var generator = SplitMix64(state: seed &+ UInt64(truncatingIfNeeded: length) &* 0x9e37_79b9)
        var prompts: [PasskeyPrompt] = []
        for depth in depths {
            for _ in 0..<promptCount {
                prompts.append(
                    try .make(
                        template, length: length, depth: depth, digitCount: digitCount, tokenizer, &generator))
            }
        }
        return prompts
    }

    /// The prompts of all lengths.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when the task doesn't fit into a length.
    public func batches(tokenizer: Tokenizer) throws(EvaluationError) -> [PasskeyBatch] {
        var batches: [PasskeyBatch] = []
        for length in lengths {
            batches.append(
                PasskeyBatch(length: length, prompts: try prompts(length: length, tokenizer: tokenizer), tokenizer))
        }
        return batches
    }

    /// Runs all lengths with all settings.
    ///
    /// - Parameters:
    ///   - model: The model that answers.
    ///   - tokenizer: The model's tokenizer.
    ///   - settings: The attention settings. Every prompt is answered with each of them.
    ///   - options: How the sessions run. Attention and length come from the grid.
    ///   - progress: Called with the fraction of the work that is done.
    ///   - report: Called with each row when it is finished.
    /// - Returns: A row for every length and setting.
    /// - Throws: ``EvaluationError``. Impossible lengths and settings are refused before any work.
    @discardableResult
    public func run(
        model: LanguageModel, tokenizer: Tokenizer, settings: [AttentionSetting],
        options: SessionOptions = SessionOptions(), progress: ((Double) -> Void)? = nil,
        report: ((PasskeyRow) -> Void)? = nil
    ) throws(EvaluationError) -> [PasskeyRow] {
        try PasskeyBatch.run(
            try batches(tokenizer: tokenizer), model: model, tokenizer: tokenizer, settings: settings, options: options,
            progress: progress,
            report: report)
    }
}

/// Prompts whose results are counted together.
public struct PasskeyBatch: Sendable {
    /// The length that attention is set for, in tokens: that of the longest prompt with its answer, or more.
    public let length: Int
    let prompts: [(prompt: PasskeyPrompt, tokens: [Int])]

    /// A batch.
    ///
    /// - Parameters:
    ///   - length: The least length that attention is set for; nil: that of the longest prompt with its answer.
    ///   - prompts: The prompts.
    ///   - tokenizer: The tokenizer of the model that answers.
    public init(length: Int? = nil, prompts: [PasskeyPrompt], _ tokenizer: Tokenizer) {
        self.prompts = prompts.map { ($0, tokenizer.encode($0.input)) }
        let longest = self.prompts.map { $0.tokens.count + $0.prompt.expected(tokenizer).tokens.count }.max()
        self.length = max(length ?? 1, longest ?? 1)
    }

    /// Answers the prompts of all batches with all settings.
    ///
    /// - Parameters:
    ///   - batches: The prompts.
    ///   - model: The model that answers.
    ///   - tokenizer: The model's tokenizer.
    ///   - settings: The attention settings. Every prompt is answered with each of them.
    ///   - options: How the sessions run. Attention and length come from the batch.
    ///   - progress: Called with the fraction of the work that is done.
    ///   - report: Called with each row when it is finished.
    /// - Returns: A row for every batch and setting.
    /// - Throws: ``EvaluationError``. Impossible lengths and settings are refused before any work.
    @discardableResult
    public static func run(
        _ batches: [PasskeyBatch], model: LanguageModel, tokenizer: Tokenizer, settings: [AttentionSetting],
        options: SessionOptions = SessionOptions(), progress: ((Double) -> Void)? = nil,
        report: ((PasskeyRow) -> Void)? = nil
    ) throws(EvaluationError) -> [PasskeyRow] {
        var runs: [(batch: PasskeyBatch, index: Int, setting: AttentionSetting, mode: AttentionMode)] = []
        for (index, batch) in batches.enumerated() {
            for setting in settings {
                let mode = try setting.mode(length: batch.length, of: model.configuration)
                runs.append((batch, index, setting, mode))
            }
        }
        // Two settings can come to the same mode, which is run once: within the trained context, `auto` is plain.
        let firsts = runs.map { run in runs.firstIndex { $0.index == run.index && $0.mode == run.mode } }
        var work = WorkMeter(progress)
        for (place, run) in runs.enumerated() where firsts[place] == place {
            for (_, tokens) in run.batch.prompts {
                work.add(model.configuration.operationCount(prefillOf: tokens.count))
            }
        }
        var rows: [PasskeyRow] = []
        for (place, run) in runs.enumerated() {
            if let first = firsts[place], first < place {
                let row = PasskeyRow(rows[first], setting: run.setting)
                rows.append(row)
                report?(row)
                continue
            }
            var options = options
            options.attention = run.mode
            options.capacity = run.batch.length
            var results: [PasskeyResult] = []
            let start = ContinuousClock.now
            var prefillTime = Duration.zero
            for (prompt, tokens) in run.batch.prompts {
                let begin = ContinuousClock.now
                let session = try Self.session(model, options, holding: tokens)
                prefillTime += ContinuousClock.now - begin
                let expected = prompt.expected(tokenizer)
                let answer = try session.answer(expecting: expected, tokenLimit: expected.tokens.count, tokenizer)
                results.append(PasskeyResult(prompt, tokenCount: tokens.count, answer))
                work.finish(model.configuration.operationCount(prefillOf: tokens.count))
            }
            let row = PasskeyRow(
                length: run.batch.length, setting: run.setting, mode: run.mode, results: results,
                prefillSeconds: prefillTime / .seconds(1), seconds: (ContinuousClock.now - start) / .seconds(1))
            rows.append(row)
            report?(row)
        }
        return rows
    }

    private static func session(
        _ model: LanguageModel, _ options: SessionOptions, holding tokens: [Int]
    ) throws(EvaluationError) -> Session {
        do throws(SessionError) {
            let session = try Session(model: model, options: options)
            try session.prefill(tokens)
            return session
        } catch { throw .session(error) }
    }
}

/// A model's results on prompts of one length with one attention setting.
public struct PasskeyRow: Sendable, Codable, Equatable {
    /// The length that attention was set for, in tokens.
    public let length: Int
    /// The setting that was asked for, as ``AttentionSetting/name`` has it.
    public let setting: String
    /// The mode that ran: `plain`, `selfExtend`, or the text of another, such as `string:2730:128`.
    public let mode: String
    /// G; nil: the mode isn't Self-Extend.
    public let groupSize: Int?
    /// W; nil: the mode isn't Self-Extend.
    public let neighborWindow: Int?
    /// The fraction of prompts whose key was found.
    public let accuracy: Double
    /// The number of prompts.
    public let count: Int
    /// The mean of the logarithms (ln) of the keys' probabilities.
    public let meanLogLikelihood: Double
    /// Tokens of prompts processed per second.
    public let prefillTokensPerSecond: Double
    /// The time for all prompts with their answers, in seconds.
    public let seconds: Double
    /// The result of each prompt.
    public let results: [PasskeyResult]

    init(
        length: Int, setting: AttentionSetting, mode: AttentionMode, results: [PasskeyResult], prefillSeconds: Double,
        seconds: Double
    ) {
        self.length = length
        self.setting = setting.name
        self.mode = mode.reportedName
        groupSize = mode.selfExtend?.groupSize
        neighborWindow = mode.selfExtend?.neighborWindow
        count = results.count
        accuracy = Double(results.count { $0.isFound }) / Double(max(1, count))
        meanLogLikelihood = results.reduce(0) { $0 + $1.logLikelihood } / Double(max(1, count))
        let tokenCount = results.reduce(0) { $0 + $1.promptTokenCount }
        prefillTokensPerSecond = prefillSeconds > 0 ? Double(tokenCount) / prefillSeconds : 0
        self.seconds = seconds
        self.results = results
    }

    /// The row of another setting that comes to the same mode.
    init(_ row: PasskeyRow, setting: AttentionSetting) {
        length = row.length
        self.setting = setting.name
        mode = row.mode
        groupSize = row.groupSize
        neighborWindow = row.neighborWindow
        accuracy = row.accuracy
        count = row.count
        meanLogLikelihood = row.meanLogLikelihood
        prefillTokensPerSecond = row.prefillTokensPerSecond
        seconds = row.seconds
        results = row.results
    }
}

/// How a model answered one prompt.
public struct PasskeyResult: Sendable, Codable, Equatable {
    /// Tokens of the prompt.
    public let promptTokenCount: Int
    /// The right answer.
    public let target: String
    /// What the model continued with.
    public let answer: String
    /// Whether the model's answer contains the right one.
    public let isFound: Bool
    /// ln of the right answer's probability.
    public let logLikelihood: Double

    init(_ prompt: PasskeyPrompt, tokenCount: Int, _ answer: Answer) {
        promptTokenCount = tokenCount
        target = prompt.target
        self.answer = answer.text
        isFound = answer.isFound
        logLikelihood = answer.logLikelihood
    }
}
