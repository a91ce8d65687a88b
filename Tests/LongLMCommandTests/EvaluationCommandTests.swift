import Foundation
import LongLM
import TestSupport
import Testing

private let tiny = Fixtures.path("passkey-tiny")
private let question = "what is the pass key? the pass key is "

/// Sentences that the tiny model has letters for.
private let hay: String = {
    let words = [
        "apple", "river", "stone", "moon", "garden", "yellow", "wolf", "paper", "quiet", "north", "salt", "tree",
    ]
    var generator = SeededGenerator(seed: 3)
    let sentences = (0..<100).map { _ in
        (0..<6).map { _ in words.randomElement(using: &generator) ?? "a" }.joined(separator: " ") + ". "
    }
    return sentences.joined()
}()

/// A directory with hay, and sweeps over it.
private struct NeedleRuns {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try directory.write(hay, to: "hay.txt")
    }

    func arguments(_ more: [String]) -> [String] {
        [
            "needle", "--model", tiny, "--haystack", directory.file("hay.txt"), "--needle", "the pass key is 48213. ",
            "--question", question, "--answer", "48213",
        ] + more
    }

    func contents(_ name: String) throws -> String {
        try String(contentsOfFile: directory.file(name), encoding: .utf8)
    }
}

private func expectRefusal(_ run: Run, _ message: String) {
    #expect(run.status == 1)
    #expect(run.errors == "longlm: \(message)\n")
}

@Suite("longlm demo and longlm passkey")
struct PasskeyCommandTests {
    private struct Report: Decodable {
        struct Row: Decodable {
            struct Result: Decodable {
                let target: String
                let promptTokenCount: Int
            }
            let length: Int
            let mode: String
            let accuracy: Double
            let count: Int
            let results: [Result]?
        }
        let rows: [Row]
    }

    @Test func demo() throws {
        let run = try longlm(["demo", "--count", "1", "--json"])
        #expect(run.status == 0 && run.errors.isEmpty)
        let rows = try run.json(Report.self).rows
        #expect(rows.map(\.length) == [128, 256, 512, 1024, 2048, 4096].flatMap { [$0, $0] })
        // Within the trained context of 256 tokens, auto is the plain mode.
        #expect(rows.map(\.mode) == (0..<6).flatMap { ["plain", $0 < 2 ? "plain" : "selfExtend"] })
        try #require(rows.count == 12)
        #expect(rows.allSatisfy { $0.count == 10 })
        #expect(rows[8].accuracy < 0.1 && rows[9].accuracy > 0.9)
    }

    @Test func madePrompts() throws {
        let arguments = [
            "passkey", "--model", tiny, "--template", tiny + "/passkey.json", "--lengths", "128,256", "--depths",
            "0,50,100", "--count", "2",
        ]
        let rows = try longlm(arguments + ["--json"]).json(Report.self).rows
        #expect(rows.map(\.length) == [128, 128, 256, 256])
        // Within the trained context, auto is the plain mode.
        #expect(rows.map(\.mode) == ["plain", "plain", "plain", "plain"])
        #expect(rows.allSatisfy { $0.count == 6 && $0.accuracy > 0.8 })
        let table = try longlm(arguments)
        #expect(table.status == 0 && table.errors.isEmpty)
        // A header, the rows, and the memory.
        #expect(table.output.split(separator: "\n").count == 6)
    }

    @Test func file() throws {
        let directory = try TemporaryDirectory()
        let input = String(hay.prefix(100)) + "the pass key is 90617. " + question
        let line = jsonObject(["input": "\"\(input)\"", "target": "\"90617\""])
        let path = try directory.write(line + "\n" + line + "\n", to: "prompts.jsonl")
        let run = try longlm(["passkey", "--model", tiny, path, "--settings", "plain", "--json"])
        #expect(run.status == 0 && run.errors.isEmpty)
        let row = try #require(try run.json(Report.self).rows.first)
        #expect(row.count == 2 && row.length == input.count + 5)
        #expect(row.results?.map(\.target) == ["90617", "90617"])
        #expect(row.results?.map(\.promptTokenCount) == [input.count, input.count])

        try directory.write(line + "\n" + line.dropLast(12), to: "prompts.jsonl")
        let refused = try longlm(["passkey", "--model", tiny, path])
        expectRefusal(refused, "\(path):2: column \(line.count - 11): the text ends inside a string")
        #expect(refused.output.isEmpty)
    }
}

@Suite("longlm needle")
struct NeedleCommandTests {
    private let runs: NeedleRuns

    init() throws { runs = try NeedleRuns() }

