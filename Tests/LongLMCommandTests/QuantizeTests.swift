import Foundation
import TestSupport
import Testing

/// `longlm quantize`
@Suite struct QuantizeTests {
    private struct Report: Decodable {
        struct Format: Decodable {
            let type: String
            let tensors: Int
            let bytes: Int
            let relativeError: Double
            let worstTensor: String?
        }
        struct Fallback: Decodable {
            let type: String
            let insteadOf: String
            let tensors: [String]
        }
        struct Comparison: Decodable {
            let perplexityBefore: Double
            let perplexityAfter: Double
            let divergence: Double
            let windows: Int
        }
        let target: String
        let formats: [Format]
        let fallbacks: [Fallback]
        let bytesBefore: Int
        let bytesAfter: Int
        let fileBytes: Int
        let comparison: Comparison?
    }

    private struct Tensors: Decodable {
        struct Tensor: Decodable {
            let name: String
            let dtype: String
        }
        let tensors: [Tensor]
        let modelError: String?
    }

    /// A tiny model with a tokenizer of letters.
    private func model(_ folder: TemporaryDirectory, pattern: Bool = true) throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.intermediateSize) = (64, 96)
        try tiny.write(to: folder)
        let letters =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".map(String.init) + ["Ġ", "Ċ", ".", "th"]
        let vocabulary = letters.enumerated().map { #""\#($0.element)":\#($0.offset)"# }.joined(separator: ",")
        try folder.write(
            """
            {"added_tokens":[{"id":66,"content":"<|end|>","single_word":false,"lstrip":false,"rstrip":false,
            "normalized":false,"special":true}],"normalizer":null,
            "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":\(pattern)},"post_processor":null,
            "decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{\(vocabulary)},"merges":["t h"]}}
            """, to: "tokenizer.json")
        try folder.write(#"{"eos_token":"<|end|>","chat_template":"{{ eos_token }}x"}"#, to: "tokenizer_config.json")
    }

    private var text: String {
        var generator = SeededGenerator(seed: 5)
        return String((0..<400).map { _ in "abcdefgh thQRS.\n".randomElement(using: &generator)! })
    }

    @Test func writesAFile() throws {
        let folder = try TemporaryDirectory()
        try model(folder)
        try folder.write(text, to: "text.txt")
        for (target, types) in [
            ("q8_0", ["F32", "Q8_0"]), ("q4_0", ["F32", "Q4_0", "Q8_0"]), ("q4_k", ["F32", "Q5_0", "Q8_0"]),
        ] {
            let file = folder.file("\(target).gguf")
            let run = try longlm([
                "quantize", folder.path, "--to", target, "--out", file, "--text", folder.file("text.txt"), "--length",
                "50", "--windows", "3", "--threads", "2", "--json",
            ])
            #expect(run.status == 0, "\(run.errors)")
            let report = try run.json(Report.self)
            #expect(report.target == target && Set(report.formats.map(\.type)) == Set(types))
            #expect(report.formats.allSatisfy { $0.type == "F32" ? $0.relativeError == 0 : $0.relativeError > 0 })
            #expect(report.bytesAfter < report.bytesBefore)
            let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
            #expect(report.fileBytes == size)
            let comparison = try #require(report.comparison)
            #expect(comparison.windows == 3 && (0..<1).contains(comparison.divergence))
            #expect(comparison.divergence > 0 && comparison.perplexityBefore != comparison.perplexityAfter)
            let inspected = try longlm(["inspect", file, "--json"]).json(Tensors.self)
            #expect(inspected.modelError == nil && Set(inspected.tensors.map(\.dtype)) == Set(types))
            // The tokenizer and the chat template are in the file.
            let one = try longlm(["tokenize", "--model", folder.path], input: "the cat.\n<|end|>")
            let other = try longlm(["tokenize", "--model", file], input: "the cat.\n<|end|>")
            #expect(one.status == 0 && one.output == other.output, "\(one.errors)\(other.errors)")
            // A file can be rounded again.
            let again = try longlm(["quantize", file, "--to", "q8_0", "--out", folder.file("again.gguf")])
            #expect(again.status == 0 && again.output.contains("Q8_0"), "\(again.errors)")
        }
    }

    @Test func table() throws {
        let folder = try TemporaryDirectory()
        try model(folder)
        let run = try longlm(["quantize", folder.path, "--to", "q4_k", "--out", folder.file("f.gguf")])
        #expect(run.status == 0 && run.errors.isEmpty)
        for part in [
            "type  tensors",
            "Q5_0 in place of Q4_K, of whose blocks the rows aren't whole ones: blk.0.attn_q.weight and",
            "Q8_0 in place of Q6_K", "in F32, ", "peak memory",
        ] {
            #expect(run.output.contains(part), "\(part): \(run.output)")
        }
    }

    /// What is refused leaves no file.
    @Test func refusals() throws {
        let folder = try TemporaryDirectory()
        try model(folder, pattern: false)
        let file = folder.file("f.gguf")
        func run(_ path: String, _ more: [String] = []) throws -> (status: Int32, error: String) {
            let run = try longlm(["quantize", path, "--to", "q8_0", "--out", file] + more)
            #expect(!FileManager.default.fileExists(atPath: file))
            #expect(
                try !FileManager.default.contentsOfDirectory(atPath: folder.path).contains { $0.hasSuffix(".partial") })
            return (run.status, run.errors.replacingOccurrences(of: folder.path, with: "F"))
        }
        var result = try run(folder.path)
        #expect(result.status == 1)
        #expect(result.error.contains("F/tokenizer.json: GGUF can't express its pre-tokenizer"), "\(result.error)")
        result = try run(folder.path, ["--text", folder.file("absent.txt")])
        #expect(result.status == 1 && result.error.contains("absent.txt"), "\(result.error)")
        let whole = try TemporaryDirectory()
        try model(whole)
        result = try run(whole.path, ["--text", folder.write("the cat", to: "short.txt"), "--length", "20"])
        #expect(result.status == 1)
        #expect(result.error.contains("short.txt: has 6 tokens, which don't fill a window of 20"), "\(result.error)")
        result = try run(folder.path, ["--length", "5"])
        #expect(result.status == 2 && result.error.contains("--length and --windows need --text"))
        result = try run(folder.file("absent"))
        #expect(result.status == 1 && result.error.contains("no such file or directory"))
        try FileManager.default.removeItem(atPath: folder.file("tokenizer.json"))
        result = try run(folder.path)
        #expect(result.status == 1 && result.error.contains("tokenizer.json: cannot be read"), "\(result.error)")
        try folder.write(#"{"model_type": "mamba"}"#, to: "config.json")
        result = try run(folder.path)
        #expect(result.status == 1 && result.error.contains("unsupported architecture mamba"), "\(result.error)")

        let wrong = try longlm(["quantize", folder.path, "--to", "q3_k", "--out", file])
        #expect(wrong.status == 2 && wrong.errors.contains("q3_k"))
        let nowhere = try longlm(["quantize", folder.path, "--to", "q8_0", "--out", folder.file("absent/f.gguf")])
        #expect(nowhere.status == 1 && nowhere.errors.contains("can't be written"))
    }
}
