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

    @Test func inspectOfAModelsName() throws {
        let run = try longlm(["inspect", "Qwen/Qwen3-0.6B"])
        #expect(run.status == 1 && run.errors.contains("hf download Qwen/Qwen3-0.6B"), "\(run.errors)")
    }

    #if os(Linux)
        /// With little address space the system refuses threads, memory or both: an error or a result, within a minute.
        @Test(
            .enabled(if: ProcessInfo.processInfo.environment["LONGLM_SANITIZER"] == nil, "sanitizers reserve much"),
            arguments: [60_000, 80_000, 120_000, 200_000, 400_000])
        func littleAddressSpace(kilobytes: Int) throws {
            let process = Process()
            process.executableURL = URL(filePath: "/bin/sh")
            let program = try executable().path(percentEncoded: false)
            let model = Fixtures.path("passkey-tiny")
            process.arguments = [
                "-c",
                "ulimit -v \(kilobytes); exec timeout 60 '\(program)' generate --model '\(model)' --prompt hi --max-tokens 2000 "
                    + "--beyond-context > /dev/null 2>&1",
            ]
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationReason == .exit)
            // 127: the loader itself had no room.
            #expect([0, 1, 127].contains(process.terminationStatus), "\(process.terminationStatus)")
        }
    #endif

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