    @Test("Whenever a sweep is killed, --resume ends with the bytes of one run")
    func killed() throws {
        let grid = ["--lengths", "400,800,1200", "--depths", "0,10,20,30,40,50,60,70,80,90,100"]
        func arguments(_ name: String, _ more: [String] = []) -> [String] {
            runs.arguments(grid + ["--output", runs.directory.file(name)] + more)
        }
        #expect(try longlm(arguments("whole")).status == 0)
        let path = runs.directory.file("killed")
        func lineCount() -> Int {
            (try? Data(contentsOf: URL(filePath: path)))?.count { $0 == UInt8(ascii: "\n") } ?? 0
        }
        /// Begins a sweep anew and kills it twice on its way; false if it was done before.
        func killTwice() throws -> Bool {
            try? FileManager.default.removeItem(atPath: path)
            let kills: [(lineCount: Int, options: [String])] = [(3, []), (20, ["--resume"])]
            for (wanted, more) in kills {
                let process = try start(arguments("killed", more))
                process.standardOutput = FileHandle.nullDevice
                process.standardError = FileHandle.nullDevice
                try process.run()
                while lineCount() < wanted, process.isRunning { usleep(1000) }
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
                guard process.terminationReason == .uncaughtSignal, (wanted..<67).contains(lineCount()) else {
                    return false
                }
            }
            return true
        }
        // A loaded machine can let a sweep end before it lets the test see how far it is.
        var wasKilled = false
        for _ in 0..<10 where !wasKilled { wasKilled = try killTwice() }
        #expect(wasKilled)
        #expect(try longlm(arguments("killed", ["--resume"])).status == 0)
        #expect(try runs.contents("killed") == (try runs.contents("whole")))
        let lines = try runs.contents("killed").split(separator: "\n")
        #expect(lines.count == 67 && Set(lines).count == 67)
    }

    @Test func shardsAndMerge() throws {
        let grid = ["--lengths", "300,500", "--depths", "0,50,100", "--settings", "plain,auto,8:64"]
        #expect(try longlm(runs.arguments(grid + ["--output", runs.directory.file("whole")])).status == 0)
        let parts = (1...3).map { runs.directory.file("part\($0)") }
        for (index, part) in parts.enumerated() {
            let run = try longlm(runs.arguments(grid + ["--shard", "\(index + 1)/3", "--output", part]))
            #expect(run.status == 0)
        }
        let merged = runs.directory.file("merged")
        let run = try longlm(["needle", "merge"] + parts + ["--output", merged])
        #expect(run.status == 0 && run.errors.isEmpty)
        #expect(try runs.contents("merged") == (try runs.contents("whole")))

        let two = ["needle", "merge", parts[0], parts[2], "--output", runs.directory.file("two")]
        expectRefusal(
            try longlm(two),
            "6 of 18 rows are missing; finish the parts with --resume, or accept it with --partial")
        #expect(try longlm(two + ["--partial"]).status == 0)
        #expect(try runs.contents("two").split(separator: "\n").count == 13)

        try runs.directory.write(String(try runs.contents("part1").dropLast(9)), to: "part1")
        expectRefusal(
            try longlm(["needle", "merge"] + parts),
            "\(parts[0]):7: is cut off; go on with the sweep by --resume")
    }

    @Test func charts() throws {
        let charts = ["--svg", runs.directory.file("map.svg"), "--html", runs.directory.file("map.html")]
        let run = try longlm(
            runs.arguments(["--lengths", "300", "--depths", "0,100", "--settings", "plain,8:64"] + charts))
        #expect(run.status == 0)
        #expect(run.errorLines.count == 4)
        for name in ["map-plain.svg", "map-8-64.svg"] {
            let svg = try runs.contents(name)
            #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
        }
        #expect(try runs.contents("map.html").hasPrefix("<!DOCTYPE html>"))
    }

    @Test func badInput() throws {
        let empty = try runs.directory.write("", to: "empty.txt")
        expectRefusal(
            try longlm(["needle", "--model", tiny, "--haystack", empty, "--lengths", "300"]),
            "\(empty): is empty; there must be text to hide a needle in")
        expectRefusal(
            try longlm([
                "needle", "--model", tiny, "--haystack", runs.directory.file("hay.txt"), "--lengths", "256", "--needle",
                String(repeating: "a", count: 300), "--question", "q?", "--answer", "1",
            ]), "256 tokens have no room for the needle, the question and the answer, which take 308")
        expectRefusal(
            try longlm(runs.arguments(["--settings", "2:64", "--lengths", "4096"])),
            "2:64 reaches to 448 tokens of a model trained for 256, not to 4096")
        for option in ["--output", "--svg", "--html"] {
            expectRefusal(
                try longlm(runs.arguments(["--lengths", "300", option, "/no/folder/file"])),
                "/no/folder/file: can't be written: No such file or directory")
        }
    }

    @Test(arguments: [
        (["--resume"], "--resume needs --output"), (["--shard", "4/3"], "--shard is 4/3"),
        (["--shard", "2"], "--shard is 2"), (["--settings", "plain,some"], "--settings"),
        (["--depths", "101"], "a depth is 101"), (["--lengths", "0"], "a length is 0"),
    ])
    func usage(more: [String], named: String) throws {
        let run = try longlm(["needle", "--model", tiny] + more)
        #expect(run.status == 2 && run.output.isEmpty && run.errorLines.count == 1)
        #expect(run.errors.contains(named) && run.errors.hasSuffix("(see longlm needle --help)\n"))
    }
}

