import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

private let keySentence = "the pass key is 48213. "
private let keyQuestion = "what is the pass key? the pass key is "
private let key = "48213"
/// Letters of needle, question and the most of an answer: 23 + 38 + (5 + 4).
private let fixedCount = 70

private let grid = NeedleSweep.Grid(
    lengths: [300, 500, 700], depths: [0, 30, 100],
    settings: [.plain, .automatic, .selfExtend(groupSize: 8, neighborWindow: 64)])
/// Twelve rows that take no time.
private let smallGrid = NeedleSweep.Grid(lengths: [100, 150, 300], depths: [0, 100], settings: [.plain, .automatic])

/// A task and the model that it is for.
private struct Sweeps {
    let tiny: PasskeyModel
    let hay: String
    let task: NeedleTask

    init() throws {
        tiny = try PasskeyModel()
        hay = tiny.sentences(letterCount: 700)
        task = try Self.task(tiny, hay)
    }

    static func task(
        _ tiny: PasskeyModel, _ hay: String, needle: String = keySentence, question: String = keyQuestion,
        answer: String = key, limit: Int? = nil
    ) throws -> NeedleTask {
        try NeedleTask(
            haystack: hay, haystackName: "hay.txt", needle: needle, question: question, answer: answer,
            answerTokenLimit: limit, tokenizer: tiny.tokenizer)
    }

    func sweep(_ grid: NeedleSweep.Grid, shard: String? = nil, task: NeedleTask? = nil) throws -> NeedleSweep {
        try NeedleSweep(
            task ?? self.task, grid, shard: shard.flatMap { Shard($0) }, model: tiny.model)
    }

    func header(
        _ grid: NeedleSweep.Grid, shard: String? = nil, task: NeedleTask? = nil, model: String = "passkey-tiny",
        haystack: String = "hay.txt"
    ) throws -> NeedleHeader {
        try NeedleHeader(
            task ?? self.task, grid, shard: shard.flatMap { Shard($0) }, model: tiny.model, modelName: model,
            haystackName: haystack, options: SessionOptions())
    }

    func rows(_ sweep: NeedleSweep, reusesPrefixes: Bool = true) throws -> [NeedleRow] {
        var rows: [NeedleRow] = []
        try sweep.run(reusesPrefixes: reusesPrefixes) { rows.append($0) }
        return rows
    }

    /// Opens a file for a sweep.
    func open(
        _ path: String, _ grid: NeedleSweep.Grid, shard: String? = nil, header: NeedleHeader? = nil,
        resumes: Bool = true
    ) throws -> NeedleFile {
        try NeedleFile(
            path: path, header: header ?? self.header(grid, shard: shard), sweep: sweep(grid, shard: shard),
            resumes: resumes)
    }

    /// Runs what is missing of a sweep, as the command does, and returns the rows that it ran.
    @discardableResult
    func finish(_ path: String, _ grid: NeedleSweep.Grid, shard: String? = nil) throws -> [NeedleRow] {
        let file = try open(path, grid, shard: shard)
        var rows: [NeedleRow] = []
        try sweep(grid, shard: shard).run(skipping: Set(file.rows.map(\.key))) { row throws(EvaluationError) in
            try file.add(row)
            rows.append(row)
        }
        return rows
    }
}

@Suite("Needle sweeps")
struct NeedleSweepTests {
    private let sweeps: Sweeps

    init() throws { sweeps = try Sweeps() }

    /// Cells of one group go on from the hay that they share; that must not show in any row.
    @Test func sharedPrefixesChangeNothing() throws {
        let sweep = try sweeps.sweep(grid)
        let rows = try sweeps.rows(sweep)
        #expect(rows == (try sweeps.rows(sweep, reusesPrefixes: false)))
        #expect(rows.count == 27 && sweep.cellCount == 27)
        #expect(rows.map(\.cell) == Array(0..<27))
        #expect(Set(rows.map(\.key)).count == 27)
        // All lengths of a setting that doesn't depend on them are one group, in which the needle only goes forward.
        for setting in ["plain", "8:64"] {
            let positions = rows.filter { $0.setting == setting }.map(\.position)
            #expect(positions.count == 9 && positions == positions.sorted())
        }
    }

