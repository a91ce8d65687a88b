import Foundation
import Safetensors
import TestSupport
import Testing

@Suite struct VerifyTests {
    private struct Report: Decodable {
        struct Result: Decodable {
            struct Comparison: Decodable {
                let worstDeviation: Double
                let worstRow: Int
                let worstToken: Int
            }
            let file: String
            let mode: String
            let passes: Bool
            let comparison: Comparison
        }
        struct Failure: Decodable {
            let directory: String
            let message: String
        }
        let passes: Bool
        let results: [Result]
        let errors: [Failure]
    }

    @Test(arguments: ["baseline", "avx2", "avx512"])
    func referenceCasesPass(instructionSet: String) throws {
        let run = try longlm(["verify", llama], environment: ["LONGLM_ISA": instructionSet])
        if run.errors.contains("lacks") { return }
        #expect(run.status == 0)
        #expect(run.output.hasSuffix("42 of 42 comparisons passed\n"))
    }

    @Test func unsupportedFamilyFailsAndTheOthersAreStillRun() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(#"{"model_type": "mamba"}"#, to: "config.json")
        let run = try longlm(["verify", "--json", directory.path, llama])
        #expect(run.status == 1)
        let report = try run.json(Report.self)
        #expect(!report.passes)
        #expect(report.results.count == 42 && report.results.allSatisfy(\.passes))
        #expect(report.errors.map(\.message) == ["\(file): unsupported architecture mamba"])
    }

    @Test("A case that can't be run fails, and the others are run")
    func oneBadCase() throws {
        let directory = try TemporaryDirectory()
        let file = "case_n40_g4_w16.safetensors"
        try Data(contentsOf: URL(filePath: llama + "/" + file)).write(to: URL(filePath: directory.file(file)))
        let rest = #""group": 4, "window": 16, "scale_base": -1, "shift": "floor"}"#
        try directory.write(
            #"[{"file": "none", "n": 40, \#(rest), {"file": "\#(file)", "n": 40, \#(rest)]"#, to: "cases.json")
        let run = try longlm(["verify", directory.path, "--model", llama, "--json"])
        #expect(run.status == 1)
        let report = try run.json(Report.self)
        #expect(report.results.count == 6 && report.results.allSatisfy(\.passes))
        #expect(report.errors.count == 1 && report.errors[0].message.contains(directory.file("none")))
    }

    @Test("One logit that is off by a thousandth of a standard deviation fails, and is named")
    func alteredLogitFails() throws {
        let directory = try TemporaryDirectory()
        let case_ = "case_n40_g4_w16.safetensors"
        let original = try SafetensorsFile(path: llama + "/" + case_)
        var writer = SafetensorsWriter()
        for name in original.tensorNames {
            let tensor = try original.tensor(name)
            guard name == "logits" else {
                try writer.add(
                    name, dtype: tensor.info.dtype, shape: tensor.info.shape,
                    bytes: tensor.withUnsafeBytes { Array($0) })
                continue
            }
            var logits = try tensor.floats()
            let mean = logits.reduce(0, +) / Float(logits.count)
            let variance = logits.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(logits.count)
            let width = tensor.info.shape[1]
            // A low logit, so that the most probable token stays the same.
            let row = Array(logits[(29 * width)..<(30 * width)])
            let token = try #require(row.indices.min { row[$0] < row[$1] })
            logits[29 * width + token] -= variance.squareRoot() * 1e-3
            try writer.add(name, shape: tensor.info.shape, floats: logits)
        }
        try writer.write(to: directory.file(case_))
        let entry =
            #"[{"file": "\#(case_)", "n": 40, "group": 4, "window": 16, "scale_base": -1, "#
            + #""shift": "floor"}]"#
        try directory.write(entry, to: "cases.json")

        let table = try longlm(["verify", directory.path, "--model", llama])
        #expect(table.status == 1)
        #expect(table.output.contains("FAIL"))
        #expect(table.output.contains("at position 29"))
        let report = try longlm(["verify", directory.path, "--model", llama, "--json"]).json(Report.self)
        // The altered logits are compared with those of one prefill and of three chunk sizes.
        #expect(
            report.results.filter { !$0.passes }.map(\.mode).sorted() == [
                "chunks of 1", "chunks of 64", "chunks of 7", "prefill",
            ])
        for result in report.results where !result.passes {
            #expect(result.comparison.worstRow == 29)
            // Rounding, ours and the original's, adds some 1e-5 to what was altered; see LogitComparison.tolerance.
            #expect(abs(result.comparison.worstDeviation - 1e-3) < 1e-4)
        }
    }
}
