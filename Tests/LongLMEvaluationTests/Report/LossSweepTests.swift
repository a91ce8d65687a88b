import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

/// Losses of texts with the model of Fixtures/passkey-tiny, whose tokens are letters.
@Suite("Sweeps over a text")
struct LossSweepTests {
    private let tiny: PasskeyModel
    private let directory: TemporaryDirectory
    private let options = Perplexity.Options(
        windowLength: 400, bucketLength: 150,
        settings: [.plain, .automatic, .selfExtend(groupSize: 8, neighborWindow: 64)])

    init() throws {
        tiny = try PasskeyModel()
        directory = try TemporaryDirectory()
    }

    private var text: String { tiny.words(letterCount: 3 * 400 + 20) }

    private func sweep(_ options: Perplexity.Options? = nil, text: String? = nil, shard: String? = nil) throws
        -> LossSweep
    {
        try LossSweep(
            of: text ?? self.text, textName: "text", options ?? self.options, shard: shard.flatMap { Shard($0) },
            model: tiny.model, tokenizer: tiny.tokenizer)
    }

    /// A header beside that of a sweep over tasks with the same model.
    private func header(_ sweep: LossSweep, shard: String? = nil) throws
        -> LossHeader
    {
        let grid = try TaskGrid(
            tasks: [.frequentWords], lengths: [1000], count: 1, seed: 1,
            hay: TaskHay(tiny.sentences(letterCount: 700), name: "hay"), form: TaskForm(tokenizer: tiny.tokenizer))
        let tasks = try TaskSweep(grid, settings: [.plain], model: tiny.model)
        return LossHeader(
            sweep, shard: shard.flatMap { Shard($0) },
            with: try TaskHeader(tasks, shard: nil, modelName: "tiny", haystackName: "hay"), textName: "text")
    }

    /// Runs what is missing of the sweep's file, and returns the rows that it ran.
    @discardableResult
    private func finish(_ path: String, shard: String? = nil) throws -> [LossRow] {
        let sweep = try sweep(shard: shard)
        let file = try LossFile(
            path: path, header: header(sweep, shard: shard), cells: Set(sweep.keys), resumes: true)
        var rows: [LossRow] = []
        try sweep.run(skipping: Set(file.rows.map(\.key))) { row, _ throws(EvaluationError) in
            try file.add(row)
            rows.append(row)
        }
        return rows
    }

    @Test("Over all windows, losses are those of Perplexity")
    func losses() throws {
        var rows: [LossRow] = []
        var fractions: [Double] = []
        let sweep = try sweep()
        try sweep.run(progress: { fractions.append($0) }) { row, _ in rows.append(row) }
        #expect(rows.map(\.cell) == Array(0..<9) && rows.map(\.key) == sweep.keys)
        #expect(abs(try #require(fractions.last) - 1) < 1e-9)
        let expected = try Perplexity(
            of: text, textName: "text", options, model: tiny.model, tokenizer: tiny.tokenizer
        ).run()
        for row in expected {
            let own = rows.filter { $0.setting == row.setting }
            #expect(own.map(\.window) == [0, 1, 2])
            for (index, bucket) in row.buckets.enumerated() {
                #expect(own.reduce(0) { $0 + $1.counts[index] } == bucket.count)
                let sum = own.reduce(0) { $0 + $1.losses[index] * Double($1.counts[index]) }
                // Each loss is rounded to six decimals.
                #expect(abs(sum / Double(bucket.count) - bucket.loss) <= 1e-6)
            }
        }
        #expect(
            rows.map(\.mode).prefix(3).map { $0.split(separator: ":").first } == [
                "plain", "self-extend", "self-extend",
            ])
    }

    @Test("Methods that come to the same mode are run once, and give rows of their own")
    func equalModes() throws {
        let automatic = try AttentionSetting.automatic.mode(length: 400, of: tiny.model.configuration)
        var options = options
        options.settings = [.automatic, try #require(AttentionSetting(automatic.text))]
        options.windowLimit = 1
        var rows: [LossRow] = []
        var seconds: [Double?] = []
        let sweep = try sweep(options)
        try sweep.run { row, time in
            rows.append(row)
            seconds.append(time)
        }
        #expect(rows.count == 2 && rows[0].losses == rows[1].losses && rows[0].mode == rows[1].mode)
        #expect(rows[0].setting == "auto" && rows[1].setting != "auto")
        #expect(seconds[0] != nil && seconds[1] == nil)
        // What was left out can't lend its losses.
        try sweep.run(skipping: [rows[0].key]) { row, time in
            #expect(row == rows[1] && time != nil)
        }
    }

    @Test("Wherever a file is cut, resuming ends with the bytes of one run, and so do merged parts")
    func resumeAndMerge() throws {
        let whole = directory.file("whole")
        try finish(whole)
        let bytes = try contents(whole)
        let breaks = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }
        #expect(breaks.count == 10)
        let path = directory.file("cut")
        for (cut, missing) in [(10, 9), (breaks[0] + 1, 9), (breaks[4] + 1, 5), (breaks[4] + 20, 5), (breaks[9], 1)] {
            try bytes.prefix(cut).write(to: URL(filePath: path))
            #expect(try finish(path).count == missing)
            #expect(try contents(path) == bytes)
        }
        let parts = try (1...2).map { part in
            let path = directory.file("part\(part)")
            // All methods of a window are in one part.
            let rows = try finish(path, shard: "\(part)/2")
            #expect(rows.allSatisfy { $0.window % 2 == part - 1 })
            return path
        }
        let merged = try LossLog.merge(parts.reversed())
        #expect(merged.missingCount == 0)
        #expect(Data(try merged.log.jsonLines().utf8) == bytes)
    }

    @Test func otherSweeps() throws {
        let path = directory.file("rows")
        try finish(path)
        var longer = options
        longer.windowLength = 500
        var fewer = options
        fewer.windowLimit = 1
        var coarse = options
        coarse.bucketLength = 200
        var other = options
        other.settings = [.plain]
        for (field, sweep) in [
            ("textHash", try sweep(text: text + "a")), ("length", try sweep(longer)), ("windows", try sweep(fewer)),
            ("bucket", try sweep(coarse)), ("settings", try sweep(other)),
        ] {
            #expect(
                throws: EvaluationError.differentSweeps(
                    file: path, reason: "belongs to a sweep that differs in \(field)")
            ) { _ = try LossFile(path: path, header: header(sweep), cells: Set(sweep.keys), resumes: true) }
        }
    }

    @Test func refusals() throws {
        var options = options
        options.bucketLength = 0
        #expect(throws: EvaluationError.invalidSetting("a bucket of 0 positions; it must have at least 1")) {
            _ = try sweep(options)
        }
        #expect(throws: EvaluationError.file("text", reason: "has 399 tokens, which don't fill a window of 400")) {
            _ = try sweep(text: String(text.prefix(399)))
        }
        options.bucketLength = 100
        options.settings = [.selfExtend(groupSize: 1, neighborWindow: 64)]
        #expect(
            throws: EvaluationError.invalidSetting("1:64 reaches to 256 tokens of a model trained for 256, not to 400")
        ) { _ = try sweep(options) }
    }
}