    /// A row is what the whole text, put together by hand and processed at once, gives.
    @Test func rowsAreThoseOfTheText() throws {
        for row in try sweeps.rows(try sweeps.sweep(grid)) {
            let setting = try #require(AttentionSetting(row.setting))
            let mode = try setting.mode(length: row.length, of: sweeps.tiny.model.configuration)
            let before = sweeps.hay.prefix(row.position)
            let after = sweeps.hay.dropFirst(row.position).prefix(row.length - fixedCount - row.position)
            let tokens = sweeps.tiny.tokenizer.encode(String(before) + keySentence + String(after) + keyQuestion)
            #expect(row.promptTokenCount == tokens.count && tokens.count == row.length - 9)
            let session = try Session(
                model: sweeps.tiny.model, options: SessionOptions(attention: mode, capacity: row.length))
            try session.prefill(tokens)
            var logLikelihood = 0.0
            for token in sweeps.tiny.tokenizer.encode(key) {
                logLikelihood -= loss(of: token, logits: session.logits[...])
                try session.decode(token)
            }
            // Half of the ten-thousandth to which rows round, and less than as much again for the differences of single
            // precision logits.
            #expect(abs(row.logLikelihood - logLikelihood) < 1e-4, "\(row)")
            #expect(row.isFound == row.answer.contains(key))
            if case .selfExtend(let settings) = mode {
                #expect(row.mode == "selfExtend")
                #expect(row.groupSize == settings.groupSize && row.neighborWindow == settings.neighborWindow)
            } else {
                #expect(row.mode == "plain" && row.groupSize == nil && row.neighborWindow == nil)
            }
        }
    }

    /// Self-Extend finds what the plain model loses. (Measured on a text of the same kind: 9, 9 and 5 of 9.)
    @Test func whatIsFound() throws {
        let rows = try sweeps.rows(try sweeps.sweep(grid))
        func count(_ setting: String) -> Int { rows.count { $0.setting == setting && $0.isFound } }
        #expect(count("auto") >= 7 && count("8:64") >= 7)
        #expect(count("plain") < count("auto"))
    }

    @Test("The needle goes to the end of a sentence, the last one that isn't past its depth")
    func position() throws {
        let depths = [0.0, 10, 30, 50, 99.5, 100]
        let rows = try sweeps.rows(
            try sweeps.sweep(NeedleSweep.Grid(lengths: [300, 700], depths: depths, settings: [.plain])))
        #expect(rows.count == 12)
        for row in rows {
            let place = Int((row.depth / 100 * Double(row.length - fixedCount)).rounded())
            let beginning = Array(sweeps.hay.prefix(place))
            #expect(row.position == (beginning.lastIndex(of: ".").map { $0 + 1 } ?? 0), "\(row)")
        }
        #expect(rows.filter { $0.depth == 0 }.allSatisfy { $0.position == 0 })
        // The sentences are shorter than 70 letters.
        for row in rows where row.depth == 100 { #expect(row.position > row.length - fixedCount - 70) }
    }

    @Test("Hay that is shorter than the text begins anew")
    func shortHay() throws {
        let hay = "apple river moon. a green stone lies in the quiet garden."
        let grid = NeedleSweep.Grid(lengths: [300, 500], depths: [0, 50, 100], settings: [.plain, .automatic])
        let once = try sweeps.sweep(grid, task: try Sweeps.task(sweeps.tiny, hay))
        let tenfold = try sweeps.sweep(
            grid, task: try Sweeps.task(sweeps.tiny, String(repeating: hay, count: 10)))
        let rows = try sweeps.rows(once)
        #expect(rows == (try sweeps.rows(tenfold)))
        #expect(rows.allSatisfy { $0.promptTokenCount == $0.length - 9 })
        #expect(rows.contains { $0.position > hay.count })
    }

    @Test func shardsPartitionTheCells() throws {
        let whole = try sweeps.rows(try sweeps.sweep(smallGrid))
        for count in [1, 3, 5, 12] {
            var rows: [NeedleRow] = []
            for index in 1...count {
                let sweep = try sweeps.sweep(smallGrid, shard: "\(index)/\(count)")
                let part = try sweeps.rows(sweep)
                #expect(sweep.cellCount == part.count)
                #expect(part.map(\.cell) == Array(stride(from: index - 1, to: 12, by: count)))
                rows += part
            }
            #expect(rows.sorted { $0.cell < $1.cell } == whole)
        }
    }

    @Test func shardNames() {
        #expect(Shard("2/3")?.index == 2 && Shard("2/3")?.count == 3 && Shard("2/3")?.name == "2/3")
        for text in ["", "1", "/", "0/3", "4/3", "-1/3", "1/0", "1/2/3", "1/", "a/3", "1.5/3"] {
            #expect(Shard(text) == nil, "\(text)")
        }
    }

    @Test func progressRisesToAll() throws {
        var fractions: [Double] = []
        try sweeps.sweep(smallGrid).run(progress: { fractions.append($0) }) { _ in }
        #expect(fractions.count >= 12)
        // Sums of floating-point numbers may fall short by their last digits.
        for (earlier, later) in zip(fractions, fractions.dropFirst()) { #expect(later > earlier - 1e-9) }
        #expect(abs(try #require(fractions.last) - 1) < 1e-9)
    }

    /// A row whose report throws is the last.
    @Test func errorOfAReportEndsTheSweep() throws {
        var count = 0
        let error = EvaluationError.file("rows", reason: "is full")
        #expect(throws: error) {
            try sweeps.sweep(smallGrid).run { _ throws(EvaluationError) in
                count += 1
                if count == 3 { throw error }
            }
        }
        #expect(count == 3)
    }
}

@Suite("Needle tasks and grids that are refused")
struct NeedleRefusalTests {
    private let sweeps: Sweeps

