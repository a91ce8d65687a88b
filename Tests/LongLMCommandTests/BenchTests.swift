import Foundation
import LongLM
import TestSupport
import Testing

/// The smallest workload: a hundredth of a second.
private let workload = "gemm/f32/512x1536x576"

@Suite struct BenchTests {
    private struct Report: Codable {
        struct Result: Codable {
            let name: String
            let value: Double
            let unit: String
            var fractionOfCeiling: Double
            let samples: [Double]
        }
        var machine: String
        let instructionSet: String
        let threads: Int
        let commit: String?
        let date: Double
        var results: [Result]
    }

    private func bench(_ arguments: [String]) throws -> Run {
        try longlm(["bench", "--only", workload, "--samples", "1", "--threads", "1"] + arguments)
    }

    private func write(_ report: Report, to directory: TemporaryDirectory) throws -> String {
        try directory.write(String(decoding: try JSONEncoder().encode(report), as: UTF8.self), to: "old.json")
    }

    @Test func jsonReport() throws {
        let before = Date().timeIntervalSince1970
        let run = try bench(["--json", "--commit", "abc"])
        #expect(run.status == 0)
        let report = try run.json(Report.self)
        #expect(report.commit == "abc" && report.threads == 1 && !report.machine.isEmpty)
        #expect(InstructionSet.allCases.map(\.rawValue).contains(report.instructionSet))
        #expect(report.date >= before - 1 && report.date <= Date().timeIntervalSince1970 + 1)
        let names = report.results.map(\.name)
        #expect(names.filter { !$0.hasPrefix("ceiling/") } == [workload])
        #expect(["ceiling/fma/f32", "ceiling/fma/int8", "ceiling/read"].allSatisfy(names.contains))
        for result in report.results {
            #expect(result.samples.count == 1 && result.value == result.samples[0] && result.value > 0)
            let units = ["ceiling/read": "GB/s", "ceiling/fma/int8": "GOP/s"]
            #expect(result.unit == units[result.name, default: "GFLOP/s"])
            #expect(result.fractionOfCeiling > 0)
        }
    }

    @Test func table() throws {
        let run = try bench([])
        #expect(run.status == 0)
        let lines = run.output.split(separator: "\n")
        #expect(lines.first?.hasSuffix(", 1 thread") == true)
        #expect(lines.last?.hasPrefix(workload) == true && lines.last?.hasSuffix(" % of ceiling") == true)
        #expect(lines.contains { $0.hasPrefix("ceiling/read ") && $0.contains("GB/s") && !$0.contains("%") })
    }

    @Test("--compare fails where the fraction of the ceiling fell, and only there")
    func comparison() throws {
        let directory = try TemporaryDirectory()
        var old = try bench(["--json"]).json(Report.self)
        let index = try #require(old.results.firstIndex { $0.name == workload })
        let fraction = old.results[index].fractionOfCeiling

        // Whatever else the machine does, one run reaches more than a hundredth of another.
        let same = try bench(["--compare", try write(old, to: directory), "--tolerance", "99"])
        #expect(same.status == 0 && same.errors.isEmpty)
        #expect(same.output.split(separator: "\n").last?.hasPrefix(workload) == true)
        #expect(same.output.contains("× old") && !same.output.contains("REGRESSION"))

        old.results[index].fractionOfCeiling = fraction * 100
        let slower = try bench(["--compare", try write(old, to: directory)])
        #expect(slower.status == 1)
        #expect(slower.output.split(separator: "\n").last?.hasSuffix("REGRESSION") == true)
        #expect(slower.errors.isEmpty)

        // With JSON on standard output, the comparison is on standard error; another machine is pointed out.
        old.machine = "another"
        let both = try bench(["--json", "--compare", try write(old, to: directory)])
        #expect(both.status == 1)
        #expect(try both.json(Report.self).results.contains { $0.name == workload })
        #expect(both.errors.contains("another setting: another, ") && both.errors.contains("REGRESSION"))

        old.results.remove(at: index)
        let strangers = try bench(["--compare", try write(old, to: directory)])
        #expect(strangers.status == 1)
        #expect(strangers.errors == "longlm: the reports have no result in common\n")
    }

    /// Without --json, the first thing that a measurement prints is the machine.
    @Test("Unknown names are refused before anything is measured, even beside known ones")
    func unknownWorkload() throws {
        let run = try longlm(
            ["bench", "--only", "gemm/f33", "--only", workload, "--only", "nothing", "--samples", "1"])
        #expect(run.status == 1 && run.output.isEmpty)
        #expect(run.errors == "longlm: no workload has gemm/f33 or nothing in its name\n")
    }

    @Test("A report that can't be read is refused before any work")
    func unusableReports() throws {
        let directory = try TemporaryDirectory()
        let missing = try bench(["--compare", "/no/report.json"])
        #expect(missing.status == 1 && missing.output.isEmpty)
        #expect(missing.errors == "longlm: /no/report.json: no such file\n")
        for (name, text) in [
            ("empty", ""), ("text", "gemm 5"), ("array", "[]"), ("object", "{}"), ("cut", #"{"machine": "m", "#),
            ("types", #"{"machine": 1, "instructionSet": "a", "threads": 1, "date": 1, "results": []}"#),
        ] as [(String, String)] {
            let path = try directory.write(text, to: name)
            let run = try bench(["--compare", path])
            #expect(run.status == 1 && run.output.isEmpty, "\(name)")
            #expect(run.errors == "longlm: \(path): not a report of longlm bench --json\n", "\(name)")
        }
    }

    @Test func missingModel() throws {
        let run = try longlm(
            ["bench", "--json", "--model", "/no/model", "--only", "prefill/f32/512", "--samples", "1"])
        #expect(run.status == 1 && run.output.isEmpty)
        #expect(run.errors.hasSuffix("longlm: /no/model: no such file or directory\n"))
    }
}