@Suite("longlm perplexity")
struct PerplexityCommandTests {
    private struct Report: Decodable {
        struct Row: Decodable {
            struct Bucket: Decodable {
                let count: Int
                let loss: Double
            }
            let setting: String
            let tokenCount: Int
            let buckets: [Bucket]
        }
        let contextLength: Int
        let rows: [Row]
    }

    @Test func report() throws {
        let runs = try NeedleRuns()
        let svg = runs.directory.file("loss.svg")
        let run = try longlm([
            "perplexity", "--model", tiny, runs.directory.file("hay.txt"), "--length", "1024", "--windows", "1",
            "--bucket", "256", "--json", "--svg", svg,
        ])
        #expect(run.status == 0 && run.errors.isEmpty)
        let report = try run.json(Report.self)
        #expect(report.contextLength == 256 && report.rows.map(\.setting) == ["plain", "auto"])
        #expect(report.rows.allSatisfy { $0.tokenCount == 1023 && $0.buckets.map(\.count) == [255, 256, 256, 256] })
        #expect(report.rows[0].buckets[3].loss > report.rows[1].buckets[3].loss)
        #expect(try runs.contents("loss.svg").hasPrefix("<svg "))

        let short = try runs.directory.write("apple", to: "short.txt")
        expectRefusal(
            try longlm(["perplexity", "--model", tiny, short, "--length", "300"]),
            "\(short): has 5 tokens, which don't fill a window of 300")
        expectRefusal(
            try longlm(["perplexity", "--model", tiny, "--length", "300", "--svg", "/no/folder/file"]),
            "/no/folder/file: can't be written: No such file or directory")
    }

    private struct Comparison: Decodable {
        struct Row: Decodable {
            struct Bucket: Decodable {
                let first: Int
                let count: Int
                let divergence: Double
                let changedTopShare: Double
            }
            let setting: String
            let tokenCount: Int
            let divergence: Double
            let changedTopShare: Double
            let perplexity: Double
            let referencePerplexity: Double
            let buckets: [Bucket]
        }
        let model: String
        let reference: String
        let contextLength: Int
        let rows: [Row]
    }

    @Test("A model is compared with itself in other weights, and with another model")
    func comparison() throws {
        let runs = try NeedleRuns()
        let arguments = ["perplexity", runs.directory.file("hay.txt"), "--length", "512", "--windows", "1"]
        func rows(_ options: [String]) throws -> [Comparison.Row] {
            let run = try longlm(arguments + ["--json"] + options)
            #expect(run.status == 0 && run.errors.isEmpty)
            let report = try run.json(Comparison.self)
            #expect(report.model == "passkey-tiny" && report.reference == "passkey-tiny" && report.contextLength == 256)
            #expect(report.rows.map(\.setting) == ["plain", "auto"])
            #expect(report.rows.allSatisfy { $0.tokenCount == 511 && $0.buckets.map(\.count) == [255, 256] })
            return report.rows
        }
        let bucket = ["--bucket", "256", "--model", tiny]
        for same in [
            ["--reference-model", tiny], ["--reference-precision", "float32"],
            ["--weights", "int4", "--reference-weights", "int4"],
        ] {
            for row in try rows(bucket + same) {
                #expect(row.divergence == 0 && row.changedTopShare == 0 && row.perplexity == row.referencePerplexity)
                #expect(row.buckets.allSatisfy { $0.divergence == 0 && $0.changedTopShare == 0 })
            }
        }
        let eight = try rows(bucket + ["--weights", "int8", "--reference-model", tiny])
        let four = try rows(bucket + ["--weights", "int4", "--reference-precision", "float32"])
        let integers = try rows(
            bucket + ["--weights", "int8", "--precision", "int8", "--reference-weights", "int8"])
        let cache = try rows(bucket + ["--cache", "bfloat16", "--reference-cache", "float32"])
        for index in 0..<2 {
            #expect(eight[index].divergence > 0 && four[index].divergence > 4 * eight[index].divergence)
            #expect(integers[index].divergence > 0 && cache[index].divergence > 0)
            #expect(integers[index].referencePerplexity == eight[index].perplexity)
        }

        let table = try longlm(arguments + bucket + ["--weights", "int4", "--reference-model", tiny])
        #expect(table.status == 0 && table.errors.isEmpty)
        let lines = table.output.split(separator: "\n").map(String.init)
        #expect(
            lines.count == 12 && lines[0].hasSuffix("KL  top changed") && lines[2].hasSuffix("past the trained context")
        )
        #expect(lines[3].contains("all") && lines[4].contains("perplexity") && lines[11].hasPrefix("1 window of 512"))

        let other = try longlm(arguments + bucket + ["--reference-model", llama])
        let size = try ModelConfiguration(path: tiny).vocabularySize
        expectRefusal(
            other,
            "the model has a vocabulary of \(size) tokens and the reference one of 128; they must be the same")
        expectRefusal(
            try longlm(arguments + bucket + ["--reference-model", "/no/model"]),
            "/no/model: no such file or directory")
    }
}
