import LongLM

/// The samples of a file, with several ways to attend.
public struct DataSetSweep {
    let grid: DataSetGrid
    let prompts: PromptSweep<DataSetGrid.Place>

    /// A sweep. Methods that don't reach to a prompt's length are refused here, before any work.
    ///
    /// It runs sample by sample, method by method. A method without settings takes those for the prompt's length.
    ///
    /// - Parameters:
    ///   - grid: The prompts.
    ///   - settings: The methods, each once. A part of a sweep has all methods of its prompts.
    ///   - model: The model that answers.
    ///   - options: How the sessions run. Attention and length come from the prompts and the methods.
    /// - Throws: ``EvaluationError``.
    public init(
        _ grid: DataSetGrid, settings: [AttentionSetting], model: LanguageModel,
        options: SessionOptions = SessionOptions()
    ) throws(EvaluationError) {
        self.grid = grid
        prompts = try PromptSweep(grid.places, settings: settings, form: grid.form, model: model, options: options)
    }

    /// The number of cells to run.
    public var cellCount: Int { prompts.cells.count }

    /// The cells that the sweep's rows are about.
    var keys: [DataSetRow.Key] { prompts.cells.map(key) }

    /// Runs the cells that are not finished yet, in their order.
    ///
    /// - Parameters:
    ///   - finished: Cells to leave out.
    ///   - progress: Called with the fraction of the work that is done.
    ///   - report: Called with each row when it is finished. An error that it throws ends the sweep.
    /// - Throws: ``EvaluationError``.
    public func run(
        skipping finished: Set<DataSetRow.Key> = [], progress: ((Double) -> Void)? = nil,
        report: (DataSetRow) throws(EvaluationError) -> Void
    ) throws(EvaluationError) {
        try prompts.run(
            skipping: { finished.contains(key($0)) },
            prompt: { place throws(EvaluationError) in try grid.prompt(place).tokens }, progress: progress
        ) { cell, answer throws(EvaluationError) in try report(DataSetRow(cell, grid, prediction: answer)) }
    }

    private func key(_ cell: PromptSweep<DataSetGrid.Place>.Cell) -> DataSetRow.Key {
        DataSetRow.Key(
            dataSet: grid.parts[cell.place.part].name, sample: cell.place.number, setting: cell.setting.name)
    }
}

/// The file of a sweep over samples of a file.
public typealias DataSetFile = SweepFile<DataSetHeader>
/// The contents of such a sweep's file.
public typealias DataSetLog = SweepLog<DataSetHeader>

extension SweepFile where Header == DataSetHeader {
    /// Opens a file for a sweep.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - header: The sweep's header.
    ///   - sweep: The sweep, whose cells the rows must be.
    ///   - resumes: Whether to keep the rows that the file has. Otherwise a file that isn't empty is refused.
    /// - Throws: ``EvaluationError`` when the file can't be written, is in use, or holds anything but rows of this sweep.
    public convenience init(
        path: String, header: DataSetHeader, sweep: DataSetSweep, resumes: Bool
    ) throws(EvaluationError) {
        try self.init(path: path, header: header, cells: Set(sweep.keys), resumes: resumes)
    }
}
