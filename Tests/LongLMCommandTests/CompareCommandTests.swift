import Foundation
import TestSupport
import Testing

@Suite("longlm compare")
struct CompareCommandTests {
    private static let tiny = Fixtures.path("passkey-tiny")
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private let sweep = [
        "--task", "fwe,niah_single_1", "--lengths", "1000", "--count", "2", "--methods", "plain,auto,dca",
    ]

    private func arguments(_ output: String, _ more: [String] = []) -> [String] {
        ["compare", "--model", Self.tiny] + sweep
            + ["--window", "500", "--windows", "2", "--bucket", "100", "--output", directory.file(output)] + more
    }

    private func contents(_ name: String) throws -> String {
        try String(contentsOfFile: directory.file(name), encoding: .utf8)
    }

    private struct Figures: Decodable {
        struct Header: Decodable { let settings: [String] }
        struct Losses: Decodable {
            struct Method: Decodable {
                let method: String
                let mode: String
                let loss: Double
            }
            let methods: [Method]
            let windowCount: Int
        }
        struct Score: Decodable {
            let task: String?
            let length: Int?
            let method: String
            let count: Int
            let score: Double?
        }
        struct Time: Decodable {
            let mode: String
            let work: String
            let count: Int
        }
        struct Run: Decodable {
            struct File: Decodable { let name: String }
            let command: String
            let threads: Int
            let weights: [File]
        }
        let header: Header
        let losses: Losses
        let means: [Score]
        let missingCount: Int
        let times: [Time]
        let runs: [Run]
    }

