import Foundation
import TestSupport
import Testing

/// Input that can't be used ends with status 1 and one line that names the file.
@Suite struct InputErrorTests {
    private func expectRefusal(_ run: Run, _ message: String) {
        #expect(run.status == 1)
        #expect(run.output.isEmpty)
        #expect(run.errors == "longlm: \(message)\n")
    }

    @Test func missingModel() throws {
        expectRefusal(
            try longlm(["generate", "--model", "/no/model", "--prompt", "a"]), "/no/model: no such file or directory")
    }

    @Test func missingPromptFile() throws {
        expectRefusal(
            try longlm(["generate", "--model", llama, "--prompt-file", "/no/prompt"]), "/no/prompt: no such file")
    }

    @Test func promptThatIsNotText() throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("prompt")
        try Data([0x61, 0xff]).write(to: URL(filePath: file))
        expectRefusal(
            try longlm(["generate", "--model", llama, "--prompt-file", file]), "\(file): is not UTF-8 text")
    }

    @Test func unsupportedArchitecture() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(#"{"model_type": "mamba"}"#, to: "config.json")
        expectRefusal(
            try longlm(["generate", "--model", directory.path, "--prompt", "a"]),
            "\(file): unsupported architecture mamba")
    }

    @Test("What a foreign file says can't steer the terminal")
    func controlCharacters() throws {
        let directory = try TemporaryDirectory()
        try directory.write(##"{"model_type": "bad\nlonglm: all is well\u001b[2J"}"##, to: "config.json")
        let run = try longlm(["generate", "--model", directory.path, "--prompt", "a"])
        #expect(run.status == 1)
        #expect(run.errorLines.count == 1)
        #expect(!run.errors.contains("\u{1b}"))
    }

    @Test("A chat template that can't be run is refused with an offer, which is then taken")
    func chatFormats() throws {
        let directory = try TemporaryDirectory()
        let files = [
            "config.json": llama + "/config.json",
            "tokenizer.json": Fixtures.path("../Tests/TokenizationTests/Goldens/gpt2.tokenizer.json"),
        ]
        for (name, source) in files {
            try directory.write(String(contentsOfFile: source, encoding: .utf8), to: name)
        }
        try directory.write(#"{"chat_template": "USER:\n{% include 'x' %}"}"#, to: "tokenizer_config.json")
        let arguments = ["generate", "--model", directory.path, "--prompt", "a", "--chat"]
        expectRefusal(
            try longlm(arguments),
            "\(directory.path)/tokenizer_config.json: the chat template can't be used: line 2: {% include %} isn't "
                + "supported; choose a format with --chat-format (chatml, llama2, llama3, mistral, gemma, phi3, zephyr, smollm3)"
        )
        expectRefusal(
            try longlm(arguments + ["--chat-format", "gemma"]),
            "the chat needs control token <bos>, which the tokenizer lacks")
    }

    @Test func malformedThreadCount() throws {
        let run = try longlm(["verify", llama, "--threads", "2"], environment: ["OMP_NUM_THREADS": "abc"])
        #expect(run.status == 1)
        #expect(run.errors.contains("OMP_NUM_THREADS is \"abc\""))
    }

    @Test("A file that can't be written is refused before the model is loaded")
    func unwritableFile() throws {
        expectRefusal(
            try longlm(["logits", "--model", "/no/model", "--prompt", "a", "--out", "/no/folder/file"]),
            "/no/folder/file: can't be written: No such file or directory")
    }

    @Test func inspectOptionsWithoutConfiguration() throws {
        let run = try longlm(["inspect", llama + "/model.safetensors", "--length", "5"])
        #expect(run.status == 1 && run.errors.hasSuffix("need a model\n"))
    }

    @Test func inspectOfNothing() throws {
        expectRefusal(try longlm(["inspect", "/no/file"]), "/no/file: no such file or directory")
    }

    @Test func inspectOfAnotherFormat() throws {
        let file = llama + "/config.json"
        let run = try longlm(["inspect", file])
        #expect(run.status == 1)
        #expect(run.errors.hasPrefix("longlm: \(file): "))
        #expect(run.errorLines.count == 1)
    }

    @Test(arguments: [("quantum", "names no instruction set"), ("AVX2", "names no instruction set")])
    func instructionSetThatDoesNotExist(name: String, message: String) throws {
        let run = try longlm(["verify", llama], environment: ["LONGLM_ISA": name])
        #expect(run.status == 1)
        #expect(run.errors.contains("LONGLM_ISA=\(name) \(message)"))
    }
}
