import Foundation
import LongLM
import TestSupport
import Testing

@Suite("longlm tasks")
struct TasksCommandTests {
    private static let tiny = Fixtures.path("passkey-tiny")
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func arguments(_ more: [String]) -> [String] {
        ["tasks", "--model", Self.tiny, "--task", "fwe,niah_single_1", "--lengths", "1000", "--count", "2"] + more
    }

    private func contents(_ name: String) throws -> String {
        try String(contentsOfFile: directory.file(name), encoding: .utf8)
    }

    @Test("A cut file that is resumed, and merged parts, have the bytes of one run")
    func resumeAndMerge() throws {
        let whole = try longlm(arguments(["--output", directory.file("whole")]))
        #expect(whole.status == 0 && whole.errorLines.count == 8)
        let bytes = try contents("whole")
        #expect(bytes.split(separator: "\n").count == 9)
        // The table: a heading, two tasks with two methods each, and the means.
        #expect(whole.output.split(separator: "\n").count == 7)

        try directory.write(String(bytes.prefix(bytes.count / 2)), to: "cut")
        let again = arguments(["--output", directory.file("cut")])
        #expect(try longlm(again).errors.contains("exists already; go on with --resume"))
        let resumed = try longlm(again + ["--resume"])
        #expect(resumed.status == 0 && resumed.errorLines[0].hasPrefix("continuing after "))
        #expect(try contents("cut") == bytes)
        #expect(resumed.output == whole.output)

        let parts = (1...2).map { directory.file("part\($0)") }
        for (index, part) in parts.enumerated() {
            #expect(try longlm(arguments(["--shard", "\(index + 1)/2", "--output", part])).status == 0)
        }
        #expect(try longlm(["tasks", "merge"] + parts + ["--output", directory.file("merged")]).status == 0)
        #expect(try contents("merged") == bytes)
        #expect(try longlm(["tasks", "merge"] + parts).output == whole.output)
        #expect(try longlm(arguments(["--json"])).output == bytes)
        let partial = try longlm(["tasks", "merge", parts[0]])
        #expect(partial.status == 1 && partial.errors.hasPrefix("longlm: 4 of 8 rows are missing"))
        #expect(try longlm(["tasks", "merge", parts[0], "--partial"]).status == 0)
    }

    @Test func promptsAndPictures() throws {
        let prompts = directory.file("prompts")
        let run = try longlm(arguments(["--write-prompts", prompts]))
        #expect(run.status == 0 && run.output.isEmpty && run.errors.isEmpty)
        #expect(try contents("prompts").split(separator: "\n").count == 4)
        let charts = ["--svg", directory.file("map.svg"), "--html", directory.file("map.html")]
        #expect(try longlm(arguments(["--methods", "plain"] + charts)).status == 0)
        #expect(try contents("map.svg").hasPrefix("<svg ") && contents("map.html").hasPrefix("<!DOCTYPE html>"))
    }

    @Test(arguments: [
        (["--task", "all,vt"], "\"all\" is not one of all, niah_single_1"), (["--count", "0"], "--count is 0"),
        (["--resume"], "--resume needs --output"), (["--shard", "4/3"], "--shard is 4/3"),
        (["--lengths", "0"], "a length is 0"), (["--base", "--chat"], "'--chat'"),
        (["--chat-format", "chatml"], "--chat-format needs --chat"),
        (["--input", "f", "--lengths", "4096"], "--lengths is for generated tasks"),
        (["--input", "f", "--task", "vt"], "--task is for generated tasks"),
        (["--input", "f", "--seed", "1"], "--seed is for generated tasks"),
        (["--input", "f", "--haystack", "h"], "--haystack is for generated tasks"),
        (["--template", "t"], "--template needs --input"), (["--metric", "f1"], "--metric needs --input"),
        (["--max-tokens", "4"], "--max-tokens needs --input"), (["--max-length", "4"], "--max-length needs --input"),
        (["--truncate", "none"], "--truncate needs --input"),
        (["--input", "f", "--truncate", "middle"], "--truncate middle needs --max-length"),
        (["--input", "f", "--max-tokens", "0"], "--max-tokens is 0"),
        (["--input", "f", "--max-length", "0"], "--max-length is 0"),
        (["--input", "f", "--metric", "bleu"], "--metric"),
        (["--write-prompts", "p", "--json"], "--write-prompts asks no model"), (["--methods", "some"], "--methods"),
    ])
    func usage(more: [String], named: String) throws {
        let run = try longlm(["tasks", "--model", Self.tiny] + more)
        #expect(run.status == 2 && run.output.isEmpty && run.errorLines.count == 1)
        #expect(run.errors.contains(named) && run.errors.hasSuffix("(see longlm tasks --help)\n"), "\(run.errors)")
    }

