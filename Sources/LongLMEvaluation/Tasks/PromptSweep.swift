import LongLM

/// A prompt of a sweep, wherever prompts come from.
protocol PromptPlace: Sendable, Hashable {
    /// Tokens of the prompt and of the longest answer.
    var length: Int { get }
    /// The most tokens of an answer.
    var answerTokenLimit: Int { get }
    /// The place in the order in which the whole sweep runs.
    var index: Int { get }
}

/// Prompts that a model answers with several methods: what all sweeps over tasks share.
struct PromptSweep<Place: PromptPlace> {
    /// One prompt with one method.
    struct Cell {
        let place: Place
        let setting: AttentionSetting
        let mode: AttentionMode
        /// The place in the order in which the whole sweep runs.
        let index: Int
    }

    let form: TaskForm
    let settings: [AttentionSetting]
    let model: LanguageModel
    let options: SessionOptions
    /// In the order in which they run: prompt by prompt, method by method.
    let cells: [Cell]

    /// - Parameters:
    ///   - places: The prompts to ask, all of them or those of a part.
    ///   - settings: The methods, each once. One that doesn't reach to a length is refused here.
    ///   - form: How prompts become tokens.
    ///   - model: The model that answers.
    ///   - options: How the sessions run. Attention and length come from the prompts and the methods.
    init(
        _ places: [Place], settings: [AttentionSetting], form: TaskForm, model: LanguageModel, options: SessionOptions
    ) throws(EvaluationError) {
        guard !settings.isEmpty else { throw .invalidSetting("there is no method to measure") }
        guard Set(settings.map(\.name)).count == settings.count else {
            throw .invalidSetting("a method is named twice")
        }
        self.form = form
        self.settings = settings
        self.model = model
        self.options = options
        var modes: [Int: [AttentionMode]] = [:]
        var cells: [Cell] = []
        for place in places {
            if modes[place.length] == nil {
                for setting in settings {
                    let mode = try setting.mode(length: place.length, of: model.configuration)
                    modes[place.length, default: []].append(mode)
                }
            }
            for (number, (setting, mode)) in zip(settings, modes[place.length] ?? []).enumerated() {
                cells.append(
                    Cell(place: place, setting: setting, mode: mode, index: place.index * settings.count + number))
            }
        }
        self.cells = cells
    }

    /// Runs cells in their order.
    ///
    /// - Parameters:
    ///   - isFinished: Whether to leave a cell out.
    ///   - prompt: Makes a prompt's tokens.
    ///   - progress: Called with the fraction of the work that is done.
    ///   - report: Called with each cell and the model's answer. An error that it throws ends the sweep.
    func run(
        skipping isFinished: (Cell) -> Bool, prompt: (Place) throws(EvaluationError) -> [Int],
        progress: ((Double) -> Void)?, report: (Cell, String) throws(EvaluationError) -> Void
    ) throws(EvaluationError) {
        let cells = cells.filter { !isFinished($0) }
        var work = WorkMeter(progress)
        // Two methods can come to the same: within the trained context, `auto` is the plain mode.
        var place: Place?
        var modes: [AttentionMode] = []
        for cell in cells {
            if place != cell.place { (place, modes) = (cell.place, []) }
            guard !modes.contains(cell.mode) else { continue }
            modes.append(cell.mode)
            work.add(amount(cell.place.length))
        }
        var current: (place: Place, tokens: [Int])?
        var answers: [(mode: AttentionMode, answer: String)] = []
        for cell in cells {
            if current?.place != cell.place {
                current = (cell.place, try prompt(cell.place))
                answers = []
            }
            guard let current else { continue }
            if let known = answers.first(where: { $0.mode == cell.mode }) {
                try report(cell, known.answer)
                continue
            }
            let answer = try answer(cell, current.tokens) { work.report(partial: amount($0)) }
            work.finish(amount(cell.place.length))
            answers.append((cell.mode, answer))
            try report(cell, answer)
        }
    }

    /// Processes a prompt and lets the model answer it.
    private func answer(
        _ cell: Cell, _ prompt: [Int], progress: @escaping (Int) -> Void
    ) throws(EvaluationError) -> String {
        let tokenizer = form.tokenizer
        var options = options
        options.attention = cell.mode
        options.capacity = cell.place.length
        let session: Session
        do throws(SessionError) {
            session = try Session(model: model, options: options)
            try session.prefill(prompt, progress: progress)
        } catch { throw .session(error) }
        let generationOptions = GenerationOptions(
            tokenLimit: cell.place.answerTokenLimit, endTokens: form.chatFormat?.endTokens(of: model, with: tokenizer))
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
        return text + detokenizer.finish()
    }

    private func amount(_ tokenCount: Int) -> Double { model.configuration.operationCount(prefillOf: tokenCount) }

    /// What headers say of the model.
    ///
    /// - Returns: The SHA-256 of the logits that the plain model gives after a short question, which depend on the model, the
    ///   tokenizer, the precision and the form of prompts; and how keys and values are kept, such as `float32`.
    func fingerprint() throws(EvaluationError) -> (fingerprint: String, cache: String) {
        let probe = TaskSample(prompt: "What is the answer?", answerPrefix: " The answer is", references: [])
        let tokens = try form.tokens(probe)
        var options = options
        options.attention = .plain
        options.capacity = tokens.count
        do throws(SessionError) {
            let session = try Session(model: model, options: options)
            try session.prefill(tokens)
            return (LogitHash.sha256(session.logits), "\(session.cacheFormat)")
        } catch { throw .session(error) }
    }
}