    init() throws { sweeps = try Sweeps() }

    private func expectRefusal(
        lengths: [Int] = [300], depths: [Double] = [50], settings: [AttentionSetting] = [.plain],
        _ error: EvaluationError
    ) {
        #expect(throws: error) {
            _ = try sweeps.sweep(NeedleSweep.Grid(lengths: lengths, depths: depths, settings: settings))
        }
    }

    @Test func emptyTexts() {
        #expect(throws: EvaluationError.file("hay.txt", reason: "is empty; there must be text to hide a needle in")) {
            _ = try Sweeps.task(sweeps.tiny, "")
        }
        let unknown = "holds no character that the tokenizer knows; there must be text to hide a needle in"
        #expect(throws: EvaluationError.file("hay.txt", reason: unknown)) { _ = try Sweeps.task(sweeps.tiny, "ÄÖ") }
        #expect(throws: EvaluationError.invalidSetting("the needle is empty")) {
            _ = try Sweeps.task(sweeps.tiny, sweeps.hay, needle: "")
        }
        #expect(throws: EvaluationError.invalidSetting("the question is empty")) {
            _ = try Sweeps.task(sweeps.tiny, sweeps.hay, question: "")
        }
        #expect(throws: EvaluationError.invalidSetting("the answer is empty")) {
            _ = try Sweeps.task(sweeps.tiny, sweeps.hay, answer: "")
        }
        #expect(throws: EvaluationError.invalidSetting("an answer of 0 tokens; there must be at least 1")) {
            _ = try Sweeps.task(sweeps.tiny, sweeps.hay, limit: 0)
        }
    }

    @Test("A length must have room for at least one token of hay")
    func noRoom() throws {
        let error = EvaluationError.invalidSetting(
            "70 tokens have no room for the needle, the question and the answer, which take 70")
        expectRefusal(lengths: [300, 70], error)
        #expect(throws: error) { try sweeps.task.checkRoom(length: 70) }
        let rows = try sweeps.rows(
            try sweeps.sweep(NeedleSweep.Grid(lengths: [71], depths: [100], settings: [.plain])))
        #expect(rows.map(\.promptTokenCount) == [62])
        // A limit below the right answer's tokens leaves room for those, a greater one takes more.
        #expect(throws: Never.self) { try Sweeps.task(sweeps.tiny, sweeps.hay, limit: 1).checkRoom(length: 67) }
        #expect(
            throws: EvaluationError.invalidSetting(
                "100 tokens have no room for the needle, the question and the answer, which take 161")
        ) { try Sweeps.task(sweeps.tiny, sweeps.hay, limit: 100).checkRoom(length: 100) }
    }

    @Test(arguments: [101.0, -0.5, Double.nan, Double.infinity])
    func depth(depth: Double) {
        expectRefusal(
            depths: [50, depth], .invalidSetting("a depth of \(depth) %; it must be between 0 and 100"))
    }

    @Test func duplicates() {
        let error = EvaluationError.invalidSetting("a length, depth or setting is named twice")
        expectRefusal(lengths: [300, 400, 300], error)
        expectRefusal(depths: [50, 50], error)
        expectRefusal(settings: [.automatic, .plain, .automatic], error)
    }

    @Test func nothingToMeasure() {
        let error = EvaluationError.invalidSetting("there is no length, no depth or no setting to measure")
        expectRefusal(lengths: [], error)
        expectRefusal(depths: [], error)
        expectRefusal(settings: [], error)
    }

    @Test func settings() throws {
        let setting = AttentionSetting.selfExtend(groupSize: 2, neighborWindow: 64)
        // (256 − 64) · 2 + 64.
        expectRefusal(
            lengths: [300, 449], settings: [setting],
            .invalidSetting("2:64 reaches to 448 tokens of a model trained for 256, not to 449"))
        #expect(
            try sweeps.sweep(NeedleSweep.Grid(lengths: [448], depths: [0], settings: [setting])).cellCount == 1)
        expectRefusal(
            settings: [.selfExtend(groupSize: 0, neighborWindow: 64)],
            .session(.attention(.invalidOption(InvalidOption("group size", 0, allowed: "between 1 and 1048576")))))
        let window = InvalidOption(
            "neighbor window", 256, allowed: "at least 1 and less than the model's context length of 256")
        expectRefusal(
            settings: [.selfExtend(groupSize: 4, neighborWindow: 256)],
            .session(.attention(.invalidOption(window))))
    }

    @Test func settingNames() {
        for name in ["plain", "auto", "4:1024", "string", "string:2730:128", "dpe:2,8:64", "yarn:2.5", "self-extend"] {
            #expect(AttentionSetting(name)?.name == name)
        }
        for text in ["", "Plain", "4", "4:", ":4", "4:5:6", "a:b", "automatic"] {
            #expect(AttentionSetting(text) == nil, "\(text)")
        }
    }
}