    /// Two samples of a data set that is scored, and one of another that isn't.
    private func samples() throws -> String {
        let context = String(repeating: "apple garden ", count: 30)
        return try directory.write(
            """
            {"input": "What?", "context": "\(context)", "answers": ["apple"], "dataset": "hotpotqa", "length": 30}
            {"input": "What?", "context": "\(context)", "answers": ["a garden"], "dataset": "hotpotqa", "length": 9000}
            {"input": "What?", "context": "\(context)", "answers": ["Person"], "dataset": "trec", "length": 30}

            """, to: "set.jsonl")
    }

    @Test("Samples of a file: resumed and merged rows have the bytes of one run")
    func input() throws {
        let arguments = [
            "tasks", "--model", Self.tiny, "--input", try samples(), "--max-tokens", "4", "--max-length", "300",
            "--truncate", "middle",
        ]
        let whole = try longlm(arguments + ["--output", directory.file("whole")])
        #expect(whole.status == 0 && whole.errorLines.count == 5, "\(whole.errors)")
        #expect(whole.errorLines[0] == "left out of trec: 1 of its samples, scored by classes")
        let bytes = try contents("whole")
        #expect(bytes.split(separator: "\n").count == 5 && bytes.contains(#""isTruncated":true"#))
        let table = whole.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(table[0].suffix(4) == ["all", "0-4k", "4k-8k", "8k+"])
        #expect(table.count == 3 && table[1].prefix(3) == ["hotpotqa", "f1", "plain"] && table[1][5] == "–")

        try directory.write(String(bytes.prefix(bytes.count - 20)), to: "cut")
        let resumed = try longlm(arguments + ["--output", directory.file("cut"), "--resume"])
        #expect(resumed.status == 0 && resumed.errors.contains("continuing after 3 of 4 rows"))
        #expect(try contents("cut") == bytes)

        let parts = (1...2).map { directory.file("part\($0)") }
        for (index, part) in parts.enumerated() {
            #expect(try longlm(arguments + ["--shard", "\(index + 1)/2", "--output", part]).status == 0)
        }
        let charts = ["--html", directory.file("map.html")]
        #expect(try longlm(["tasks", "merge"] + parts + ["--output", directory.file("merged")] + charts).status == 0)
        #expect(try contents("merged") == bytes)
        #expect(try contents("map.html").contains("hotpotqa"))
        #expect(try longlm(["tasks", "merge"] + parts).output == whole.output)

        // Another file, though its name is the same.
        try directory.write(try contents("set.jsonl") + "\n", to: "set.jsonl")
        let other = try longlm(arguments + ["--output", directory.file("whole"), "--resume"])
        #expect(other.status == 1 && other.errors.contains("belongs to a sweep that differs in inputHash"))
    }

    @Test func promptsOfSamples() throws {
        let prompts = directory.file("prompts")
        let template = try directory.write("Text: {context}\nQ: {input}\n", to: "template.txt")
        let run = try longlm([
            "tasks", "--model", Self.tiny, "--input", try samples(), "--template", template, "--metric", "contains",
            "--count", "1", "--write-prompts", prompts,
        ])
        #expect(run.status == 0 && run.output.isEmpty && run.errors.isEmpty)
        let lines = try contents("prompts").split(separator: "\n")
        #expect(lines.count == 2 && lines.allSatisfy { $0.contains(#""input":"Text: apple garden "#) })
        #expect(lines[1].contains(#""task":"trec""#) && lines[1].contains(#""truncated":false"#))
    }

    @Test func badInput() throws {
        let run = try longlm(["tasks", "--model", Self.tiny, "--lengths", "200", "--task", "vt"])
        #expect(run.status == 1 && run.errors == "longlm: 200 tokens have no room for the task vt and its answer\n")
        let empty = try directory.write("", to: "empty.txt")
        let other = try longlm(arguments(["--haystack", empty]))
        #expect(other.status == 1 && other.errors.contains("\(empty): holds no words"))
        let line = try directory.write(#"{"input": "q"}"#, to: "line.jsonl")
        let form = try longlm(["tasks", "--model", Self.tiny, "--input", line])
        #expect(form.status == 1 && form.errors.hasPrefix("longlm: \(line):1: is of neither form"))
        let long = try longlm(["tasks", "--model", Self.tiny, "--input", try samples(), "--max-length", "300"])
        #expect(long.status == 1 && long.errors.contains("set.jsonl:1: the prompt and an answer of 32 tokens take "))
    }
}
