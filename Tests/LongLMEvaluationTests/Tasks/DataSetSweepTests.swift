import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

/// Sweeps over data sets with the model of Fixtures/passkey-tiny, whose tokens are letters.
@Suite("Sweeps over data sets")
struct DataSetSweepTests {
    private let tiny: PasskeyModel
    private let directory: TemporaryDirectory

    init() throws {
        tiny = try PasskeyModel()
        directory = try TemporaryDirectory()
        var lines = ""
        for number in 0..<3 {
            let key = "1234\(number)"
            let filler = tiny.words(letterCount: 300 + 60 * number, seed: UInt64(number))
            let context = filler + tiny.template.key.replacing("{key}", with: key) + filler
            lines += try sampleLine(
                "keys", context: context, question: tiny.template.question, answers: [key],
                length: [3999, 4000, 8000][number])
            lines += try sampleLine("triviaqa", context: filler, question: tiny.template.question, answers: ["12"])
        }
        try directory.write(lines, to: "set.jsonl")
        try directory.write("{context}{input}", to: "template.txt")
    }

    private func grid(
        count: Int? = nil, shard: String? = nil, file: String = "set.jsonl", template: String = "template.txt",
        maximumLength: Int? = 700, metric: TaskMetric? = .containsAny, truncates: Bool = true
    ) throws -> DataSetGrid {
        let options = DataSetOptions(
            metric: metric, answerTokenLimit: 6, count: count,
            template: try DataSetTemplate(contentsOfFile: directory.file(template)), maximumLength: maximumLength,
            truncatesMiddle: truncates)
        return try DataSetGrid(
            DataSet(contentsOfFile: directory.file(file)), options: options, shard: shard.flatMap { Shard($0) },
            form: TaskForm(tokenizer: tiny.tokenizer))
    }

    private func sweep(
        _ grid: DataSetGrid, settings: [AttentionSetting] = [.plain, .automatic]
    ) throws -> DataSetSweep { try DataSetSweep(grid, settings: settings, model: tiny.model) }

    private func header(
        _ grid: DataSetGrid, settings: [AttentionSetting] = [.plain, .automatic]
    ) throws -> DataSetHeader { try DataSetHeader(sweep(grid, settings: settings), modelName: "tiny") }

    /// Runs what is missing of a sweep, as the command does, and returns the rows that it ran.
    @discardableResult
    private func finish(_ path: String, shard: String? = nil) throws -> [DataSetRow] {
        let grid = try grid(shard: shard)
        let sweep = try sweep(grid)
        let file = try DataSetFile(path: path, header: header(grid), sweep: sweep, resumes: true)
        var rows: [DataSetRow] = []
        try sweep.run(skipping: Set(file.rows.map(\.key))) { row throws(EvaluationError) in
            try file.add(row)
            rows.append(row)
        }
        return rows
    }

