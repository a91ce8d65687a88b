import Foundation
import LongLMEvaluation
import TestSupport
import Testing

@Suite("Comparisons of methods")
struct MethodComparisonTests {
    private var rows: ComparisonRows

    init() throws { rows = try ComparisonRows() }

    private func scores(_ all: [MethodScore], _ task: String?, _ length: Int?) -> [MethodScore] {
        all.filter { $0.task == task && $0.length == length }
    }

    @Test("Scores, means and the best of each row are those of the rows")
    func figures() throws {
        let comparison = try MethodComparison(paths: rows.paths())
        #expect(comparison.missingCount == 0 && comparison.scores.count == 12 && comparison.means.count == 9)
        for (task, length, expected, best) in [
            ("vt", 4096, [1, 0.75, 1], [true, false, true]), ("vt", 8192, [0, 0.25, 0.75], [false, false, true]),
            // All methods are the same, so none is the best.
            ("fwe", 4096, [1, 1, 1], [false, false, false]), ("fwe", 8192, [0, 1, 0.5], [false, true, false]),
        ] {
            let row = scores(comparison.scores, task, length)
            #expect(row.map(\.method) == ComparisonRows.methods)
            #expect(row.map(\.score) == expected && row.map(\.isBest) == best && row.allSatisfy { $0.count == 2 })
        }
        #expect(scores(comparison.means, nil, 4096).map(\.score) == [1, 0.875, 1])
        #expect(scores(comparison.means, nil, 8192).map(\.score) == [0, 0.625, 0.625])
        #expect(scores(comparison.means, nil, 8192).map(\.isBest) == [false, true, true])
        let all = scores(comparison.means, nil, nil)
        #expect(all.map(\.score) == [0.5, 0.75, 0.8125] && all.map(\.count) == [8, 8, 8])
        // Tasks come in the header's order, lengths in ascending order.
        #expect(comparison.scores.map(\.length).prefix(4) == [4096, 4096, 4096, 8192])
        #expect(comparison.scores.map(\.task).prefix(7) == ["vt", "vt", "vt", "vt", "vt", "vt", "fwe"])
        #expect(
            comparison.modes.filter { $0.method == "string" }.map(\.mode) == ["string:1024:128", "string:2048:128"])
    }

    /// Wilson's bounds are the means for which the measured one lies 1.96 standard deviations away.
    @Test func intervals() throws {
        let comparison = try MethodComparison(paths: rows.paths())
        for score in comparison.scores + comparison.means {
            let (mean, low, high) = try (
                #require(score.score), #require(score.low), #require(score.high)
            )
            for bound in [low, high] where bound > 0 && bound < 1 {
                let deviation = (bound * (1 - bound) / Double(score.count)).squareRoot()
                // Some roundings of 1e-16, and the seven digits of 1.959964.
                #expect(abs(abs(mean - bound) / deviation - 1.959_964) < 1e-6)
            }
            #expect(low <= mean && mean <= high && low >= 0 && high <= 1 && low < high)
            if mean == 0 { #expect(low == 0) }
            if mean == 1 { #expect(high == 1) }
        }
    }

    @Test("Pairs count prompts, and their probability is the sign test's")
    func pairs() throws {
        let pairs = try MethodComparison(paths: rows.paths()).pairs
        #expect(pairs.map(\.method) == ["string", "dca"] && pairs.allSatisfy { $0.reference == "plain" })
        // string: vt at 8,192 twice and fwe at 8,192 twice better, vt at 4,096 once worse.
        #expect(pairs.map(\.better) == [4, 3] && pairs.map(\.worse) == [1, 0] && pairs.map(\.equal) == [3, 5])
        // 2 · (1 + 5) / 2⁵, and 2 · 1 / 2³.
        #expect(pairs.map(\.probability) == [0.375, 0.25])
    }

    @Test("Losses are means over tokens")
    func losses() throws {
        let losses = try #require(try MethodComparison(paths: rows.paths()).losses)
        #expect(losses.windowCount == 2 && losses.length == 8192 && losses.textHash == "t1")
        #expect(losses.methods.map(\.method) == ComparisonRows.methods)
        #expect(losses.methods.map(\.mode) == ["plain", "string:2048:128", "dca:4096:32"])
        #expect(losses.methods[0].buckets.map(\.first) == [0, 4096])
        #expect(losses.methods[0].buckets.map(\.last) == [4095, 8191])
        #expect(losses.methods[0].buckets.map(\.count) == [8000, 8192])
        #expect(losses.methods.map { $0.buckets.map(\.loss) } == [[3, 9], [3, 4], [3.25, 3.75]])
        let expected = (3.0 * 8000 + 4 * 8192) / 16192
        #expect(losses.methods[1].loss == expected && losses.methods[1].perplexity == exp(expected))
    }

    @Test func times() throws {
        let comparison = try MethodComparison(paths: rows.paths())
        #expect(comparison.times.map(\.mode) == ["plain", "string:2048:128", "dca:4096:32"])
        #expect(comparison.times.map(\.work) == [.answer, .answer, .window])
        #expect(comparison.times.map(\.count) == [2, 1, 1] && comparison.times.map(\.seconds) == [4.5, 4.75, 3.125])
        #expect(comparison.runs.map(\.version) == ["0.9"])
        // Another machine has times of its own.
        let other = try rows.write(
            [rows.runHeader().replacingOccurrences(of: "Some CPU", with: "Other"), ComparisonRows.times[0]], "other")
        let both = try MethodComparison(paths: rows.paths() + [other])
        #expect(both.times.map(\.processor) == ["Some CPU", "Some CPU", "Some CPU", "Other"])
        #expect(both.times.map(\.seconds) == [4.5, 4.75, 3.125, 4])
    }

    @Test("A prompt or window counts once all methods have it")
    func partialRows() throws {
        // All but the last row, which is dca's answer to the second prompt of fwe at 4,096.
        let tasks = try rows.write([rows.taskHeader()] + rows.taskRows.dropLast(), "t")
        let losses = try rows.write([rows.lossHeader()] + rows.lossRows.dropLast(), "l")
        let comparison = try MethodComparison(paths: [tasks, losses])
        #expect(comparison.missingCount == 2)
        #expect(scores(comparison.scores, "fwe", 4096).map(\.count) == [1, 1, 1])
        #expect(comparison.pairs.map { $0.better + $0.worse + $0.equal } == [7, 7])
        // The mean of its tasks is as sure as if each had one prompt.
        #expect(scores(comparison.means, nil, 4096).map(\.count) == [2, 2, 2])
        #expect(comparison.losses?.windowCount == 1)
        #expect(comparison.losses?.methods[2].buckets.map(\.loss) == [3.75, 4.25])
        #expect(comparison.html().contains("1 of 2 prompts") && comparison.html().contains("2 rows are missing"))

        // No prompt of fwe at 4,096 has all answers: neither it nor any mean of it is known.
        let less = try rows.write([rows.taskHeader()] + rows.taskRows.dropLast(4), "t")
        let known = try MethodComparison(paths: [less])
        #expect(scores(known.scores, "fwe", 4096).allSatisfy { $0.score == nil && $0.low == nil && !$0.isBest })
        #expect(scores(known.means, nil, 4096).allSatisfy { $0.score == nil })
        #expect(scores(known.means, nil, nil).allSatisfy { $0.score == nil })
        #expect(scores(known.means, nil, 8192).map(\.score) == [0, 0.625, 0.625])
        #expect(known.losses == nil && known.times.isEmpty && known.runs.isEmpty)
        #expect(known.html().contains("<td class=\"number\">–</td>") && known.html().contains("not measured"))

        // A header alone.
        let nothing = try MethodComparison(paths: [rows.write([rows.taskHeader()], "t")])
        #expect(nothing.missingCount == 24 && nothing.modes.isEmpty)
        #expect(nothing.scores.count == 12 && nothing.scores.allSatisfy { $0.score == nil })
        #expect(nothing.html().contains("no data"))
    }

    @Test("The order of files and of their rows changes nothing")
    func order() throws {
        let whole = try MethodComparison(paths: rows.paths())
        let html = whole.html()
        #expect(whole.html() == html)
        let parts = try [0, 1].map { part in
            try rows.write(
                [rows.taskHeader(",\"shard\":\"\(part + 1)/2\"")]
                    + rows.taskRows.enumerated().filter { $0.offset / 3 % 2 == part }.map(\.element), "part\(part)")
        }
        let others = try [
            parts[1], rows.directory.file("runs.jsonl"),
            rows.write([rows.lossHeader()] + rows.lossRows.reversed(), "l"),
            parts[0],
        ]
        #expect(try MethodComparison(paths: others) == whole)
        #expect(try MethodComparison(paths: others).html() == html)
    }

    @Test("A directory stands for its files")
    func directory() throws {
        let whole = try MethodComparison(paths: rows.paths())
        let path = URL(filePath: rows.directory.file("tasks.jsonl")).deletingLastPathComponent().path
        #expect(try MethodComparison(paths: [path]) == whole)
        let files = ComparisonFiles(directory: path)
        #expect(files.report == path + "/report.html")
        let empty = try TemporaryDirectory()
        let name = URL(filePath: empty.file("x")).deletingLastPathComponent().path
        #expect(throws: EvaluationError.file(name, reason: "holds no rows of a comparison")) {
            _ = try MethodComparison(paths: [name])
        }
    }

    // MARK: Refusals

    private func expectRefusal(_ error: EvaluationError, _ paths: [String]) {
        #expect(throws: error) { _ = try MethodComparison(paths: paths) }
    }

    @Test("Rows that don't belong together are refused")
    func mixtures() throws {
        let tasks = try rows.write([rows.taskHeader()] + rows.taskRows, "tasks")
        for (field, header) in [
            ("model", rows.lossHeader(model: "other")), ("fingerprint", rows.lossHeader(fingerprint: "f2")),
            ("cache", rows.lossHeader(cache: "int8")), ("settings", rows.lossHeader(methods: ["plain", "dca"])),
        ] {
            expectRefusal(
                .invalidSetting("the rows of the text and those of the tasks differ in \(field)"),
                [tasks, try rows.write([header], "losses")])
        }
        expectRefusal(
            .invalidSetting("the runs and the rows of the tasks differ in fingerprint"),
            [tasks, try rows.write([rows.runHeader(fingerprint: "f2")], "runs")])
        let other = try rows.write([rows.taskHeader(fingerprint: "f2")], "other")
        expectRefusal(
            .differentSweeps(
                file: other, reason: "belongs to a sweep that differs from that of \(tasks) in fingerprint"),
            [tasks, other])
        expectRefusal(
            .differentSweeps(
                file: tasks, reason: "has the row of sample 0 of vt at 8192 tokens with plain, as another file"),
            [tasks, tasks])
    }

    @Test func files() throws {
        expectRefusal(.invalidSetting("there is no file with rows of tasks"), [])
        expectRefusal(
            .invalidSetting("there is no file with rows of tasks"), [try rows.write([rows.lossHeader()], "losses")])
        expectRefusal(.file("/nowhere/rows", reason: "no such file"), ["/nowhere/rows"])
        let empty = try rows.write([], "empty")
        expectRefusal(.file(empty, reason: "is empty"), [empty])
        let reason = "is no header of a sweep over tasks, of a sweep over a text or of runs"
        for line in ["text", "{}", #"{"format":"longlm-needle-1"}"#, #"{"format":3}"#] {
            let path = try rows.write([line], "other")
            expectRefusal(.malformedLine(file: path, line: 1, reason: reason), [path])
        }
    }

    @Test("No number in a header or row makes a crash, a hang or a report without bounds")
    func hostileNumbers() throws {
        func refuses(_ header: String) throws -> Bool {
            do {
                _ = try MethodComparison(paths: [rows.write([header], "hostile")])
                return false
            } catch EvaluationError.invalidSetting { return true }
        }
        let header = rows.taskHeader()
        for count in [0, -1, Int.min, Int.max, 1_000_000_000] {
            #expect(try refuses(header.replacingOccurrences(of: "\"count\":2", with: "\"count\":\(count)")))
        }
        #expect(try refuses(header.replacingOccurrences(of: "[8192,4096]", with: "[]")))
        let negative = header.replacingOccurrences(of: "\"count\":2", with: "\"count\":-1")
        let path = try rows.write([negative, rows.taskRows[0]], "negative")
        expectRefusal(.malformedLine(file: path, line: 2, reason: "is no row of this sweep"), [path])
        let many = "[" + (1...2_000).map(String.init).joined(separator: ",") + "]"
        #expect(try refuses(header.replacingOccurrences(of: "[8192,4096]", with: many)))
        let times = (1...10_001).map { #"{"work":"answer","length":\#($0),"mode":"plain","seconds":1}"# }
        expectRefusal(
            .invalidSetting("the runs have times of 10001 kinds; a report takes at most 10000"),
            [try rows.write([header], "tasks"), try rows.write([rows.runHeader()] + times, "runs")])
        // Strange lengths, scores and seconds are shown somehow.
        let strange = header.replacingOccurrences(of: "[8192,4096]", with: "[\(Int.min),0,\(Int.max)]")
        let row = rows.taskRows[0].replacingOccurrences(of: "\"length\":8192", with: "\"length\":0")
            .replacingOccurrences(of: "\"score\":0.0", with: "\"score\":1e308")
        let comparison = try MethodComparison(paths: [rows.write([strange, row], "strange")])
        #expect(comparison.html().hasPrefix("<!DOCTYPE html>"))

        let tasks = try rows.write([header], "tasks")
        for windows in [0, -1, Int.max] {
            let losses = try rows.write([rows.lossHeader(windows: windows)], "losses")
            expectRefusal(
                .invalidSetting("\(windows) windows; there must be 1 to 1000000000"), [tasks, losses])
        }
        for (bucket, line) in [
            (4096, rows.lossRows[0].replacingOccurrences(of: "[4000,4096]", with: "[4000,\(Int.max)]")),
            (4096, rows.lossRows[0].replacingOccurrences(of: "[4000,4096]", with: "[4000,-1]")),
            (4096, rows.lossRows[0].replacingOccurrences(of: "[4000,4096]", with: "[4000]")),
            (4096, rows.lossRows[0].replacingOccurrences(of: "\"window\":0", with: "\"window\":2")),
            (4096, rows.lossRows[0].replacingOccurrences(of: "\"window\":0", with: "\"window\":-1")),
            (0, rows.lossRows[0]), (1024, rows.lossRows[0]),
        ] {
            let losses = try rows.write([rows.lossHeader(bucket: bucket), line], "losses")
            expectRefusal(
                .malformedLine(file: losses, line: 2, reason: "is no row of this sweep"), [tasks, losses])
        }
    }
}
