import Foundation
import LongLMEvaluation
import TestSupport
import Testing

@Suite("Files of runs, and hashes of models")
struct RunLogTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func run(_ date: String) -> RunLog.Run {
        RunLog.Run(
            fingerprint: "f", date: date, processor: "CPU", threads: 2, version: "1", command: "longlm", weights: [])
    }

    private func time(_ seconds: Double) -> RunLog.Time {
        RunLog.Time(.answer, length: 100, mode: "plain", seconds: seconds)
    }

    @Test("Each process adds itself and its times, after whatever a killed one left")
    func append() throws {
        let path = directory.file("runs")
        let first = RunFile(path: path) { () throws(EvaluationError) in run("monday") }
        #expect(!FileManager.default.fileExists(atPath: path))
        try first.add(time(1.23456))
        try first.add(time(2))
        // A cut line at the end doesn't matter to a reader.
        let whole = try contents(path)
        try (whole + Data(#"{"length":100,"mo"#.utf8)).write(to: URL(filePath: path))
        #expect(try RunLog(contentsOfFile: path).entries.map { $0.times.map(\.seconds) } == [[1.235, 2]])
        let second = RunFile(path: path) { () throws(EvaluationError) in run("tuesday") }
        try second.add(time(3))
        let entries = try RunLog(contentsOfFile: path).entries
        #expect(entries.map(\.run.date) == ["monday", "tuesday"])
        #expect(entries.map { $0.times.map(\.seconds) } == [[1.235, 2], [3]])
        #expect(entries[0].run == run("monday"))
    }

    @Test func refusals() throws {
        let path = try directory.write("", to: "runs")
        #expect(try RunLog(contentsOfFile: path).entries.isEmpty)
        try RunFile(path: path) { () throws(EvaluationError) in run("monday") }.add(time(1))
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { "\($0)\n" }
        let (first, second) = (lines[0], lines[1])
        let cases: [(String, Int)] = [
            (second + first, 1), (first + "{}\n" + second, 2), (first + "\n", 2),
            (first.replacingOccurrences(of: "longlm-runs-1", with: "longlm-runs-9"), 1),
            (first + second.replacingOccurrences(of: "answer", with: "sleep"), 2),
        ]
        for (contents, line) in cases {
            try directory.write(contents, to: "runs")
            #expect(
                throws: EvaluationError.malformedLine(
                    file: path, line: line, reason: "is no line of a file of runs")
            ) { _ = try RunLog(contentsOfFile: path) }
        }
        let nowhere = directory.file("missing/runs")
        #expect(throws: EvaluationError.file(nowhere, reason: "can't be written: No such file or directory")) {
            try RunFile(path: nowhere) { () throws(EvaluationError) in run("monday") }.add(time(1))
        }
    }

    @Test("Files of weights have the hashes that sha256sum prints")
    func hashes() throws {
        try directory.write("{}", to: "config.json")
        try directory.write("abc", to: "model-00002-of-00002.safetensors")
        try directory.write("", to: "model-00001-of-00002.safetensors")
        let path = URL(filePath: directory.file("x")).deletingLastPathComponent().path
        let files = try ModelFile.weights(ofModel: path)
        #expect(files.map(\.name) == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"])
        #expect(
            files.map(\.sha256) == [
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ])
        // A million times "a", of FIPS 180's examples.
        let long = try directory.write(String(repeating: "a", count: 1_000_000), to: "long.gguf")
        #expect(
            try ModelFile.weights(ofModel: long) == [
                ModelFile(name: "long.gguf", sha256: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
            ])
        try directory.write("abc", to: "m-00001-of-00002.gguf")
        try directory.write("abc", to: "m-00002-of-00002.gguf")
        let shards = try ModelFile.weights(ofModel: directory.file("m-00001-of-00002.gguf"))
        #expect(shards.map(\.name) == ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"])
        #expect(throws: EvaluationError.self) { _ = try ModelFile.weights(ofModel: directory.file("missing.gguf")) }
    }
}
