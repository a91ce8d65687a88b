import Foundation
import LongLM
import LongLMEvaluation
import SIMDKernels
import TestSupport
import Testing

private func result(
    _ name: String, _ samples: [Double] = [1], fraction: Double = 0.5, unit: String = "GFLOP/s"
) -> BenchmarkResult {
    BenchmarkResult(name: name, unit: unit, samples: samples, fractionOfCeiling: fraction)
}

private func report(_ results: [BenchmarkResult], commit: String? = nil) -> BenchmarkReport {
    BenchmarkReport(
        machine: "a processor", instructionSet: "avx2", threads: 3, commit: commit, date: 1_750_000_000.5,
        results: results)
}

@Suite("Benchmark reports")
struct BenchmarkReportTests {
    @Test("A result's value is the median of its samples")
    func median() {
        #expect(result("a", [7]).value == 7)
        #expect(result("a", [9, 1, 5]).value == 5)
        // Of an even number the mean of the two in the middle, whatever their order.
        #expect(result("a", [10, 1, 2, 4]).value == 3)
        #expect(result("a", [1, 2]).value == 1.5)
        #expect(result("a", [3, 3, 3, 100]).value == 3)
        #expect(result("a", []).value.isNaN)
        #expect(result("a", [9, 1, 5]).samples == [9, 1, 5])
    }

    @Test("A report survives JSON", arguments: [nil, "abc1234"])
    func roundTrip(commit: String?) throws {
        let results = [result("gemm/f32/1x2x3", [1.25, 0.1, 1e9], fraction: 1 / 3), result("x")]
        let report = report(results, commit: commit)
        let decoded = try JSONDecoder().decode(BenchmarkReport.self, from: try JSONEncoder().encode(report))
        #expect(decoded == report)
    }

    /// Reports are kept and compared with later ones, so their keys are part of the interface.
    @Test("The keys of the JSON")
    func keys() throws {
        func object(_ report: BenchmarkReport) throws -> [String: Any] {
            let json = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(report))
            return try #require(json as? [String: Any])
        }
        let full = try object(report([result("a", [2, 4], fraction: 0.25, unit: "GB/s")], commit: "c"))
        #expect(Set(full.keys) == ["machine", "instructionSet", "threads", "commit", "date", "results"])
        #expect(full["threads"] as? Int == 3 && full["commit"] as? String == "c")
        let results = try #require(full["results"] as? [[String: Any]])
        #expect(Set(results[0].keys) == ["name", "value", "unit", "fractionOfCeiling", "samples"])
        #expect(results[0]["value"] as? Double == 3 && results[0]["unit"] as? String == "GB/s")
        #expect(results[0]["fractionOfCeiling"] as? Double == 0.25 && results[0]["samples"] as? [Double] == [2, 4])
        #expect(try object(report([]))["commit"] == nil)

        let written = """
            {"machine": "m", "instructionSet": "avx512", "threads": 2, "date": 1, "results": [{"name": "n",
            "value": 5, "unit": "tokens/s", "fractionOfCeiling": 0.5, "samples": [4, 5, 6]}]}
            """
        let parsed = try JSONDecoder().decode(BenchmarkReport.self, from: Data(written.utf8))
        #expect(parsed.commit == nil && parsed.results.map(\.value) == [5])
    }

    @Test("Changes are those of the same names, but for ceilings")
    func changes() {
        let old = report([
            result("b", [10], fraction: 0.5), result("ceiling/read", [10], fraction: 1), result("gone", [1]),
            result("a", [4], fraction: 0.25),
        ])
        let new = report([
            result("a", [6], fraction: 0.125), result("ceiling/read", [5], fraction: 1), result("new", [1]),
            result("b", [5], fraction: 0.75),
        ])
        let changes = new.changes(since: old)
        #expect(changes.map(\.name) == ["a", "b"])
        #expect(changes.map(\.ratio) == [1.5, 0.5])
        #expect(changes.map(\.fractionRatio) == [0.5, 1.5])
        #expect(report([]).changes(since: old).isEmpty && new.changes(since: report([])).isEmpty)
    }

    @Test("Arithmetic with a lower ceiling than 32-bit floats has a line")
    func slowArithmetic() {
        func lines(f32: Double?, bf16: Double?, int8: Double) -> [String] {
            let ceilings = [("f32", f32), ("bf16", bf16), ("int8", int8), ("read", 1)].compactMap { name, value in
                value.map { result("ceiling/\(name == "read" ? "" : "fma/")\(name)", [$0], fraction: 1) }
            }
            return report(ceilings).slowArithmetic
        }
        #expect(lines(f32: 200, bf16: 400, int8: 800).isEmpty)
        #expect(lines(f32: 200, bf16: 200, int8: 800).isEmpty)
        let text = " × the operations of float32 here, which is exact"
        #expect(lines(f32: 200, bf16: 100, int8: 800) == ["bfloat16 does 0.50" + text])
        #expect(lines(f32: 200, bf16: nil, int8: 150) == ["int8 does 0.75" + text])
        #expect(lines(f32: nil, bf16: 1, int8: 1).isEmpty)
    }

    @Test("A regression is a fraction of the ceiling that fell by more than the tolerance")
    func regressions() {
        func change(_ fraction: Double, rate: Double = 1) -> BenchmarkReport.Change {
            report([result("a", [rate], fraction: fraction)]).changes(since: report([result("a", fraction: 1)]))[0]
        }
        // Numbers that are exact in binary: the edge itself is accepted.
        #expect(!change(0.75).isRegression(tolerance: 0.25))
        #expect(change((0.75).nextDown).isRegression(tolerance: 0.25))
        #expect(!change(1).isRegression(tolerance: 0.25) && !change(2).isRegression(tolerance: 0.25))
        #expect(change((1.0).nextDown).isRegression(tolerance: 0))
        // The rate alone may fall with the machine's.
        #expect(!change(1, rate: 0.01).isRegression(tolerance: 0.25))
        #expect(change(0.5, rate: 100).isRegression(tolerance: 0.25))
    }
}

