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
        (["--write-prompts", "p", "--json"], "--write-prompts asks no model"), (["--methods", "some"], "--methods"),
    ])
    func usage(more: [String], named: String) throws {
        let run = try longlm(["tasks", "--model", Self.tiny] + more)
        #expect(run.status == 2 && run.output.isEmpty && run.errorLines.count == 1)
        #expect(run.errors.contains(named) && run.errors.hasSuffix("(see longlm tasks --help)\n"), "\(run.errors)")
    }

    @Test func badInput() throws {
        let run = try longlm(["tasks", "--model", Self.tiny, "--lengths", "200", "--task", "vt"])
        #expect(run.status == 1 && run.errors == "longlm: 200 tokens have no room for the task vt and its answer\n")
        let empty = try directory.write("", to: "empty.txt")
        let other = try longlm(arguments(["--haystack", empty]))
        #expect(other.status == 1 && other.errors.contains("\(empty): holds no words"))
    }
}
