import Foundation
import LongLM
import TestSupport
import Testing

/// What people give as a model, and what the error says of it.
@Suite struct ForeignModelTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func reason(_ path: String) -> String? {
        let error = thrownError { () throws(ModelError) in _ = try LanguageModel(path: path) }
        guard case .notAModel(path, let reason) = error else { return nil }
        // Every entrance says the same.
        #expect(thrownError { () throws(ModelError) in _ = try ModelConfiguration(path: path) } == error)
        return reason
    }

    @Test func nothing() {
        #expect(reason(folder.file("none")) == "no such file or directory")
        #expect(reason("") == "no such file or directory")
        #expect(reason("./none") == "no such file or directory")
    }

    @Test(arguments: ["HuggingFaceTB/SmolLM2-135M-Instruct", "meta-llama/Llama-3.2-1B", "01-ai/Yi-1.5-6B-Chat"])
    func nameOnHuggingFace(name: String) {
        #expect(reason(name)?.contains("hf download \(name) --local-dir DIRECTORY") == true)
    }

    @Test(
        arguments: [
            ("model.safetensors", [8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8), "config.json"),
            ("model.safetensors.index.json", Array("{}".utf8), "config.json"),
            ("pytorch_model.bin", Array("PK\u{3}\u{4}".utf8), "PyTorch"), ("consolidated.00.pth", [128, 2], "PyTorch"),
            ("notes.txt", Array("hello".utf8), "neither a model's directory nor a GGUF file"),
            (
                "m.gguf", Array("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n".utf8),
                "git lfs pull"
            ),
            ("m.gguf", Array("\n<!DOCTYPE html><html>".utf8), "HTML"),
            ("model.safetensors", Array("<html lang=en>".utf8), "HTML"),
        ] as [(String, [UInt8], String)])
    func files(name: String, contents: [UInt8], expected: String) throws {
        let path = try folder.write(contents, to: name)
        #expect(reason(path)?.contains(expected) == true, "\(reason(path) ?? "none")")
    }

    @Test(
        arguments: [
            (["adapter_config.json": "{}", "adapter_model.safetensors": ""], "LoRA"),
            (["config.json": "{}", "pytorch_model-00001-of-00002.bin": ""], "pytorch_model-00001-of-00002.bin holds"),
            (
                ["config.json": "{}", "model.safetensors": "version https://git-lfs.github.com/spec/v1\n"],
                "git lfs pull"
            ),
            (
                [
                    "config.json": "{}", "model.safetensors.index.json": "{}",
                    "model-00002-of-00002.safetensors": "version https://git-lfs.github.com/spec/v1\n",
                ], "model-00002-of-00002.safetensors is a Git LFS pointer"
            ),
            (["config.json": "<!doctype html>", "model.safetensors": ""], "config.json is an HTML page"),
        ] as [([String: String], String)])
    func directories(files: [String: String], expected: String) throws {
        for (name, text) in files { try folder.write(text, to: name) }
        #expect(reason(folder.path)?.contains(expected) == true, "\(reason(folder.path) ?? "none")")
    }

    /// The tokenizer alone is foreign; what needs none works.
    @Test func sentencePiece() throws {
        try folder.write("", to: "tokenizer.model")
        let location = try ModelLocation(ofModel: folder.path)
        #expect {
            _ = try location.tokenizer()
        } throws: { error in
            guard case .model(.notAModel(folder.path, let reason)) = error as? LoadingError else { return false }
            return reason.contains("tokenizer.model but no tokenizer.json")
        }
    }

    /// Beside the weights there may be files of training, and an adapter beside a whole model.
    @Test func wholeModels() throws {
        try TinyLlama().write(to: folder)
        try folder.write("", to: "training_args.bin")
        try folder.write("{}", to: "adapter_config.json")
        _ = try LanguageModel(path: folder.path)
    }
}
