import LongLM

/// A needle in a haystack over a grid of lengths and depths, with several attention settings.
public struct NeedleSweep {
    /// What is measured: every length at every depth with every setting.
    public struct Grid: Sendable, Equatable {
        /// Tokens of the whole text with its answer.
        public var lengths: [Int]
        /// Where the needle is, in per cent of the hay.
        public var depths: [Double]
        /// The attention settings.
        public var settings: [AttentionSetting]

        /// A grid.
        public init(lengths: [Int], depths: [Double], settings: [AttentionSetting]) {
            self.lengths = lengths
            self.depths = depths
            self.settings = settings
        }
    }

    /// One place of the grid.
    struct Cell {
        let setting: AttentionSetting
        let mode: AttentionMode
        let length: Int
        let depth: Double
        let hayCount: Int
        /// Tokens of the hay before the needle.
        let position: Int
        /// Cells of one group share their beginning: the hay before the needle, with the same attention.
        let group: Int
        /// The place in the order in which the whole sweep runs.
        var index = 0

        var key: NeedleRow.Key { NeedleRow.Key(setting: setting.name, length: length, depth: depth) }

        /// Whether another cell asks the same of the model, under whichever setting.
        func hasAnswer(of other: Cell) -> Bool {
            mode == other.mode && length == other.length && depth == other.depth
        }
    }

    private let task: NeedleTask
    private let model: LanguageModel
    private let options: SessionOptions
    /// In the order in which they run: group by group, and in each from the first needle's place to the last.
    let cells: [Cell]
    private let groupLengths: [Int]

    /// A sweep. Impossible lengths, depths and settings are refused here, before any work.
    ///
    /// - Parameters:
    ///   - task: What is hidden and asked for.
    ///   - grid: The lengths, depths and attention settings.
    ///   - shard: The part of the sweep to run; nil: all of it.
    ///   - model: The model that answers.
    ///   - options: How the sessions run. Attention and length come from the grid.
    /// - Throws: ``EvaluationError``.
    public init(
        _ task: NeedleTask, _ grid: Grid, shard: Shard? = nil, model: LanguageModel,
        options: SessionOptions = SessionOptions()
    ) throws(EvaluationError) {
        self.task = task
        self.model = model
        self.options = options
        let configuration = model.configuration
        var groups: [(setting: AttentionSetting, mode: AttentionMode, length: Int?)] = []
        var groupLengths: [Int] = []
        var cells: [Cell] = []
        for setting in grid.settings {
            for length in grid.lengths {
                let mode = try setting.mode(length: length, of: configuration)
                // Where rotary frequencies depend on the length, texts of two lengths share no beginning.
                let ownLength = configuration.rotary.dependsOnLength ? length : nil
                let group =
                    groups.firstIndex { $0.setting == setting && $0.mode == mode && $0.length == ownLength }
                    ?? groups.count
                if group == groups.count {
                    groups.append((setting, mode, ownLength))
                    groupLengths.append(length)
                }
                groupLengths[group] = max(groupLengths[group], length)
                let hayCount = try task.hayCount(length: length)
                for depth in grid.depths {
                    guard (0...100).contains(depth) else {
                        throw .invalidSetting("a depth of \(depth) %; it must be between 0 and 100")
                    }
                    let position = task.needlePosition(hayCount: hayCount, depth: depth / 100)
                    cells.append(
                        Cell(
                            setting: setting, mode: mode, length: length, depth: depth, hayCount: hayCount,
                            position: position, group: group))
                }
            }
        }
        guard !cells.isEmpty else { throw .invalidSetting("there is no length, no depth or no setting to measure") }
        guard Set(cells.map(\.key)).count == cells.count else {
            throw .invalidSetting("a length, depth or setting is named twice")
        }
        let order = cells.indices.sorted { left, right in
            let (a, b) = (cells[left], cells[right])
            return (a.group, a.position, left) < (b.group, b.position, right)
        }
        for (index, place) in order.enumerated() { cells[place].index = index }
        self.cells = order.map { cells[$0] }.filter { shard?.contains($0.index) ?? true }
        self.groupLengths = groupLengths
    }

    /// The number of cells to run.
    public var cellCount: Int { cells.count }