    /// Each row is what the prompt's tokens, processed at once, give.
    @Test func rowsAreThoseOfThePrompts() throws {
        let path = directory.file("rows")
        let rows = try finish(path)
        #expect(rows.map(\.cell) == Array(0..<12) && Set(rows.map(\.key)).count == 12)
        #expect(rows.map(\.dataSet).prefix(4) == ["keys", "keys", "triviaqa", "triviaqa"])
        #expect(rows.map(\.line) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6])
        #expect(rows.map(\.sample) == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
        #expect(rows[8].wordCount == 8000 && rows[8].references == ["12342"])
        // Two times 300, 360 and 420 letters, the key's sentence and the question, in 694 tokens.
        #expect(
            rows.filter { $0.dataSet == "keys" && $0.setting == "plain" }.map(\.isTruncated) == [false, true, true])
        var lines: [String] = []
        try grid().writePrompts { lines.append($0) }
        struct Prompt: Decodable { let input: String }
        for (index, row) in rows.enumerated() {
            let prompt = try JSONDecoder().decode(Prompt.self, from: Data(lines[index / 2].utf8)).input
            let tokens = tiny.tokenizer.encode(prompt)
            #expect(row.promptTokenCount == tokens.count && tokens.count <= 694)
            let mode = try #require(AttentionSetting(row.setting)).mode(
                length: tokens.count + 6, of: tiny.model.configuration)
            #expect(row.mode == mode.text)
            let session = try Session(
                model: tiny.model, options: SessionOptions(attention: mode, capacity: tokens.count + 6))
            try session.prefill(tokens)
            let generation = try Generation(session: session, options: GenerationOptions(tokenLimit: 6))
            var answer: [Int] = []
            while let token = try generation.next() { if let id = token.id { answer.append(id) } }
            #expect(row.prediction == (try tiny.tokenizer.decode(answer)))
            #expect(row.score == TaskMetric.containsAny.score(row.prediction, references: row.references))
        }
        // Self-Extend finds what the model was trained for, far beyond its 256 tokens.
        #expect(rows.first { $0.setting == "auto" }?.score == 1)
    }

    @Test("Wherever a file is cut, resuming ends with the bytes of one run")
    func resume() throws {
        let whole = directory.file("whole")
        try finish(whole)
        let bytes = try contents(whole)
        let path = directory.file("cut")
        let breaks = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }
        #expect(breaks.count == 13)
        for (cut, missing) in [(10, 12), (breaks[0] + 1, 12), (breaks[7] + 30, 5), (breaks[12], 1)] {
            try bytes.prefix(cut).write(to: URL(filePath: path))
            #expect(try finish(path).count == missing)
            #expect(try contents(path) == bytes)
        }
    }

    @Test func mergedShardsAreOneRun() throws {
        let whole = directory.file("whole")
        try finish(whole)
        let parts = (1...4).map { directory.file("part\($0)") }
        for (index, part) in parts.enumerated() {
            let rows = try finish(part, shard: "\(index + 1)/4")
            #expect(rows.allSatisfy { ($0.cell / 2) % 4 == index })
        }
        let (log, missingCount) = try DataSetLog.merge(parts.reversed())
        #expect(missingCount == 0)
        #expect(Data(try log.jsonLines().utf8) == (try contents(whole)))
        #expect(try DataSetLog.merge([parts[0]]).missingCount == 8)
        #expect(try sweepFormat(ofFile: whole) == DataSetHeader.currentFormat)
        #expect(try sweepFormat(ofFile: directory.file("set.jsonl")) == nil)
    }

    @Test func means() throws {
        try finish(directory.file("rows"))
        let log = try DataSetLog(contentsOfFile: directory.file("rows"))
        func mean(_ rows: [DataSetRow]) -> Double { rows.map(\.score).reduce(0, +) / Double(rows.count) }
        let keys = log.rows.filter { $0.dataSet == "keys" && $0.setting == "auto" }
        let trivia = log.rows.filter { $0.dataSet == "triviaqa" && $0.setting == "auto" }
        #expect(log.meanScore(dataSet: "keys", setting: "auto") == mean(keys))
        #expect(log.meanScore(dataSet: nil, setting: "auto") == (mean(keys) + mean(trivia)) / 2)
        // 3,999, 4,000 and 8,000 words.
        for (length, row) in zip(DataSetLength.allCases, keys) {
            #expect(log.meanScore(dataSet: "keys", setting: "auto", length: length) == row.score)
        }
        #expect(log.meanScore(dataSet: "triviaqa", setting: "auto", length: .long) == nil)
        #expect(log.meanScore(dataSet: "none", setting: "auto") == nil)
        let page = log.html()
        #expect(page.contains("triviaqa") && page.contains(log.header.inputHash) && page.contains("8k+"))
        #expect(page.contains("2 prompts lost their middle") && log.svg(setting: "auto").hasPrefix("<svg "))
    }

    @Test func otherSweeps() throws {
        let path = directory.file("rows")
        try finish(path)
        let before = try contents(path)
        try directory.write(
            String(contentsOfFile: directory.file("set.jsonl"), encoding: .utf8) + "\n", to: "other.jsonl")
        try directory.write("{context}{input} ", to: "template2.txt")
        // The same name and another byte.
        let folder = try TemporaryDirectory()
        try folder.write(String(contentsOfFile: directory.file("other.jsonl"), encoding: .utf8), to: "set.jsonl")
        let changed = try DataSetGrid(
            DataSet(contentsOfFile: folder.file("set.jsonl")),
            options: DataSetOptions(
                metric: .containsAny, answerTokenLimit: 6,
                template: DataSetTemplate(contentsOfFile: directory.file("template.txt")), maximumLength: 700,
                truncatesMiddle: true),
            form: TaskForm(tokenizer: tiny.tokenizer))
        let grid = try grid()
        let others: [(String, DataSetHeader)] = [
            ("inputHash", try header(changed)), ("input", try header(self.grid(file: "other.jsonl"))),
            ("template", try header(self.grid(template: "template2.txt"))),
            ("maximumLength", try header(self.grid(maximumLength: 1000))),
            ("truncatesMiddle", try header(self.grid(maximumLength: nil, truncates: false))),
            ("dataSets", try header(self.grid(count: 2))), ("dataSets", try header(self.grid(metric: .containsAll))),
            ("settings", try header(grid, settings: [.plain])), ("shard", try header(self.grid(shard: "1/2"))),
        ]
        for (field, header) in others {
            // Without a bound there is no truncation either; the first difference is named.
            let name = field == "truncatesMiddle" ? "maximumLength" : field
            #expect(
                throws: EvaluationError.differentSweeps(
                    file: path, reason: "belongs to a sweep that differs in \(name)")
            ) { _ = try DataSetFile(path: path, header: header, sweep: sweep(grid), resumes: true) }
        }
        #expect(try contents(path) == before)
        #expect(
            throws: EvaluationError.malformedLine(file: path, line: 1, reason: "is no header of a sweep over tasks")
        ) { _ = try TaskLog(contentsOfFile: path) }
    }

    @Test("Counts that a header makes up are no harm")
    func hostileHeaders() throws {
        let path = directory.file("rows")
        try finish(path)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        func changed(_ count: String) throws -> String {
            try directory.write(text.replacing(#""count":3"#, with: #""count":\#(count)"#), to: "changed")
        }
        #expect(try DataSetLog.merge([changed("\(Int.max)")]).missingCount == .max - 12)
        let negative = try changed("-1")
        #expect(throws: EvaluationError.malformedLine(file: negative, line: 2, reason: "is no row of this sweep")) {
            try DataSetLog(contentsOfFile: negative)
        }
    }

    @Test func refusals() throws {
        #expect(throws: EvaluationError.invalidSetting("there is no method to measure")) {
            _ = try sweep(grid(), settings: [])
        }
        // (256 − 64) · 2 + 64.
        #expect(throws: EvaluationError.self) {
            _ = try sweep(grid(), settings: [.selfExtend(groupSize: 2, neighborWindow: 64)])
        }
    }
}
