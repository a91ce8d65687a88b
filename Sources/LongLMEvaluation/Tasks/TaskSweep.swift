import LongLM

/// Tasks over a grid of lengths and samples, with several ways to attend.
public struct TaskSweep {
    /// One prompt with one method.
    struct Cell {
        let place: TaskGrid.Place
        let setting: AttentionSetting
        let mode: AttentionMode
        /// The place in the order in which the whole sweep runs.
        let index: Int

        var key: TaskRow.Key {
            TaskRow.Key(
                task: place.task.rawValue, length: place.length, sample: place.number, setting: setting.name)
        }
    }

    /// What the model said to a prompt.
    struct Answer {
        let text: String
        let references: [String]
        let promptTokenCount: Int
    }

    let grid: TaskGrid
    let settings: [AttentionSetting]
    let model: LanguageModel
    let options: SessionOptions
    /// In the order in which they run: task by task, length by length, sample by sample, method by method.
    let cells: [Cell]

    /// A sweep. Methods that don't reach to a length are refused here, before any work.
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
        guard !settings.isEmpty else { throw .invalidSetting("there is no method to measure") }
        guard Set(settings.map(\.name)).count == settings.count else {
            throw .invalidSetting("a method is named twice")
        }
        self.grid = grid
        self.settings = settings
        self.model = model
        self.options = options
        var modes: [Int: [AttentionMode]] = [:]
        for length in grid.lengths {
            for setting in settings {
                modes[length, default: []].append(try setting.mode(length: length, of: model.configuration))
            }
        }
        var cells: [Cell] = []
        for place in grid.places(shard) {
            for (number, (setting, mode)) in zip(settings, modes[place.length] ?? []).enumerated() {
                cells.append(
                    Cell(place: place, setting: setting, mode: mode, index: place.index * settings.count + number))
            }
        }
        self.cells = cells
    }

    /// The number of cells to run.
    public var cellCount: Int { cells.count }

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
        let cells = cells.filter { !finished.contains($0.key) }
        var work = WorkMeter(progress)
        // Two methods can come to the same: within the trained context, `auto` is the plain mode.
        var place: TaskGrid.Place?
        var modes: [AttentionMode] = []
        for cell in cells {
            if place != cell.place { (place, modes) = (cell.place, []) }
            guard !modes.contains(cell.mode) else { continue }
            modes.append(cell.mode)
            work.add(amount(cell.place.length))
        }
        var prompt: (place: TaskGrid.Place, sample: TaskSample, tokens: [Int])?
        var answers: [(mode: AttentionMode, answer: Answer)] = []
        for cell in cells {
            if prompt?.place != cell.place {
                let (sample, tokens) = try grid.sample(cell.place)
                prompt = (cell.place, sample, tokens)
                answers = []
            }
            guard let prompt else { continue }
            if let known = answers.first(where: { $0.mode == cell.mode }) {
                try report(TaskRow(cell, known.answer))
                continue
            }
            let answer = try answer(cell, prompt.sample, prompt.tokens) { work.report(partial: amount($0)) }
            work.finish(amount(cell.place.length))
            answers.append((cell.mode, answer))
            try report(TaskRow(cell, answer))
        }
    }

    /// Processes a prompt and lets the model answer it.
    private func answer(
        _ cell: Cell, _ sample: TaskSample, _ prompt: [Int], progress: @escaping (Int) -> Void
    ) throws(EvaluationError) -> Answer {
        let tokenizer = grid.form.tokenizer
        var options = options
        options.attention = cell.mode
        options.capacity = cell.place.length
        let session: Session
        do throws(SessionError) {
            session = try Session(model: model, options: options)
            try session.prefill(prompt, progress: progress)
        } catch { throw .session(error) }
        let generationOptions = GenerationOptions(
            tokenLimit: cell.place.task.answerTokenLimit,
            endTokens: grid.form.chatFormat?.endTokens(of: model, with: tokenizer))
        var text = ""
        var detokenizer = tokenizer.makeDetokenizer(after: prompt)
        do throws(GenerationError) {
            let generation = try Generation(session: session, options: generationOptions)
            while let token = try generation.next() {
                guard let id = token.id else { continue }
                do throws(TokenizerError) {
                    text += try detokenizer.append(id)
                } catch { throw .tokenizer(error) }
            }
        } catch .session(let error) {
            throw .session(error)
        } catch { throw .generation(error) }
        text += detokenizer.finish()
        return Answer(text: text, references: sample.references, promptTokenCount: prompt.count)
    }

    private func amount(_ tokenCount: Int) -> Double { model.configuration.operationCount(prefillOf: tokenCount) }
}