    @Test("A comparison that was cut and resumed has the rows of one run, and its report is that of its rows")
    func wholeAndResumed() throws {
        let whole = try longlm(arguments("whole", ["--threads", "2", "--json"]))
        #expect(whole.status == 0)
        // 12 answers, 6 windows, and where the report is.
        #expect(whole.errorLines.count == 19 && whole.errorLines.last?.hasSuffix("whole/report.html") == true)
        let figures = try whole.json(Figures.self)
        #expect(figures.missingCount == 0 && figures.header.settings == ["plain", "auto", "dca"])
        #expect(figures.losses.windowCount == 2 && figures.losses.methods.map(\.method) == ["plain", "auto", "dca"])
        #expect(figures.losses.methods.map { $0.mode.prefix { $0 != ":" } } == ["plain", "self-extend", "dca"])
        #expect(figures.means.count == 6 && figures.means.allSatisfy { $0.score != nil && $0.count == 4 })
        #expect(
            figures.times.map(\.work) == Array(repeating: "answer", count: 3) + Array(repeating: "window", count: 3))
        #expect(figures.times.map(\.count) == [4, 4, 4, 2, 2, 2])
        #expect(figures.runs.map(\.threads) == [2] && figures.runs[0].weights.map(\.name) == ["model.safetensors"])
        #expect(
            figures.runs[0].command.hasPrefix("longlm compare --model ") && figures.runs[0].command.hasSuffix(" --json")
        )

        // The rows of tasks are those of longlm tasks.
        #expect(
            try longlm(["tasks", "--model", Self.tiny] + sweep + ["--output", directory.file("tasks")]).status == 0)
        #expect(try contents("tasks") == contents("whole/tasks.jsonl"))

        // A report of the rows alone.
        let report = try longlm(["compare", "report", directory.file("whole"), "--html", directory.file("again.html")])
        #expect(report.status == 0 && report.errors.isEmpty)
        #expect(report.output.hasPrefix("mean score in %") && report.output.contains("perplexity"))
        #expect(try contents("again.html") == contents("whole/report.html"))
        #expect(try contents("again.html").contains("<h2>Losses of a text</h2>"))

        // Half of the answers, and then the rest.
        try FileManager.default.createDirectory(atPath: directory.file("cut"), withIntermediateDirectories: true)
        let bytes = try contents("whole/tasks.jsonl")
        try directory.write(String(bytes.prefix(bytes.count / 2)), to: "cut/tasks.jsonl")
        let refused = try longlm(arguments("cut"))
        #expect(refused.status == 1 && refused.errors.contains("cut/tasks.jsonl: exists already; go on with --resume"))
        let resumed = try longlm(arguments("cut", ["--resume"]))
        #expect(resumed.status == 0 && resumed.errorLines[0].hasPrefix("continuing after "))
        #expect(resumed.output == report.output)
        for file in ["tasks.jsonl", "losses.jsonl"] {
            #expect(try contents("cut/" + file) == contents("whole/" + file))
        }
        #expect(try !contents("cut/runs.jsonl").contains("--resume"))

        // Nothing is left to do, so nothing changes.
        let before = try contents("cut/runs.jsonl") + contents("cut/report.html")
        #expect(try longlm(arguments("cut", ["--resume"])).status == 0)
        #expect(try contents("cut/runs.jsonl") + contents("cut/report.html") == before)
        let other = try longlm(arguments("cut", ["--resume", "--seed", "5"]))
        #expect(other.status == 1 && other.errors.contains("belongs to a sweep that differs in seed"))
    }

    @Test("Parts make the report of one run, and rows that are missing have to be accepted")
    func parts() throws {
        #expect(try longlm(arguments("whole")).status == 0)
        for part in 1...2 {
            #expect(try longlm(arguments("part\(part)", ["--shard", "\(part)/2"])).status == 0)
        }
        let paths = (1...2).map { directory.file("part\($0)") }
        let merged = try longlm(["compare", "report"] + paths)
        #expect(merged.status == 0)
        #expect(try merged.output == longlm(["compare", "report", directory.file("whole")]).output)
        let one = try longlm(["compare", "report", paths[0], "--html", directory.file("one.html")])
        #expect(one.status == 1 && one.errors.hasPrefix("longlm: 9 rows are missing; finish the parts with --resume"))
        let partial = try longlm(["compare", "report", paths[0], "--html", directory.file("one.html"), "--partial"])
        #expect(partial.status == 0 && partial.output.hasSuffix("9 rows are missing\n"))
        #expect(try contents("one.html").contains("9 rows are missing"))
    }

    @Test func withoutAText() throws {
        let arguments =
            ["compare", "--model", Self.tiny] + sweep + ["--windows", "0", "--output", directory.file("a/b")]
        let run = try longlm(arguments)
        #expect(run.status == 0 && !run.output.contains("perplexity"))
        #expect(!FileManager.default.fileExists(atPath: directory.file("a/b/losses.jsonl")))
        #expect(try !contents("a/b/report.html").contains("Losses of a text"))
    }

    @Test(arguments: [
        (["--count", "0"], "--count is 0"), (["--windows=-1"], "--windows is -1"),
        (["--bucket", "0"], "--bucket is 0"),
        (["--window", "0"], "a length is 0"), (["--lengths", "0"], "a length is 0"),
        (["--windows", "0", "--text", "t"], "--windows 0 leaves the text out"),
        (["--windows", "0", "--window", "9"], "--windows 0 leaves the text out"),
        (["--shard", "0/2"], "--shard is 0/2"),
        (["--chat-format", "chatml"], "--chat-format needs --chat"), (["--task", "none"], "--task"),
    ])
    func usage(more: [String], named: String) throws {
        let run = try longlm(["compare", "--model", Self.tiny, "--output", directory.file("never")] + more)
        #expect(run.status == 2 && run.output.isEmpty && run.errorLines.count == 1)
        #expect(run.errors.contains(named) && run.errors.hasSuffix("(see longlm compare --help)\n"), "\(run.errors)")
        #expect(!FileManager.default.fileExists(atPath: directory.file("never")))
    }

    @Test func badInput() throws {
        let file = try directory.write("", to: "file")
        func expectRefusal(_ arguments: [String], _ reason: String) throws {
            let run = try longlm(arguments)
            #expect(run.status == 1 && run.output.isEmpty)
            #expect(run.errors == "longlm: \(reason)\n")
        }
        try expectRefusal(arguments("file"), "\(file): can't be made a directory")
        let short = try directory.write("a few words", to: "short.txt")
        try expectRefusal(
            arguments("never", ["--text", short]), "\(short): has 11 tokens, which don't fill a window of 500")
        try expectRefusal(
            arguments("never", ["--methods", "string"]),
            "STRING extends a model trained for 256 tokens to at most 480, not to 1000")
        #expect(!FileManager.default.fileExists(atPath: directory.file("never")))
        try expectRefusal(["compare", "report", file], "\(file): is empty")
        try expectRefusal(["compare", "report", "/nowhere"], "/nowhere: no such file")
        let missing = try longlm(["compare", "--model", Self.tiny])
        #expect(missing.status == 2 && missing.errors.contains("--output"))
        #expect(try longlm(["compare", "report"]).status == 2)
    }
}