@Suite("Files of needle rows")
struct NeedleFileTests {
    private let sweeps: Sweeps
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        sweeps = try Sweeps()
        directory = try TemporaryDirectory()
        path = directory.file("rows.jsonl")
    }

    private func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private func write(_ lines: [String]) throws {
        try directory.write(lines.joined(separator: "\n") + "\n", to: "rows.jsonl")
    }

    @Test func holdsWhatTheSweepGave() throws {
        let rows = try sweeps.finish(path, smallGrid)
        #expect(rows.count == 12)
        let log = try NeedleLog(contentsOfFile: path)
        #expect(log.rows == rows)
        #expect(log.header == (try sweeps.header(smallGrid)))
        #expect(Data(try log.jsonLines().utf8) == (try contents(path)))
        #expect(try lines(path).count == 13)
    }

    @Test("A map for each setting, and a page with all maps and rows")
    func pictures() throws {
        let rows = try sweeps.finish(path, smallGrid)
        let log = try NeedleLog(contentsOfFile: path)
        for setting in log.header.settings {
            let own = rows.filter { $0.setting == setting }
            let svg = log.svg(setting: setting)
            #expect(svg.hasPrefix("<svg ") && svg == log.svg(setting: setting))
            #expect(svg.contains("Needle found in \(own.count { $0.isFound }) of \(own.count) texts"))
        }
        let page = log.html()
        for setting in log.header.settings { #expect(page.contains(log.svg(setting: setting))) }
        // A row of the table for each row of the sweep, and the tables' headers.
        #expect(page.components(separatedBy: "<tr>").count - 1 == rows.count + log.header.settings.count)
    }

    /// A kill leaves a beginning of the file. Wherever it ends, going on gives the bytes of one run.
    @Test func resumedSweepsHaveTheSameBytes() throws {
        try sweeps.finish(path, smallGrid)
        let whole = try contents(path)
        let ends = whole.indices.filter { whole[$0] == UInt8(ascii: "\n") }
        #expect(ends.count == 13 && ends.last == whole.count - 1)
        // Right before, at and behind the line breaks, too.
        let cuts = Set(stride(from: 0, through: whole.count, by: 37)).union(ends.flatMap { [$0, $0 + 1] })
        for cut in cuts.sorted() {
            try whole.prefix(cut).write(to: URL(filePath: path))
            let ran = try sweeps.finish(path, smallGrid)
            #expect(try contents(path) == whole, "cut at \(cut)")
            // Nothing that was whole is run again.
            let wholeLineCount = ends.count { $0 < cut }
            #expect(ran.count == 12 - max(0, wholeLineCount - 1), "cut at \(cut)")
        }
    }

    @Test("Rows that are missing in the middle are added at the end, and merging puts them in order")
    func resumedWithGaps() throws {
        try sweeps.finish(path, smallGrid)
        let whole = try contents(path)
        var lines = try lines(path)
        lines.remove(at: 5)
        lines.remove(at: 1)
        try write(lines)
        #expect(try sweeps.finish(path, smallGrid).map(\.cell) == [0, 4])
        let (log, missingCount) = try NeedleLog.merge([path])
        #expect(missingCount == 0)
        #expect(Data(try log.jsonLines().utf8) == whole)
    }

    @Test func mergedShardsAreTheWhole() throws {
        try sweeps.finish(path, grid)
        let parts = try (1...3).map { index in
            let part = directory.file("part\(index)")
            try sweeps.finish(part, grid, shard: "\(index)/3")
            return part
        }
        let merged = try NeedleLog.merge([parts[2], parts[0], parts[1]])
        #expect(merged.missingCount == 0)
        #expect(Data(try merged.log.jsonLines().utf8) == (try contents(path)))

        let partial = try NeedleLog.merge([parts[0], parts[2]])
        #expect(partial.missingCount == 9 && partial.log.rows.count == 18)
        #expect(
            throws: EvaluationError.differentSweeps(
                file: parts[0], reason: "has the row of plain at 300 tokens, 0.0 %, as another file")
        ) { _ = try NeedleLog.merge([parts[0], parts[1], parts[0]]) }
        try sweeps.finish(directory.file("other"), smallGrid)
        #expect(
            throws: EvaluationError.differentSweeps(
                file: directory.file("other"),
                reason: "belongs to a sweep that differs from that of \(parts[0]) in lengths")
        ) { _ = try NeedleLog.merge([parts[0], directory.file("other")]) }
        #expect(throws: EvaluationError.invalidSetting("there is no file to merge")) { _ = try NeedleLog.merge([]) }
    }

    @Test func existingFileIsRefusedAndKept() throws {
        try sweeps.finish(path, smallGrid)
        let before = try contents(path)
        #expect(
            throws: EvaluationError.file(path, reason: "exists already; go on with --resume, or name another file")
        ) { _ = try sweeps.open(path, smallGrid, resumes: false) }
        #expect(try contents(path) == before)
        // An empty one holds nothing that could be lost.
        try directory.write("", to: "empty")
        #expect(try sweeps.open(directory.file("empty"), smallGrid, resumes: false).rows.isEmpty)
    }

    @Test("Another sweep's file is refused with the field that differs, and kept")
    func otherSweep() throws {
        try sweeps.finish(path, smallGrid)
        let before = try contents(path)
        func task(
            needle: String = keySentence, question: String = keyQuestion, answer: String = key, limit: Int? = nil,
            hay: String? = nil
        ) throws -> NeedleTask {
            try Sweeps.task(
                sweeps.tiny, hay ?? sweeps.hay, needle: needle, question: question, answer: answer, limit: limit)
        }
        var lengths = smallGrid
        lengths.lengths.append(200)
        var depths = smallGrid
        depths.depths.reverse()
        var settings = smallGrid
        settings.settings = [.plain]
        let headers: [(field: String, header: NeedleHeader)] = [
            ("model", try sweeps.header(smallGrid, model: "another")),
            // The fingerprint is of the logits after the question.
            ("fingerprint", try sweeps.header(smallGrid, task: try task(question: "what is the key? "))),
            ("haystack", try sweeps.header(smallGrid, haystack: "another.txt")),
            ("haystackHash", try sweeps.header(smallGrid, task: try task(hay: sweeps.hay + "a"))),
            ("needle", try sweeps.header(smallGrid, task: try task(needle: "the key is 48213. "))),
            ("answer", try sweeps.header(smallGrid, task: try task(answer: "48214"))),
            ("answerTokenLimit", try sweeps.header(smallGrid, task: try task(limit: 8))),
            ("lengths", try sweeps.header(lengths)), ("depths", try sweeps.header(depths)),
            ("settings", try sweeps.header(settings)), ("shard", try sweeps.header(smallGrid, shard: "1/2")),
        ]
        for (field, header) in headers {
            #expect(
                throws: EvaluationError.differentSweeps(
                    file: path, reason: "belongs to a sweep that differs in \(field)")
            ) { _ = try sweeps.open(path, smallGrid, header: header) }
        }
        #expect(try contents(path) == before)
    }

    @Test func halfWrittenLastLine() throws {
        try sweeps.finish(path, smallGrid)
        try (try contents(path)).dropLast(20).write(to: URL(filePath: path))
        let error = EvaluationError.malformedLine(
            file: path, line: 13, reason: "is cut off; go on with the sweep by --resume")
        #expect(throws: error) { _ = try NeedleLog(contentsOfFile: path) }
        #expect(throws: error) { _ = try NeedleLog.merge([path]) }
    }

    @Test func malformedLines() throws {
        try sweeps.finish(path, smallGrid)
        let lines = try lines(path)
        func expectRefusal(_ lines: [String], line: Int, _ reason: String) throws {
            try write(lines)
            let before = try contents(path)
            let error = EvaluationError.malformedLine(file: path, line: line, reason: reason)
            #expect(throws: error) { _ = try NeedleLog(contentsOfFile: path) }
            #expect(throws: error) { _ = try sweeps.open(path, smallGrid) }
            #expect(try contents(path) == before)
        }
        for text in ["{}", "[", "null", String(lines[4].dropLast(9)), lines[0]] {
            var changed = lines
            changed[4] = text
            try expectRefusal(changed, line: 5, "is no row of a needle sweep")
        }
        try expectRefusal(lines + [lines[3]], line: 14, "repeats a row")
        try expectRefusal(Array(lines.dropFirst()), line: 1, "is no header of a needle sweep")
        let future = lines[0].replacing("longlm-needle-1", with: "longlm-needle-2")
        try expectRefusal([future] + lines.dropFirst(), line: 1, "has the unknown format longlm-needle-2")
    }

    @Test func rowOfAnotherGrid() throws {
        try sweeps.finish(path, smallGrid)
        let other = directory.file("other")
        try sweeps.finish(other, NeedleSweep.Grid(lengths: [100], depths: [50], settings: [.plain]))
        try write(try lines(path) + [try #require(try lines(other).last)])
        #expect(
            throws: EvaluationError.malformedLine(file: path, line: 14, reason: "is no row of this sweep")
        ) { _ = try sweeps.open(path, smallGrid) }
        // Neither does whoever only reads the file.
        #expect(
            throws: EvaluationError.malformedLine(file: path, line: 14, reason: "is no row of this sweep")
        ) { _ = try NeedleLog(contentsOfFile: path) }
        // A shard's file doesn't take the rows of the other shards.
        let first = directory.file("first")
        try sweeps.finish(first, smallGrid, shard: "1/2")
        let row = try #require(try sweeps.rows(try sweeps.sweep(smallGrid, shard: "2/2")).first)
        try (try contents(first) + Data(try row.jsonLine().utf8)).write(to: URL(filePath: first))
        #expect(
            throws: EvaluationError.malformedLine(file: first, line: 8, reason: "is no row of this sweep")
        ) { _ = try sweeps.open(first, smallGrid, shard: "1/2") }
    }

    @Test func emptyAndMissingFiles() throws {
        try directory.write("", to: "rows.jsonl")
        #expect(throws: EvaluationError.file(path, reason: "is empty")) { _ = try NeedleLog(contentsOfFile: path) }
        let missing = directory.file("missing")
        #expect(throws: EvaluationError.file(missing, reason: "no such file")) {
            _ = try NeedleLog(contentsOfFile: missing)
        }
    }

    @Test func fileInUse() throws {
        let file = try sweeps.open(path, smallGrid, resumes: false)
        let error = EvaluationError.file(path, reason: "is being written by another process")
        #expect(throws: error) { _ = try sweeps.open(path, smallGrid) }
        #expect(throws: error) { _ = try sweeps.open(path, smallGrid, resumes: false) }
        // And what the refused ones left is whole.
        #expect(try NeedleLog(contentsOfFile: path).rows.isEmpty)
        withExtendedLifetime(file) {}
    }

    @Test func unwritablePlaces() {
        let nowhere = "/proc/none/rows.jsonl"
        #expect(throws: EvaluationError.file(nowhere, reason: "can't be written: No such file or directory")) {
            _ = try sweeps.open(nowhere, smallGrid, resumes: false)
        }
        #expect(throws: EvaluationError.file(directory.path, reason: "can't be written: Is a directory")) {
            _ = try sweeps.open(directory.path, smallGrid, resumes: false)
        }
    }
}