    /// Runs the cells that are not finished yet, in their order.
    ///
    /// - Parameters:
    ///   - finished: Cells to leave out.
    ///   - reusesPrefixes: Whether hay before the needle is processed once for all cells that share it. The rows are the
    ///     same either way, bit for bit.
    ///   - progress: Called with the fraction of the work that is done.
    ///   - report: Called with each row when it is finished. An error that it throws ends the sweep.
    /// - Throws: ``EvaluationError``.
    public func run(
        skipping finished: Set<NeedleRow.Key> = [], reusesPrefixes: Bool = true, progress: ((Double) -> Void)? = nil,
        report: (NeedleRow) throws(EvaluationError) -> Void
    ) throws(EvaluationError) {
        let wanted = cells.filter { !finished.contains($0.key) }
        // Two settings can come to the same: within the trained context, `auto` is the plain mode.
        var cells: [Cell] = []
        for cell in wanted where !cells.contains(where: { $0.hasAnswer(of: cell) }) { cells.append(cell) }
        var work = WorkMeter(progress)
        for (index, cell) in cells.enumerated() {
            work.add(amount(cell, after: reusesPrefixes && index > 0 ? cells[index - 1] : nil))
        }
        var trunk: Session?
        var previous: Cell?
        var answers: [(cell: Cell, answer: Answer)] = []
        for cell in wanted {
            if let known = answers.first(where: { $0.cell.hasAnswer(of: cell) }) {
                try report(NeedleRow(cell, tokenCount: promptLength(cell), known.answer))
                continue
            }
            if previous?.group != cell.group || !reusesPrefixes { trunk = nil }
            let session: Session
            if let trunk { session = trunk } else { session = try makeSession(cell) }
            trunk = session
            let answer = try answer(cell, trunk: session) { work.report(partial: $0) }
            work.finish(amount(cell, after: reusesPrefixes ? previous : nil))
            previous = cell
            answers.append((cell, answer))
            try report(NeedleRow(cell, tokenCount: promptLength(cell), answer))
        }
    }

    /// Processes the hay up to the needle's place in the trunk, and the rest and the answer in a fork of it.
    private func answer(
        _ cell: Cell, trunk: Session, progress: @escaping (Double) -> Void
    ) throws(EvaluationError) -> Answer {
        let branch: Session
        do throws(SessionError) {
            let start = trunk.position
            let beginning = tokens(cell, in: start..<(task.prefix.count + cell.position))
            if !beginning.isEmpty {
                try trunk.prefill(beginning) { progress(operations(start..<(start + $0))) }
            }
            let place = trunk.position
            branch = try trunk.fork()
            try branch.prefill(task.needleTokens + task.hayTokens(cell.position..<cell.hayCount) + task.questionTokens)
            {
                progress(operations(start..<(place + $0)))
            }
        } catch { throw .session(error) }
        return try task.answer(branch)
    }

    /// Tokens before the needle: the tokenizer's prefix and the hay.
    private func tokens(_ cell: Cell, in range: Range<Int>) -> [Int] {
        let prefixCount = task.prefix.count
        return Array(task.prefix.dropFirst(range.lowerBound))
            + task.hayTokens(max(0, range.lowerBound - prefixCount)..<(range.upperBound - prefixCount))
    }

    private func makeSession(_ cell: Cell) throws(EvaluationError) -> Session {
        var options = options
        options.attention = cell.mode
        options.capacity = groupLengths[cell.group]
        do {
            return try Session(model: model, options: options)
        } catch { throw .session(error) }
    }

    private func promptLength(_ cell: Cell) -> Int {
        task.prefix.count + task.needleTokens.count + cell.hayCount + task.questionTokens.count
    }

    /// The operations of a cell that runs after `previous`. If both are in one group, the text before the previous needle
    /// has been processed already.
    private func amount(_ cell: Cell, after previous: Cell?) -> Double {
        let shared = previous.map { $0.group == cell.group ? task.prefix.count + $0.position : 0 } ?? 0
        return operations(shared..<promptLength(cell))
    }

    private func operations(_ positions: Range<Int>) -> Double {
        model.configuration.operationCount(prefillOf: positions.upperBound)
            - model.configuration.operationCount(prefillOf: positions.lowerBound)
    }
}
