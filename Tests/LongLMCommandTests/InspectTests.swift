import TestSupport
import Testing

@Suite struct InspectTests {
    private struct Report: Decodable {
        struct Tensor: Decodable {
            let name: String
            let dtype: String
            let shape: [Int]
            let bytes: Int
            let format: String?
            let packedBytes: Int?
        }
        struct Model: Decodable {
            let layers: Int
            let length: Int
            let weightBytes: Int
            let cacheBytes: Int
            let totalBytes: Int
        }
        let tensors: [Tensor]
        let parameters: Int
        let weightBytes: Int
        let model: Model?
        let modelError: String?
    }

    @Test func directory() throws {
        let report = try longlm(["inspect", llama, "--length", "1024", "--json"]).json(Report.self)
        let model = try #require(report.model)
        let embedding = try #require(report.tensors.first { $0.name == "model.embed_tokens.weight" })
        #expect(embedding.bytes == embedding.shape.reduce(4, *))
        #expect(report.parameters == report.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) })
        #expect(report.weightBytes == report.parameters * 4)
        #expect(model.length == 1024)
        #expect(model.totalBytes == model.weightBytes + model.cacheBytes)
        #expect(report.tensors.allSatisfy { $0.format == "float32" })
        #expect(model.weightBytes == report.tensors.reduce(0) { $0 + ($1.packedBytes ?? 0) })
        // The ring of neighbor keys comes on top.
        let extended = try longlm(
            ["inspect", llama, "--length", "1024", "--neighbor-window", "64", "--json"]
        ).json(Report.self)
        #expect(try #require(extended.model).cacheBytes > model.cacheBytes)
    }

