import LongLM

/// Tasks over a grid of lengths and samples, with several ways to attend.
public struct TaskSweep {
    let grid: TaskGrid
    let prompts: PromptSweep<TaskGrid.Place>

    /// A sweep. Methods that don't reach to a length are refused here, before any work.
    ///
    /// It runs task by task, length by length, sample by sample, method by method.
    ///
    /// - Parameters:
    ///   - grid: The prompts.
    ///   - settings: The methods, each once.
    ///   - shard: The part of the sweep to run; nil: all of it. A part has all methods of its prompts.
    ///   - model: The model that answers.
    ///   - options: How the sessions run. Attention and length come from the grid and the methods.
    /// - Throws: ``EvaluationError``.
    public init(
        _ grid: TaskGrid, settings: [AttentionSetting], shard: Shard? = nil, model: LanguageModel,
        options: SessionOptions = SessionOptions()
    ) throws(EvaluationError) {
        self.grid = grid
        prompts = try PromptSweep(
            grid.places(shard), settings: settings, form: grid.form, model: model, options: options)
    }

    /// The number of cells to run.
    public var cellCount: Int { prompts.cells.count }

    /// The cells that the sweep's rows are about.
    var keys: [TaskRow.Key] { prompts.cells.map(Self.key) }

    /// Runs the cells that are not finished yet, in their order.
    ///
    /// - Parameters:
    ///   - finished: Cells to leave out.
    ///   - progress: Called with the fraction of the work that is done.
    ///   - report: Called with each row when it is finished. An error that it throws ends the sweep.
    /// - Throws: ``EvaluationError``.
    public func run(
        skipping finished: Set<TaskRow.Key> = [], progress: ((Double) -> Void)? = nil,
        report: (TaskRow) throws(EvaluationError) -> Void
    ) throws(EvaluationError) {
        var sample: (sample: TaskSample, tokens: [Int])?
        try prompts.run(
            skipping: { finished.contains(Self.key($0)) },
            prompt: { place throws(EvaluationError) in
                let made = try grid.sample(place)
                sample = made
                return made.tokens
            },
            progress: progress
        ) { cell, answer throws(EvaluationError) in
            guard let sample else { return }
            try report(
                TaskRow(
                    cell, promptTokenCount: sample.tokens.count, prediction: answer,
                    references: sample.sample.references))
        }
    }

    private static func key(_ cell: PromptSweep<TaskGrid.Place>.Cell) -> TaskRow.Key {
        TaskRow.Key(
            task: cell.place.task.rawValue, length: cell.place.length, sample: cell.place.number,
            setting: cell.setting.name)
    }
}
