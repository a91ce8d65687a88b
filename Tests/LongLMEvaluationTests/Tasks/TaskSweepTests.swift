import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

/// Sweeps over tasks with the model of Fixtures/passkey-tiny, whose tokens are letters.
@Suite("Sweeps over tasks")
struct TaskSweepTests {
    private let tiny: PasskeyModel
    private let directory: TemporaryDirectory

    init() throws {
        tiny = try PasskeyModel()
        directory = try TemporaryDirectory()
    }

    private func grid(
        tasks: [RulerTask] = [.singleNeedle1, .frequentWords], lengths: [Int] = [1000, 1200], count: Int = 2,
        seed: UInt64 = 3
    ) throws -> TaskGrid {
        try TaskGrid(
            tasks: tasks, lengths: lengths, count: count, seed: seed,
            hay: TaskHay(tiny.sentences(letterCount: 700), name: "hay.txt"), form: TaskForm(tokenizer: tiny.tokenizer))
    }

    private func sweep(
        _ grid: TaskGrid, settings: [AttentionSetting] = [.plain, .automatic], shard: String? = nil
    ) throws -> TaskSweep {
        try TaskSweep(grid, settings: settings, shard: shard.flatMap { Shard($0) }, model: tiny.model)
    }

    private func header(
        _ grid: TaskGrid, settings: [AttentionSetting] = [.plain, .automatic], shard: String? = nil
    ) throws -> TaskHeader {
        try TaskHeader(
            sweep(grid, settings: settings, shard: shard), shard: shard.flatMap { Shard($0) }, modelName: "tiny",
            haystackName: "hay.txt")
    }

    /// Runs what is missing of a sweep, as the command does, and returns the rows that it ran.
    @discardableResult
    private func finish(_ path: String, shard: String? = nil) throws -> [TaskRow] {
        let grid = try grid()
        let sweep = try sweep(grid, shard: shard)
        let file = try TaskFile(path: path, header: header(grid, shard: shard), sweep: sweep, resumes: true)
        var rows: [TaskRow] = []
        try sweep.run(skipping: Set(file.rows.map(\.key))) { row throws(EvaluationError) in
            try file.add(row)
            rows.append(row)
        }
        return rows
    }

