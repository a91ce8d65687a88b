import TestSupport
import Testing

@Suite struct InspectTests {
    private struct Report: Decodable {
        struct Tensor: Decodable {
            let name: String
            let dtype: String
            let shape: [Int]
            let bytes: Int
        }
        struct Model: Decodable {
            let layers: Int
            let length: Int
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
        #expect(model.totalBytes == report.weightBytes + model.cacheBytes)
        // The ring of neighbor keys comes on top.
        let extended = try longlm(
            ["inspect", llama, "--length", "1024", "--neighbor-window", "64", "--json"]
        ).json(Report.self)
        #expect(try #require(extended.model).cacheBytes > model.cacheBytes)
    }

    @Test func file() throws {
        let report = try longlm(["inspect", llama + "/model.safetensors", "--json"]).json(Report.self)
        #expect(!report.tensors.isEmpty)
        #expect(report.model == nil && report.modelError == nil)
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