@Suite("Benchmark workloads")
struct BenchmarkWorkloadTests {
    private let setting = KernelSetting(threadCount: 1, instructionSet: InstructionSet.available.last ?? .baseline)

    @Test("Names are unique, and those of the help exist", arguments: InstructionSet.available, [nil, "/no/model"])
    func names(_ instructionSet: InstructionSet, _ directory: String?) {
        let suite = BenchmarkSuite(
            setting: KernelSetting(threadCount: 1, instructionSet: instructionSet), modelPath: directory)
        #expect(Set(suite.names).count == suite.names.count)
        for name in ["gemm/f32/512x4096x4096", "gemv/f32/1x49152x576", "attention/plain/8192"] {
            #expect(suite.names.contains(name))
        }
        // A model's are there with a model, and bfloat16 products where the processor has them.
        let hasProducts = instructionSet.hasBFloat16Products
        #expect(suite.names.contains("prefill/f32/4096") == (directory != nil))
        #expect(suite.names.contains("decode/bf16/depth4096") == (directory != nil && hasProducts))
        #expect(suite.names.contains("gemm/bf16/512x4096x4096") == hasProducts)
        #expect(suite.names.contains("attention/plain/8192/bf16") == hasProducts)
        let families = Set(suite.names.compactMap { $0.split(separator: "/").first })
        let kernels: Set<Substring> = ["gemm", "gemv", "attention"]
        #expect(families == (directory == nil ? kernels : kernels.union(["prefill", "decode"])))
    }

    /// Reports are compared by these names, so they are part of the interface. A name of every kind is written out.
    @Test("All names, in their order")
    func namesInOrder() {
        let kernels = BenchmarkCase.kernels(hasBFloat16Products: true).map(\.name)
        let floats = ["f32", "f32xbf16", "f32xf16", "bf16"]
        let quantized = ["f32xq8_0", "f32xq4_k", "f32xq6_k", "q8_0", "q4_k", "q6_k"]
        // Blocks of 256 don't divide rows of 576.
        func names(_ prefix: String, _ shapes: [String]) -> [String] {
            (floats + quantized).flatMap { type in
                shapes.filter { !type.hasSuffix("_k") || !$0.hasSuffix("x576") }.map { "\(prefix)\($0)" }
                    .map { $0.replacingOccurrences(of: "TYPE", with: type) }
            }
        }
        let products = names(
            "gemm/TYPE/512x", ["4096x4096", "11008x4096", "1536x576", "576x1536", "49152x576"])
        let vectors = names("gemv/TYPE/1x", ["49152x576", "11008x4096", "49152x2304"])
        let attention = ["", "/bf16", "/int8"].flatMap { suffix in
            [4096, 8192, 32768].flatMap { length in
                let zones =
                    ["plain", "selfextend"] + (length == 8192 && suffix.isEmpty ? ["string", "dualchunk"] : [])
                return zones.map { "attention/\($0)/\(length)\(suffix)" }
            }
        }
        #expect(kernels == products + vectors + attention)
        #expect(
            BenchmarkCase.kernels(hasBFloat16Products: false).map(\.name)
                == kernels.filter { !$0.contains("/bf16") })