    @Test("The parts of a quantised matrix are shown with its format, and forms that aren't read with an error")
    func quantizedSafetensors() throws {
        let tiny = try QuantizedSafetensors(.gptq(bits: 4, group: 64, isSymmetric: true) { _ in "q4_0" })
        let report = try longlm(["inspect", tiny.path, "--json"]).json(Report.self)
        let model = try #require(report.model)
        #expect(report.tensors.count == tiny.parts.count)
        for tensor in report.tensors {
            let isPart = [".qweight", ".qzeros", ".scales", ".g_idx"].contains { tensor.name.hasSuffix($0) }
            #expect(tensor.format == (isPart ? "q4_0" : "float32"), "\(tensor.name)")
            #expect((tensor.packedBytes == 0) == (isPart && !tensor.name.hasSuffix(".qweight")))
        }
        #expect(report.parameters == tiny.tensors.reduce(0) { $0 + $1.values.count })
        #expect(model.weightBytes == report.tensors.reduce(0) { $0 + ($1.packedBytes ?? 0) })

        try tiny.write(tiny.parts, ["quantization_config": #"{"quant_method": "torchao"}"#])
        let refused = try longlm(["inspect", tiny.path, "--json"]).json(Report.self)
        #expect(refused.tensors.map(\.name) == report.tensors.map(\.name) && refused.model == nil)
        #expect(refused.modelError?.contains("quantised in the form torchao") == true)
    }

    @Test func file() throws {
        let report = try longlm(["inspect", llama + "/model.safetensors", "--json"]).json(Report.self)
        #expect(!report.tensors.isEmpty)
        #expect(report.model == nil && report.modelError == nil)
        #expect(report.tensors.allSatisfy { $0.format == nil && $0.packedBytes == nil })
    }

    @Test("Each tensor is shown with its format in memory: the file's for matrices, float32 for vectors")
    func formats() throws {
        var tiny = TinyLlama()
        tiny.storage = .bfloat16
        tiny.tiesEmbeddings = true
        let directory = try TemporaryDirectory()
        let copy = TinyLlama.Tensor(
            name: "lm_head.weight", shape: [67, 48], values: .init(repeating: 1, count: 67 * 48))
        try tiny.write(tiny.tensors() + [copy], to: directory)
        let report = try longlm(["inspect", directory.path, "--json"]).json(Report.self)
        for tensor in report.tensors {
            let expected = tensor.name == copy.name ? nil : tensor.shape.count == 1 ? "float32" : "bfloat16"
            #expect(
                tensor.dtype == "BF16" && tensor.format == expected && (tensor.packedBytes == nil) == (expected == nil))
        }
        // 67 rows in three panels of 32.
        let embedding = try #require(report.tensors.first { $0.name == "model.embed_tokens.weight" })
        #expect(embedding.bytes == 67 * 48 * 2 && embedding.packedBytes == 96 * 48 * 2)
        let lines = try longlm(["inspect", directory.path]).output.split(separator: "\n")
        func line(_ name: String) throws -> Substring { try #require(lines.first { $0.hasPrefix(name + " ") }) }
        #expect(try line("lm_head.weight").hasSuffix("  left out"))
        #expect(try line("model.norm.weight").hasSuffix("  float32"))
        #expect(try line("model.embed_tokens.weight").hasSuffix("  bfloat16"))
    }

    @Test("--precision, --weights and --cache show what a model that is loaded with them takes")
    func options() throws {
        func report(_ options: [String]) throws -> Report {
            try longlm(["inspect", llama, "--length", "512", "--json"] + options).json(Report.self)
        }
        let plain = try report([])
        let narrow = try report(["--weights", "int4", "--cache", "bfloat16"])
        for (tensor, rounded) in zip(plain.tensors, narrow.tensors) {
            // Rows of 112 columns aren't whole blocks of 32.
            let isWhole = tensor.shape.count == 2 && tensor.shape[1] == 64
            // The embedding and the projection onto the vocabulary take 8 bits.
            let isVocabulary = ["model.embed_tokens.weight", "lm_head.weight"].contains(tensor.name)
            let (format, bits) = isVocabulary ? ("q8_0", 8.5) : ("q4_0", 4.5)
            #expect(tensor.format == "float32" && rounded.format == (isWhole ? format : "float32"))
            if isWhole {
                #expect(try Double(#require(rounded.packedBytes)) / Double(#require(tensor.packedBytes)) == bits / 32)
            }
        }
        let (model, narrowModel) = (try #require(plain.model), try #require(narrow.model))
        #expect(narrowModel.weightBytes == narrow.tensors.reduce(0) { $0 + ($1.packedBytes ?? 0) })
        #expect(narrowModel.weightBytes < model.weightBytes / 2)
        #expect(narrowModel.cacheBytes * 2 == model.cacheBytes)
        let bfloat16 = try report(["--precision", "bfloat16"])
        #expect(try #require(bfloat16.model).cacheBytes == narrowModel.cacheBytes)
        #expect(bfloat16.tensors.allSatisfy { $0.format == ($0.shape.count == 2 ? "bfloat16" : "float32") })
        // Without a model there is nothing to be loaded.
        let file = llama + "/model.safetensors"
        let refused = try longlm(["inspect", file, "--weights", "int4"])
        #expect(refused.status == 1)
        #expect(
            refused.errors
                == "longlm: \(file): --length, --neighbor-window, --precision, --weights and --cache need a model\n")
    }

    @Test("A checkpoint that lacks a tensor can be looked at")
    func missingTensor() throws {
        let directory = try TemporaryDirectory()
        let tiny = TinyLlama()
        try tiny.write(tiny.tensors().dropLast(), to: directory)
        let run = try longlm(["inspect", directory.path, "--json"])
        let report = try run.json(Report.self)
        #expect(run.status == 0 && report.model == nil && report.tensors.count == 20)
        #expect(try #require(report.modelError).hasSuffix("tensor lm_head.weight is missing"))
    }

    @Test("A family that can't be run can be looked at")
    func unsupportedFamily() throws {
        let directory = try TemporaryDirectory()
        try TinyLlama().write(to: directory)
        try directory.write(#"{"model_type": "mamba"}"#, to: "config.json")
        let run = try longlm(["inspect", directory.path, "--json"])
        #expect(run.status == 0)
        let report = try run.json(Report.self)
        #expect(!report.tensors.isEmpty)
        #expect(try #require(report.modelError).contains("unsupported architecture mamba"))
    }

    @Test func table() throws {
        let run = try longlm(["inspect", llama])
        #expect(run.output.contains("model.embed_tokens.weight"))
        #expect(run.output.contains("parameters"))
        #expect(run.output.contains("KV cache"))
    }
}
