/// The scores of a sweep's prompts, added up in every way that a comparison shows.
struct ScoreSheet {
    let modes: [MethodMode]
    let scores: [MethodScore]
    let means: [MethodScore]
    let pairs: [MethodPair]

    private struct Cell: Hashable {
        let task: String
        let length: Int
    }

    private struct Prompt: Hashable {
        let cell: Cell
        let sample: Int
    }

    init(_ log: TaskLog) {
        let header = log.header
        let (methods, lengths) = (header.settings, header.lengths.sorted())

        var modeNames: [String: String] = [:]
        func modeKey(_ method: String, _ length: Int) -> String { "\(length) \(method)" }
        var answers: [Prompt: [String: Double]] = [:]
        for row in log.rows {
            modeNames[modeKey(row.setting, row.length)] = row.mode
            let cell = Cell(task: row.task, length: row.length)
            answers[Prompt(cell: cell, sample: row.sample), default: [:]][row.setting] = min(max(row.score, 0), 1)
        }
        modes = methods.flatMap { method in
            lengths.compactMap { length in
                modeNames[modeKey(method, length)].map { MethodMode(method: method, length: length, mode: $0) }
            }
        }

        // [cell][sample][method], of the prompts that all methods have answered, in the order of the samples.
        var complete: [Cell: [[Double]]] = [:]
        let prompts = answers.keys.sorted { $0.sample < $1.sample }
        for prompt in prompts {
            let scores = methods.compactMap { answers[prompt]?[$0] }
            if scores.count == methods.count { complete[prompt.cell, default: []].append(scores) }
        }

        // The mean of one cell for each method, and the number of its prompts; nil: there are none.
        func mean(_ cell: Cell) -> (means: [Double], count: Int)? {
            guard let samples = complete[cell] else { return nil }
            return (Self.columnMeans(samples), samples.count)
        }
        // The mean of cells with the same weight, which all must have prompts.
        func mean(_ cells: [Cell]) -> (means: [Double], count: Int)? {
            let known = cells.compactMap(mean)
            guard known.count == cells.count, let least = known.map(\.count).min() else { return nil }
            return (Self.columnMeans(known.map(\.means)), least * cells.count)
        }
        func row(_ task: String?, _ length: Int?, _ mean: (means: [Double], count: Int)?) -> [MethodScore] {
            // Means that differ by no more than roundings are equal.
            let best = mean.flatMap { mean in
                mean.means.max().flatMap { best in mean.means.contains { $0 < best - 1e-9 } ? best : nil }
            }
            return methods.enumerated().map { index, method in
                let score = mean?.means[index]
                let interval = mean.map { ScoreInterval(mean: $0.means[index], count: $0.count) }
                return MethodScore(
                    task: task, length: length, method: method, count: mean?.count ?? 0, score: score,
                    low: interval?.low, high: interval?.high,
                    isBest: best.flatMap { best in score.map { $0 >= best - 1e-9 } } ?? false)
            }
        }
        scores = header.tasks.flatMap { task in
            lengths.flatMap { row(task, $0, mean(Cell(task: task, length: $0))) }
        }
        func cells(_ lengths: [Int]) -> [Cell] {
            lengths.flatMap { length in header.tasks.map { Cell(task: $0, length: length) } }
        }
        means = lengths.flatMap { row(nil, $0, mean(cells([$0]))) } + row(nil, nil, mean(cells(lengths)))

        let samples = complete.values.joined()
        pairs = methods.indices.dropFirst().map { index in
            let better = samples.count { $0[index] > $0[0] }
            let worse = samples.count { $0[index] < $0[0] }
            return MethodPair(
                method: methods[index], reference: methods[0], better: better, worse: worse,
                equal: samples.count - better - worse, probability: signTest(better: better, worse: worse))
        }
    }

    /// The mean of each column.
    private static func columnMeans(_ rows: [[Double]]) -> [Double] {
        guard let first = rows.first else { return [] }
        return first.indices.map { column in rows.reduce(0) { $0 + $1[column] } / Double(rows.count) }
    }
}
