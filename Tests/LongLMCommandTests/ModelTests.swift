import Foundation
import Safetensors
import TestSupport
import Testing

/// The commands that need a model with a tokenizer.
@Suite(.enabled(if: FetchedModel.smolLM2.isExpected, Comment(rawValue: FetchedModel.smolLM2.absence)), .serialized)
struct ModelTests {
    private struct Generated: Decodable {
        let text: String
        let tokens: [Int]
        let promptTokenCount: Int
        let stopReason: String
        let peakMemoryBytes: Int
    }

    private struct Inspected: Decodable {
        struct Model: Decodable { let totalBytes: Int }
        let model: Model
    }

    private struct Tokens: Codable { let ids: [Int] }

    private let model = ["--model", FetchedModel.smolLM2.directory]

    @Test func generatesText() throws {
        let run = try longlm(["generate", "--prompt", "The capital of France is", "--max-tokens", "2"] + model)
        #expect(run.status == 0)
        #expect(run.output == " Paris.\n")
        #expect(run.errorLines.count == 1)
        #expect(run.errors.hasPrefix("prefill 5 tokens in "))
        #expect(run.errors.contains("tokens/s"))
    }

    @Test func readsThePromptFromStandardInput() throws {
        let run = try longlm(
            ["generate", "--prompt-file", "-", "--max-tokens", "2"] + model, input: "The capital of France is")
        #expect(run.output == " Paris.\n")
    }

    @Test func chatEndsByItself() throws {
        let run = try longlm(
            ["generate", "--chat", "--prompt", "Answer with one word: what is the capital of France?", "--json"] + model
        )
        let generated = try run.json(Generated.self)
        #expect(generated.text.contains("Paris"))
        #expect(generated.stopReason == "endToken")
    }

    @Test func seedDecidesWhatIsSampled() throws {
        func sample(_ seed: String) throws -> [Int] {
            try longlm(
                [
                    "generate", "--prompt", "Once upon a time", "--max-tokens", "16", "--temperature", "1", "--seed",
                    seed,
                    "--json",
                ] + model
            ).json(Generated.self).tokens
        }
        let first = try sample("1")
        #expect(try sample("1") == first)
        #expect(try sample("2") != first)
    }

    @Test func promptBeyondTheContextIsRefusedBeforeLoading() throws {
        let text = String(repeating: "again and ", count: 5000)
        let run = try longlm(["generate", "--prompt-file", "-"] + model, input: text)
        #expect(run.status == 1)
        #expect(run.output.isEmpty)
        #expect(run.errorLines.count == 1)
        #expect(run.errors.contains("reach to 8192") && run.errors.contains("--group-size"))
    }

    @Test func tokensComeBackAsText() throws {
        let text = "Self-Extend: ⌊i/G⌋ + W − ⌊W/G⌋ 👩‍🚀\n"
        let ids = try longlm(["tokenize", "--json"] + model, input: text).json(Tokens.self).ids
        let plain = try longlm(["tokenize"] + model, input: text)
        #expect(plain.output == ids.map(String.init).joined(separator: " ") + "\n")
        #expect(try longlm(["tokenize", "--decode"] + model, input: plain.output).output == text)
        let json = String(decoding: try JSONEncoder().encode(Tokens(ids: ids)), as: UTF8.self)
        #expect(try longlm(["tokenize", "--decode"] + model, input: json).output == text)
    }

    @Test(arguments: ["12 x", "{\"ids\": 3}", "99999999"])
    func idsThatAreNone(input: String) throws {
        let run = try longlm(["tokenize", "--decode"] + model, input: input)
        #expect(run.status == 1)
        #expect(run.errorLines.count == 1)
    }

    @Test func logitsAreWrittenAndHashed() throws {
        let directory = try TemporaryDirectory()
        let text = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
        let file = directory.file("logits.safetensors")
        let whole = try longlm(["logits", "--prompt", text, "--out", file] + model)
        let chunked = try longlm(["logits", "--prompt", text, "--chunk", "5", "--threads", "3"] + model)
        let huge = try longlm(["logits", "--prompt", text, "--chunk", "\(Int.max)"] + model)
        #expect(huge.output == whole.output)
        #expect(whole.status == 0)
        #expect(whole.output.count == 65 && whole.output == chunked.output)
        let written = try SafetensorsFile(path: file)
        let ids = try written.tensor("input_ids").integers()
        let logits = try written.tensor("logits")
        #expect(logits.info.shape == [ids.count, 49152])

        let lastFile = directory.file("last.safetensors")
        let last = try longlm(["logits", "--prompt", text, "--rows", "1", "--out", lastFile] + model)
        #expect(last.status == 0)
        #expect(
            try SafetensorsFile(path: lastFile).tensor("logits").floats() == Array(logits.floats().suffix(49152)))
    }

    @Test("Every attention mode gives logits of its own")
    func attentionModes() throws {
        let window = ["--neighbor-window", "4"]
        let modes = [
            [], window + ["--group-size", "3"], window + ["--attention", "rerope"],
            window + ["--group-size", "3", "--attention", "leaky-rerope"], ["--attention", "string:4:2"],
            ["--attention", "dpe:2,3:4"], ["--attention", "dca:5:1"], ["--attention", "lampe:40:9:4"],
            ["--attention", "linear:2"], ["--attention", "ntk:2"], ["--attention", "dynamic-ntk:20000"],
            ["--attention", "yarn:2"], ["--attention", "llama3:2:1:4"], ["--attention", "5:4"],
        ]
        let hashes = try modes.map { mode in
            let run = try longlm(
                ["logits", "--prompt", "One, two, three, four, five, six, seven", "--rows", "1"] + mode + model)
            #expect(run.status == 0 && run.output.count == 65)
            return run.output
        }
        #expect(Set(hashes).count == modes.count)
    }

    @Test func logitsIntoNowhere() throws {
        let run = try longlm(["logits", "--prompt", "a", "--out", "/no/folder/file.safetensors"] + model)
        #expect(run.status == 1)
        #expect(run.errors.contains("/no/folder/file.safetensors"))
    }

    @Test("A prefill of 3,072 tokens takes little more memory than weights and cache")
    func memoryStaysBounded() throws {
        // " the" is one token. One is left for the answer. All scores of a layer would be 340 MB.
        let text = String(repeating: " the", count: 3071)
        let generated = try longlm(
            ["generate", "--prompt-file", "-", "--max-tokens", "1", "--json"] + model, input: text
        ).json(Generated.self)
        #expect(generated.promptTokenCount == 3071)
        let needed = try longlm(["inspect", FetchedModel.smolLM2.directory, "--length", "3072", "--json"]).json(
            Inspected.self)
        // 200 MB for activations, the tokenizer, the program and its libraries.
        #expect(generated.peakMemoryBytes < needed.model.totalBytes + 200_000_000)
    }

    @Test("Ctrl-C ends a run within its step, with status 130")
    func interruption() async throws {
        let process = try start(
            ["generate", "--prompt", "Once upon a time", "--max-tokens", "8000", "--temperature", "1"] + model)
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // The first piece of text: by now it generates.
        #expect(!output.fileHandleForReading.availableData.isEmpty)
        process.interrupt()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit)
        #expect(process.terminationStatus == 130)
        let message = String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
        #expect(message == "longlm: interrupted\n")
    }
}
