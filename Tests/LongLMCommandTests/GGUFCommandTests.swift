import Foundation
import TestSupport
import Testing

/// Commands with a GGUF file in the place of a model's directory.
@Suite struct GGUFCommandTests {
    /// The small model as a GGUF file.
    private func write(_ folder: TemporaryDirectory, _ change: (inout GGUFWriter) -> Void = { _ in }) throws -> String {
        var writer = try GGUFConversion(directory: llama).writer
        change(&writer)
        return try folder.write(writer.bytes, to: "model.gguf")
    }

    private struct Report: Decodable {
        struct Tensor: Decodable {
            let name: String
            let dtype: String
            let format: String?
        }
        struct Model: Decodable { let modelType: String }
        struct Entry: Decodable {
            let key: String
            let type: String
            let count: Int?
        }
        let tensors: [Tensor]
        let model: Model?
        let modelError: String?
        let metadata: [Entry]
        let bitsPerWeight: Double
    }

    @Test func inspect() throws {
        let folder = try TemporaryDirectory()
        let file = try write(folder) {
            $0.entries.append(("tokenizer.ggml.tokens", .array(.string, (0..<128).map { .string("t\($0)") })))
            $0.entries.append(("tokenizer.chat_template", .string(String(repeating: "line\n", count: 100))))
            $0.entries.append(("deep", .array(.array, [.array(.float32, [.float32(0.1), .float32(.infinity)])])))
        }
        for path in [file, folder.path] {
            let report = try longlm(["inspect", path, "--json"]).json(Report.self)
            #expect(report.model?.modelType == "llama" && report.modelError == nil)
            #expect(report.bitsPerWeight == 32)
            #expect(report.tensors.contains { $0.name == "blk.1.attn_q.weight" && $0.dtype == "F32" })
            #expect(report.tensors.allSatisfy { $0.format == "float32" })
            let tokens = try #require(report.metadata.first { $0.key == "tokenizer.ggml.tokens" })
            #expect(tokens.type == "array of string" && tokens.count == 128)
        }
        let run = try longlm(["inspect", file, "--length", "100"])
        #expect(run.status == 0 && run.errors.isEmpty)
        for text in [
            "general.architecture                    \"llama\"\n",
            "[\"t0\", \"t1\", \"t2\", \"t3\", \"t4\", \"t5\", … (128 in all)]\n",
            "line\\nline", "per weight  32.00 bits\n", "formats     21 F32\n", "memory ", "[0.1, \"inf\"]",
        ] {
            #expect(run.output.contains(text), "\(text): \(run.output)")
        }
    }

    /// Tensors of a type that can't be computed with, and of an unknown architecture, can be looked at.
    @Test func unusableModels() throws {
        let folder = try TemporaryDirectory()
        var writer = GGUFWriter()
        writer.entries = [("general.architecture", .string("mamba"))]
        writer.add("t", .iq1S, shape: [2, 256], [UInt8](repeating: 0, count: 100))
        let file = try folder.write(writer.bytes, to: "without ending")
        let report = try longlm(["inspect", file, "--json"]).json(Report.self)
        #expect(report.tensors.map(\.dtype) == ["IQ1_S"] && report.bitsPerWeight == 1.5625)
        #expect(report.model == nil && report.modelError == "\(file): unsupported architecture mamba")
        let broken = try folder.write([UInt8]("GGUF".utf8), to: "broken.gguf")
        let run = try longlm(["inspect", broken])
        #expect(run.status == 1)
        #expect(run.errorLines == ["longlm: \(broken): the version needs 4 bytes, but the file has only 0 more"])
    }

    @Test func verify() throws {
        let folder = try TemporaryDirectory()
        let run = try longlm(["verify", llama, "--model", try write(folder)])
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        #expect(run.output.contains(" comparisons passed\n"))
        let other = try longlm(["verify", llama, "--model", folder.path])
        #expect(other.output == run.output)
    }

    private struct Plan: Decodable, Equatable {
        struct Memory: Decodable, Equatable {
            let weightBytes: Int
            let cacheBytes: Int
            let totalBytes: Int
        }
        let memory: Memory
    }

    @Test func plan() throws {
        let folder = try TemporaryDirectory()
        let arguments = ["plan", "--length", "2000", "--no-measurement", "--json", "--model"]
        let ofFile = try longlm(arguments + [try write(folder)])
        let ofDirectory = try longlm(arguments + [llama])
        #expect(try ofFile.json(Plan.self) == ofDirectory.json(Plan.self), "\(ofFile.errors)")
    }

    @Test func withoutTokenizer() throws {
        let folder = try TemporaryDirectory()
        let file = try write(folder)
        let run = try longlm(["generate", "--model", file, "--prompt", "x"])
        #expect(run.status == 1 && run.output.isEmpty)
        #expect(
            run.errorLines.first?.hasPrefix("longlm: \(file): model type none is not supported") == true,
            "\(run.errors)")
    }
}