    /// Each row is what the prompt's tokens, processed at once, give.
    @Test func rowsAreThoseOfThePrompts() throws {
        let grid = try grid()
        let sweep = try sweep(grid)
        var rows: [TaskRow] = []
        var fractions: [Double] = []
        try sweep.run(progress: { fractions.append($0) }) { rows.append($0) }
        #expect(rows.map(\.cell) == Array(0..<16) && sweep.cellCount == 16)
        #expect(Set(rows.map(\.key)).count == 16)
        // Sums of floating-point numbers may fall short by their last digits.
        #expect(abs(try #require(fractions.last) - 1) < 1e-9)
        let hay = try TaskHay(tiny.sentences(letterCount: 700), name: "hay.txt")
        for row in rows {
            let task = try #require(RulerTask(rawValue: row.task))
            let (sample, tokens) = try task.sample(
                length: row.length, number: row.sample, seed: 3, hay: hay, form: TaskForm(tokenizer: tiny.tokenizer))
            #expect(row.promptTokenCount == tokens.count && row.references == sample.references)
            let mode = try #require(AttentionSetting(row.setting)).mode(
                length: row.length, of: tiny.model.configuration)
            #expect(row.mode == mode.text)
            let session = try Session(
                model: tiny.model, options: SessionOptions(attention: mode, capacity: row.length))
            try session.prefill(tokens)
            let generation = try Generation(
                session: session, options: GenerationOptions(tokenLimit: task.answerTokenLimit))
            var answer: [Int] = []
            while let token = try generation.next() { if let id = token.id { answer.append(id) } }
            #expect(row.prediction == (try tiny.tokenizer.decode(answer)))
            #expect(row.score == task.metric.score(row.prediction, references: row.references))
        }
        // The order is task, length, sample, method.
        #expect(rows.prefix(4).map(\.sample) == [0, 0, 1, 1])
        #expect(rows.map(\.length).prefix(5) == [1000, 1000, 1000, 1000, 1200])
        #expect(Set(rows.prefix(8).map(\.task)) == ["niah_single_1"])
    }

    @Test("Methods that come to the same mode are answered once, and give rows of their own")
    func equalModes() throws {
        let automatic = try AttentionSetting.automatic.mode(length: 1000, of: tiny.model.configuration)
        let stated = try #require(AttentionSetting(automatic.text))
        let sweep = try sweep(
            grid(tasks: [.singleNeedle1], lengths: [1000], count: 1), settings: [.automatic, stated])
        var rows: [TaskRow] = []
        var finishedFractions: [Double] = []
        var last = 0.0
        try sweep.run(progress: { last = $0 }) {
            rows.append($0)
            finishedFractions.append(last)
        }
        #expect(rows.count == 2 && rows[0].prediction == rows[1].prediction && rows[0].mode == rows[1].mode)
        #expect(rows[0].setting == "auto" && rows[1].setting == stated.name)
        // The first one was all of the work.
        #expect(finishedFractions == [1, 1])
    }

    @Test("Wherever a file is cut, resuming ends with the bytes of one run")
    func resume() throws {
        let whole = directory.file("whole")
        try finish(whole)
        let bytes = try contents(whole)
        let path = directory.file("cut")
        let breaks = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }
        #expect(breaks.count == 17)
        for (cut, missing) in [(10, 16), (breaks[0] + 1, 16), (breaks[7] + 1, 9), (breaks[7] + 30, 9), (breaks[16], 1)]
        {
            try bytes.prefix(cut).write(to: URL(filePath: path))
            #expect(try finish(path).count == missing)
            #expect(try contents(path) == bytes)
        }
        #expect(try finish(path).isEmpty)
    }

    @Test func mergedShardsAreOneRun() throws {
        let whole = directory.file("whole")
        try finish(whole)
        for count in [1, 3, 8] {
            let parts = (1...count).map { directory.file("part\($0)of\(count)") }
            for (index, part) in parts.enumerated() {
                // All methods of a prompt are in one part.
                let rows = try finish(part, shard: "\(index + 1)/\(count)")
                #expect(rows.allSatisfy { ($0.cell / 2) % count == index })
            }
            let (log, missingCount) = try TaskLog.merge(parts.reversed())
            #expect(missingCount == 0)
            #expect(Data(try log.jsonLines().utf8) == (try contents(whole)))
            #expect(try TaskLog.merge([parts[0]]).missingCount == 16 - TaskLog(contentsOfFile: parts[0]).rows.count)
        }
    }

    @Test func means() throws {
        try finish(directory.file("rows"))
        var log = try TaskLog(contentsOfFile: directory.file("rows"))
        func mean(_ rows: [TaskRow]) -> Double { rows.map(\.score).reduce(0, +) / Double(rows.count) }
        let chosen = log.rows.filter { $0.task == "fwe" && $0.length == 1200 && $0.setting == "auto" }
        #expect(chosen.count == 2)
        #expect(log.meanScore(task: "fwe", length: 1200, setting: "auto") == mean(chosen))
        let needles = log.rows.filter { $0.task == "niah_single_1" && $0.length == 1200 && $0.setting == "auto" }
        #expect(log.meanScore(task: nil, length: 1200, setting: "auto") == (mean(needles) + mean(chosen)) / 2)
        #expect(log.html().contains("niah_single_1") && log.svg(setting: "auto").hasPrefix("<svg "))
        log.rows.removeAll { $0.task == "fwe" }
        #expect(log.meanScore(task: "fwe", length: 1200, setting: "auto") == nil)
        #expect(log.meanScore(task: nil, length: 1200, setting: "auto") == mean(needles))
    }

    @Test func prompts() throws {
        func lines(_ grid: TaskGrid, _ shard: String? = nil) throws -> [String] {
            var lines: [String] = []
            try grid.writePrompts(shard: shard.flatMap { Shard($0) }) { lines.append($0) }
            return lines
        }
        let whole = try lines(grid())
        #expect(whole.count == 8 && Set(whole).count == 8)
        #expect(try lines(grid()) == whole)
        #expect(try lines(grid(seed: 4)) != whole)
        #expect(try lines(grid(), "2/3") == [whole[1], whole[4], whole[7]])
        // A prompt depends on no other one.
        #expect(try lines(grid(tasks: [.frequentWords], count: 1)) == [whole[4], whole[6]])
        #expect(whole[0].contains(#""answer_prefix":"#) && whole[0].hasSuffix("\n"))
    }

    @Test func otherSweeps() throws {
        let path = directory.file("rows")
        try finish(path)
        let before = try contents(path)
        let grid = try grid()
        let others: [(String, TaskHeader)] = [
            ("seed", try header(self.grid(seed: 4))), ("count", try header(self.grid(count: 3))),
            ("tasks", try header(self.grid(tasks: [.singleNeedle1]))),
            ("lengths", try header(self.grid(lengths: [1000]))), ("settings", try header(grid, settings: [.plain])),
            ("shard", try header(grid, shard: "1/2")),
        ]
        for (field, header) in others {
            #expect(
                throws: EvaluationError.differentSweeps(
                    file: path, reason: "belongs to a sweep that differs in \(field)")
            ) { _ = try TaskFile(path: path, header: header, sweep: sweep(grid), resumes: true) }
        }
        #expect(try contents(path) == before)
        let needle = try directory.write(#"{"format":"longlm-needle-1"}"# + "\n", to: "needle")
        #expect(
            throws: EvaluationError.malformedLine(file: needle, line: 1, reason: "is no header of a sweep over tasks")
        ) { _ = try TaskLog(contentsOfFile: needle) }
    }

    @Test func refusals() throws {
        func expectRefusal(_ reason: String, _ body: () throws -> Void) {
            #expect(throws: EvaluationError.invalidSetting(reason)) { try body() }
        }
        expectRefusal("there is no task or no length to measure") { _ = try grid(tasks: []) }
        expectRefusal("there is no task or no length to measure") { _ = try grid(lengths: []) }
        expectRefusal("a task or length is named twice") { _ = try grid(lengths: [1000, 1000]) }
        expectRefusal("a task or length is named twice") { _ = try grid(tasks: [.frequentWords, .frequentWords]) }
        expectRefusal("a count of 0 samples; there must be at least 1") { _ = try grid(count: 0) }
        expectRefusal("100 tokens have no room for the task niah_single_1 and its answer") {
            _ = try grid(lengths: [1000, 100])
        }
        expectRefusal("there is no method to measure") { _ = try sweep(grid(), settings: []) }
        expectRefusal("a method is named twice") { _ = try sweep(grid(), settings: [.plain, .plain]) }
        // (256 − 64) · 2 + 64.
        expectRefusal("2:64 reaches to 448 tokens of a model trained for 256, not to 1000") {
            _ = try sweep(grid(), settings: [.selfExtend(groupSize: 2, neighborWindow: 64)])
        }
    }
}