        let model = BenchmarkCase.model(hasBFloat16Products: false, isGGUF: false).map(\.name)
        #expect(
            model == [
                "prefill/f32/512", "prefill/f32/2048", "prefill/f32/4096", "prefill/f32/8192",
                "decode/f32/batch2", "decode/f32/batch8", "decode/f32/batch32",
                "decode/f32/depth0", "decode/f32/depth4096", "decode/f32/depth8192",
                "prefill/f32/2048/selfextend", "prefill/f32/4096/selfextend", "prefill/f32/8192/selfextend",
                "decode/f32/depth4096/selfextend", "decode/f32/depth8192/selfextend",
                "prefill/f32xbf16/512", "prefill/f32xbf16/2048", "prefill/f32xbf16/4096", "prefill/f32xbf16/8192",
                "decode/f32xbf16/batch2", "decode/f32xbf16/batch8", "decode/f32xbf16/batch32",
                "decode/f32xbf16/depth0", "decode/f32xbf16/depth4096", "decode/f32xbf16/depth8192",
                "prefill/f32xbf16/2048/selfextend", "prefill/f32xbf16/4096/selfextend",
                "prefill/f32xbf16/8192/selfextend",
                "decode/f32xbf16/depth4096/selfextend", "decode/f32xbf16/depth8192/selfextend",
            ])
        let narrow = model.suffix(15).map { $0.replacingOccurrences(of: "f32xbf16", with: "bf16") }
        #expect(BenchmarkCase.model(hasBFloat16Products: true, isGGUF: false).map(\.name) == model + narrow)
        // A file's weights as they are stored, and widened to the next format that peers take.
        let file = model.prefix(15).map { $0.replacingOccurrences(of: "/f32/", with: "/f32xfile/") }
        let integers = file.map { $0.replacingOccurrences(of: "f32x", with: "int8x") }
        #expect(
            BenchmarkCase.model(hasBFloat16Products: true, isGGUF: true).map(\.name)
                == file + integers + model.suffix(15))
    }

    @Test("A shape that isn't in the suite can be measured too")
    func ownShape() throws {
        let suite = BenchmarkSuite(setting: setting, modelPath: nil)
        let shape = KernelShape.Product(rowCount: 3, outputCount: 40, inputCount: 24)
        let workload = try suite.workload(.product(shape, .float32OnBFloat16))
        #expect(workload.name == "gemm/f32xbf16/3x40x24" && workload.amount == 2 * 3 * 40 * 24)
        try workload.runOnce()
    }

    @Test("Kernels: names, limits and amounts")
    func kernelAmounts() throws {
        let suite = BenchmarkSuite(setting: setting, modelPath: nil)
        func expect(_ name: String, _ amount: Double, _ limit: WorkloadLimit) throws {
            guard suite.names.contains(name) else { return }
            let workload = try suite.workload(name)
            #expect(workload.name == name && workload.amount == amount && workload.limit == limit)
            #expect(workload.tokenCount == nil)
        }
        // 2 · M · N · K, whatever the types.
        for type in ["f32", "f32xbf16", "f32xf16"] {
            try expect("gemm/\(type)/512x1536x576", 905_969_664, .operations(.float32))
        }
        try expect("gemm/bf16/512x576x1536", 905_969_664, .operations(.bfloat16))
        try expect("gemm/f32xq4_k/512x576x1536", 905_969_664, .operations(.float32))
        try expect("gemm/q8_0/512x576x1536", 905_969_664, .operations(.int8))
        // The bytes of N · K numbers of 16 bits.
        try expect("gemv/f32xbf16/1x49152x576", 56_623_104, .memory)
        // 34 bytes for 32 numbers, 144 for 256.
        try expect("gemv/q8_0/1x49152x576", 49_152 * 18 * 34, .memory)
        try expect("gemv/f32xq4_k/1x49152x2304", 49_152 * 9 * 144, .memory)
        // 2 operations each for the score and the value of 9 heads of 64 and 4,096 · 4,097 / 2 pairs.
        for mode in ["plain", "selfextend"] {
            try expect("attention/\(mode)/4096", 19_332_071_424, .operations(.float32))
            try expect("attention/\(mode)/4096/bf16", 19_332_071_424, .operations(.bfloat16))
        }
    }

    /// SmolLM2-135M's layers, one of them, with another vocabulary.
    @Test("A prefill's operations are SmolLM2's")
    func prefillAmount() throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.intermediateSize, tiny.queryHeadCount, tiny.keyValueHeadCount) = (576, 1536, 9, 3)
        (tiny.layerCount, tiny.vocabularySize, tiny.contextLength) = (1, 64, 8192)
        let directory = try TemporaryDirectory()
        try tiny.write(to: directory)
        let suite = BenchmarkSuite(setting: setting, modelPath: directory.path)
        let workload = try suite.workload("prefill/f32/512")
        #expect(workload.name == "prefill/f32/512" && workload.limit == .operations(.float32))
        #expect(workload.tokenCount == 512)
        // Only the last token's logits are computed.
        let layer = workload.amount - 2 * 576 * 64
        // A multiplication and an addition for each weight, and four operations for each of 576 components of a query
        // and the (512 + 1) / 2 keys that it sees in the mean.
        let weights: Double = 2 * 576 * (576 + 192) + 3 * 576 * 1536
        #expect(layer == 512 * (2 * weights + 4 * 576 * 256.5))
        // 30 such layers and 49,152 tokens: 230.0 million operations for a token.
        let model = 30 * layer + 2 * 576 * 49152
        #expect(abs(model / 512 - 230.0e6) < 0.005 * 230.0e6)
    }

    @Test("A model's workloads: names, amounts and runs")
    func modelAmounts() throws {
        var tiny = TinyLlama()
        tiny.contextLength = 8192
        let directory = try TemporaryDirectory()
        try tiny.write(to: directory)
        let suite = BenchmarkSuite(setting: setting, modelPath: directory.path)
        let model = try LanguageModel(
            directory: directory.path, options: LoadOptions(instructionSet: setting.instructionSet))
        // The embedding, from which single rows are read: 67 rows in three panels of 32.
        #expect(model.weightByteCount - model.decodeByteCount == 96 * 48 * 4)

        let decode = try suite.workload("decode/f32/depth0")
        #expect(decode.name == "decode/f32/depth0" && decode.limit == .memory && decode.tokenCount == 16)
        // 16 times the weights, and keys and values of 2 layers, 2 heads of 12 and 128 positions: the
        // middle of the 16 runs that one session serves.
        #expect(decode.amount == 16 * (Double(model.decodeByteCount) + 2 * 128 * 2 * 2 * 12 * 4))
        try decode.runOnce()

        for name in suite.names where name.contains("/512") && name.hasPrefix("prefill") || name.hasSuffix("depth0") {
            let workload = try suite.workload(name)
            #expect(workload.name == name)
            // Cheap enough to run twice: a run must start where the last one did, or the text would not fit.
            try workload.runOnce()
            try workload.runOnce()
        }
        let extended = try suite.workload("prefill/f32/2048/selfextend")
        #expect(extended.name == "prefill/f32/2048/selfextend" && extended.tokenCount == 2048)
        try extended.runOnce()
    }

    @Test("A model that isn't there is an error when it is asked for")
    func missingModel() {
        let suite = BenchmarkSuite(setting: setting, modelPath: "/no/model")
        #expect(throws: ModelError.notAModel(path: "/no/model", reason: "no such file or directory")) {
            _ = try suite.workload("prefill/f32/512")
        }
    }

    @Test("The runner takes as many samples as it is asked for")
    func runner() throws {
        let runner = BenchmarkRunner(setting)
        let ceilings = runner.ceilings(sampleCount: 2)
        let hasProducts = setting.instructionSet.hasBFloat16Products
        #expect(
            ceilings.map(\.name) == ["ceiling/fma/f32"] + (hasProducts ? ["ceiling/fma/bf16"] : [])
                + ["ceiling/fma/int8", "ceiling/read"])
        #expect(ceilings.allSatisfy { $0.samples.count == 2 && $0.value > 0 && $0.fractionOfCeiling == 1 })
        #expect(ceilings.map(\.unit).dropLast(2).allSatisfy { $0 == "GFLOP/s" })
        #expect(ceilings.map(\.unit).suffix(2) == ["GOP/s", "GB/s"])

        let suite = BenchmarkSuite(setting: setting, modelPath: nil)
        let result = try runner.measure(try suite.workload("gemm/f32/512x1536x576"), sampleCount: 3)
        #expect(result.name == "gemm/f32/512x1536x576" && result.unit == "GFLOP/s" && result.samples.count == 3)
        #expect(result.samples.allSatisfy { $0 > 0 } && result.fractionOfCeiling > 0)
    }

    @Test("A cancelled task measures nothing more")
    func cancellation() async throws {
        let setting = setting
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            let suite = BenchmarkSuite(setting: setting, modelPath: nil)
            _ = try BenchmarkRunner(setting).measure(
                try suite.workload("gemm/f32/512x1536x576"), sampleCount: 1_000_000)
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
