import Foundation
import GGUF
import LongLM
import ModelTwins
import Testing
import TestSupport

/// Models written as GGUF files.
@Suite struct ModelQuantizerTests {
    private func tokens(_ model: LanguageModel, _ count: Int = 60) -> [Int] {
        var generator = SeededGenerator(seed: 3)
        return generator.tokens(count, below: model.configuration.vocabularySize)
    }

    /// Writes a model without a tokenizer.
    @discardableResult
    private func write(
        _ path: String, _ target: QuantizationTarget, to file: String, threadCount: Int? = nil
    ) throws -> [TensorOutcome] {
        try ModelQuantizer(path: path, target: target, hasTokenizer: false).write(to: file, threadCount: threadCount)
    }

    /// Unrounded, the file has the logits of the directory, bit for bit.
    @Test(arguments: GGUFModelTests.cases) func sameLogits(_ reference: GGUFModelTests.Case) throws {
        let folder = try GGUFModelTests.directory(reference)
        let file = folder.file("written.gguf")
        let outcomes = try write(folder.path, .float32, to: file)
        #expect(outcomes.allSatisfy { $0.squaredErrors == 0 })
        let (expected, model) = (try LanguageModel(path: folder.path), try LanguageModel(path: file))
        #expect(model.endTokens == expected.endTokens)
        #expect(model.configuration.beginningToken == expected.configuration.beginningToken)
        #expect(model.configuration.contextLength == expected.configuration.contextLength)
        let tokens = tokens(model)
        #expect(try bits(allLogits(model, tokens)) == bits(allLogits(expected, tokens)))

        // The tensors are those of the converter that the tests have, but for their types.
        let other = try GGUFFile(
            bytes: GGUFConversion(directory: folder.path).writer.bytes, name: "converted")
        let written = try GGUFFile(path: file)
        #expect(Set(written.tensors.map(\.name)) == Set(other.tensors.map(\.name)))
        for info in other.tensors { #expect(try written.tensor(info.name).info.shape == info.shape) }
    }

    /// Llama 3's scaling is stored as one divisor for each frequency, rounded to 32 bits.
    @Test func llama3() throws {
        let folder = try GGUFModelTests.directory(GGUFModelTests.Case(name: "llama_llama3"))
        let file = folder.file("written.gguf")
        try write(folder.path, .float32, to: file)
        let (expected, model) = (try LanguageModel(path: folder.path), try LanguageModel(path: file))
        let tokens = tokens(model, 200)
        let (left, right) = (try allLogits(model, tokens), try allLogits(expected, tokens))
        #expect(greatestDifference(left, right.map(Double.init)) < 1e-4 * deviation(right.map(Double.init)))
    }

    /// A file in Q8_0 or Q4_0 has the logits of the directory that is rounded while it is loaded.
    @Test(arguments: ["llama", "gemma2", "phi3", "stablelm", "gpt_neox", "llama_sharded_bf16"])
    func sameAsRoundingWhileLoading(_ name: String) throws {
        let folder = try GGUFModelTests.directory(
            GGUFModelTests.Case(name: name, changes: name == "gemma2" ? ["query_pre_attn_scalar": "16"] : [:]))
        for (target, format) in [(QuantizationTarget.q80, WeightFormat.q80), (.q40, .q40)] {
            let file = folder.file("\(target.name).gguf")
            let outcomes = try write(folder.path, target, to: file)
            let expected = try LanguageModel(path: folder.path, options: LoadOptions(weightFormat: format))
            let model = try LanguageModel(path: file)
            // Rows that aren't whole blocks become F16 here.
            guard outcomes.allSatisfy({ $0.choice.insteadOf == nil }) else { continue }
            let tokens = tokens(model)
            #expect(try bits(allLogits(model, tokens)) == bits(allLogits(expected, tokens)), "\(name) \(target.name)")
        }
    }

    /// A GGUF file gives the same file as the directory that it was made from, with any number of threads.
    @Test(arguments: QuantizationTarget.all.indices) func fromGGUF(_ index: Int) throws {
        let target = QuantizationTarget.all[index]
        let folder = try GGUFModelTests.directory(GGUFModelTests.Case(name: "llama"))
        let source = folder.file("source.gguf")
        try write(folder.path, .float32, to: source)
        try write(folder.path, target, to: folder.file("a.gguf"), threadCount: 1)
        try write(source, target, to: folder.file("b.gguf"), threadCount: 3)
        let (one, other) = (try GGUFFile(path: folder.file("a.gguf")), try GGUFFile(path: folder.file("b.gguf")))
        #expect(one.tensors.map(\.type) == other.tensors.map(\.type))
        for info in one.tensors {
            let (left, right) = (try one.tensor(info.name), try other.tensor(info.name))
            #expect(left.withUnsafeBytes { Array($0) } == right.withUnsafeBytes { Array($0) }, "\(info.name)")
        }
        #expect(Set(one.metadata.keys) == Set(other.metadata.keys))
        #expect(try other.metadata.integer("general.quantization_version") == 2)
        #expect(try other.metadata.integer("general.file_type") == ["q8_0": 7, "q4_0": 2, "q4_k": 14][target.name])
    }

    /// Whatever is in the metadata is copied, shards become one file, and the alignment becomes the usual one.
    @Test func metadata() throws {
        let folder = try TemporaryDirectory()
        var writer = try GGUFConversion(directory: Fixtures.path("reference/llama")).writer
        writer.alignment = 64
        writer.entries += [
            ("general.alignment", .uint32(64)), ("general.file_type", .uint32(0)),
            ("other.list", .array(.array, [.array(.string, [.string("x"), .string("é")])])),
            ("other.f64", .float64(0.1)),
            ("split.no", .uint16(0)), ("split.count", .uint16(1)), ("split.tensors.count", .int32(21)),
        ]
        let source = try folder.write(writer.bytes, to: "source.gguf")
        try write(source, .q80, to: folder.file("out.gguf"))
        let written = try GGUFFile(path: folder.file("out.gguf"))
        let keys = writer.entries.map(\.key).filter {
            !$0.hasPrefix("split.") && $0 != "general.alignment" && $0 != "general.file_type"
        }
        #expect(written.metadata.keys == keys + ["general.file_type", "general.quantization_version"])
        #expect(written.metadata["other.list"]?.array?.elements.first?.array?.strings == ["x", "é"])
        #expect(written.alignment == 32)
        _ = try LanguageModel(path: folder.file("out.gguf"))
    }

    /// A directory that is quantised is rounded from the numbers that its codes stand for.
    @Test(arguments: QuantizedLayout.all) func quantizedDirectory(_ layout: QuantizedLayout) throws {
        let (folder, tiny) = (try TemporaryDirectory(), try QuantizedSafetensors(layout))
        let expected = try LanguageModel(path: tiny.path)
        let tokens = tokens(expected)
        for target in [QuantizationTarget.float32, .q80] {
            let file = folder.file("\(target.name).gguf")
            let outcomes = try write(tiny.path, target, to: file)
            let logits = try allLogits(LanguageModel(path: file), tokens)
            if target == .float32 { #expect(try bits(logits) == bits(allLogits(expected, tokens))) }
            #expect(outcomes.allSatisfy { $0.relativeError < 0.02 })
        }
    }

    // MARK: Types

    private func types(_ hidden: Int, _ inside: Int, _ target: QuantizationTarget) throws -> [String: TensorOutcome] {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.intermediateSize, tiny.layerCount) = (hidden, inside, 1)
        let folder = try TemporaryDirectory()
        try tiny.write(to: folder)
        let outcomes = try write(folder.path, target, to: folder.file("f.gguf"))
        let file = try GGUFFile(path: folder.file("f.gguf"))
        for outcome in outcomes {
            let info = try file.tensor(outcome.name).info
            #expect(info.type == outcome.choice.type && info.byteCount == outcome.byteCount)
        }
        _ = try LanguageModel(path: folder.file("f.gguf"))
        return Dictionary(uniqueKeysWithValues: outcomes.map { ($0.name, $0) })
    }

    @Test func typesOfTensors() throws {
        for (target, matrix, vocabulary) in [
            (QuantizationTarget.q80, GGUFTensorType.q80, GGUFTensorType.q80), (.q40, .q40, .q80), (.q4K, .q4K, .q6K),
        ] {
            let outcomes = try types(256, 512, target)
            for (name, outcome) in outcomes {
                let isVocabulary = name == "token_embd.weight" || name == "output.weight"
                let expected: GGUFTensorType = name.contains("norm") ? .float32 : isVocabulary ? vocabulary : matrix
                #expect(outcome.choice == .init(type: expected, insteadOf: nil), "\(name)")
                #expect(
                    expected == .float32 ? outcome.relativeError == 0 : (1e-4..<0.2).contains(outcome.relativeError))
            }
        }
    }

    /// Rows that aren't whole blocks.
    @Test func otherTypes() throws {
        let q4K = try types(96, 256, .q4K)
        #expect(q4K["blk.0.ffn_up.weight"]?.choice == .init(type: .q50, insteadOf: .q4K))
        #expect(q4K["blk.0.ffn_down.weight"]?.choice == .init(type: .q4K, insteadOf: nil))
        #expect(q4K["output.weight"]?.choice == .init(type: .q80, insteadOf: .q6K))
        let narrow = try types(48, 80, .q4K)
        #expect(narrow["blk.0.ffn_up.weight"]?.choice == .init(type: .float16, insteadOf: .q4K))
        #expect(narrow["output.weight"]?.choice == .init(type: .float16, insteadOf: .q6K))
        #expect(try types(48, 64, .q40)["blk.0.attn_q.weight"]?.choice == .init(type: .float16, insteadOf: .q40))
        #expect(try types(48, 64, .q80)["blk.0.ffn_down.weight"]?.choice == .init(type: .q80, insteadOf: nil))
    }

    /// A vocabulary that is quantised stays as it is where others go down to 4 bits, and so does what is in the type.
    @Test func whatStays() throws {
        let folder = try GGUFModelTests.directory(GGUFModelTests.Case(name: "llama"))
        let (source, file) = (folder.file("source.gguf"), folder.file("f.gguf"))
        try write(folder.path, .q80, to: source)
        let outcomes = try write(source, .q40, to: file)
        let embedding = try #require(outcomes.first { $0.name == "token_embd.weight" })
        #expect(embedding.choice == .init(type: .q80, insteadOf: nil) && embedding.relativeError == 0)
        #expect(outcomes.contains { $0.choice.type == .q40 && $0.relativeError > 0.01 })
        let again = try write(file, .q40, to: folder.file("again.gguf"))
        #expect(again.allSatisfy { $0.squaredErrors == 0 })
        let (one, other) = (
            try Data(contentsOf: URL(filePath: file)), try Data(contentsOf: URL(filePath: folder.file("again.gguf")))
        )
        #expect(one == other)
    }

    // MARK: Refusals

    /// What writing is refused with; `F` stands for the folder. Nothing is left behind.
    private func refusal(_ folder: TemporaryDirectory, hasTokenizer: Bool = false) throws -> String {
        let before = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        defer { #expect((try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) == before) }
        do throws(QuantizationError) {
            let quantizer = try ModelQuantizer(path: folder.path, target: .q80, hasTokenizer: hasTokenizer)
            _ = try quantizer.write(to: folder.file("out.gguf"))
            return "was written"
        } catch { return "\(error)".replacingOccurrences(of: folder.path, with: "F") }
    }

    /// What GGUF has no words for.
    @Test func inexpressible() throws {
        for (name, changes, text) in [
            ("llama", ["model_type": "mamba"], "F/config.json: unsupported architecture mamba"),
            ("llama_dynamic", [:], "F: GGUF can't express the rope_type dynamic"),
            ("gemma2", [:], "F: GGUF can't express the scale of scores of this model"),
            ("smollm3", [:], "F: GGUF can't express which layers see a window, or have no positions of this model"),
            ("phi_qk_layernorm", [:], "F: GGUF can't express the tensor model.layers.0.self_attn.q_layernorm.weight"),
        ] as [(String, [String: String], String)] {
            let folder = try GGUFModelTests.directory(GGUFModelTests.Case(name: name))
            if let type = changes["model_type"] {
                try folder.write("{\"model_type\": \"\(type)\"}", to: "config.json")
            }
            let refusal = try refusal(folder)
            #expect(refusal == text, "\(name)")
        }
    }

    @Test func otherRefusals() throws {
        let folder = try GGUFModelTests.directory(GGUFModelTests.Case(name: "llama"))
        #expect(try refusal(folder, hasTokenizer: true).hasPrefix("F/tokenizer.json: cannot be read: "))
        let source = folder.file("source.gguf")
        try write(folder.path, .float32, to: source)
        try FileManager.default.createSymbolicLink(atPath: folder.file("link.gguf"), withDestinationPath: source)
        for file in [source, folder.file("link.gguf"), folder.path + "/./source.gguf"] {
            #expect {
                try ModelQuantizer(path: source, target: .q80).write(to: file)
            } throws: { "\($0)" == "\(file): is a file of the model itself; choose another name" }
        }
        #expect {
            try ModelQuantizer(path: source, target: .q80).write(to: folder.file("absent/f.gguf"))
        } throws: { "\($0)".hasSuffix("absent/f.gguf: can't be written: No such file or directory") }
        // The disk must have room for the file beside the one that it replaces.
        let quantizer = try ModelQuantizer(path: source, target: .q80)
        let file = try folder.write("before", to: "full.gguf")
        let byteCount = try quantizer.layout(file: file).byteCount
        #expect {
            try quantizer.write(to: file, room: byteCount - 1)
        } throws: { "\($0)".hasPrefix(file + ": needs ") && "\($0)".hasSuffix(" left") }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "before")
        _ = try quantizer.write(to: file, room: byteCount)
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int == byteCount)
        #expect {
            try ModelQuantizer(path: source, target: .q80).write(to: folder.file("f.gguf"), threadCount: 0)
        } throws: { "\($0)".contains("thread") }
    }

    /// A task that is cancelled writes nothing.
    @Test func cancellation() async throws {
        let folder = try GGUFModelTests.directory(GGUFModelTests.Case(name: "llama"))
        let path = folder.path
        let result = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return Result {
                try ModelQuantizer(path: path, target: .q80, hasTokenizer: false).write(to: path + "/f.gguf")
            }
        }.result
        #expect {
            try result.get().get()
        } throws: { "\($0)" == "loading was cancelled" }
        #expect(!FileManager.default.fileExists(atPath: path + "/f.gguf"))
    }

    /// Directories with a tokenizer: its ids are those of the file, and so are the chat template and the ends of texts.
    @Test(
        .enabled(if: FetchedModel.smolLM2.isExpected, "\(FetchedModel.smolLM2.absence)"),
        arguments: [FetchedModel.smolLM2, .gemma3].filter(\.isExpected))
    func tokenizers(_ fetched: FetchedModel) throws {
        let folder = try TemporaryDirectory()
        let file = folder.file("f.gguf")
        _ = try ModelQuantizer(path: fetched.directory, target: .q80).write(to: file)
        let (directory, written) = (try ModelLocation(ofModel: fetched.directory), try ModelLocation(ofModel: file))
        let (expected, tokenizer) = (try directory.tokenizer(), try written.tokenizer())
        let text =
            try String(contentsOfFile: Fixtures.path("haystack/alice.txt"), encoding: .utf8).prefix(50_000)
            + "<|im_start|>user\n<start_of_turn> 日本語 <end_of_turn>\n\n\n\t\t  x  \u{e9}e\u{301} 😀<|im_end|>"
        #expect(tokenizer.encode(String(text)) == expected.encode(String(text)))
        let ids = expected.encode(String(text))
        #expect(try tokenizer.decode(ids) == expected.decode(ids))
        #expect(try LanguageModel(path: file).endTokens == LanguageModel(path: fetched.directory).endTokens)
        let messages = [ChatMessage(role: .user, content: "Hi"), ChatMessage(role: .assistant, content: "Yes?")]
        if let format = try? directory.chatFormat() {
            #expect(try written.chatFormat().render(messages) == format.render(messages))
        }
    }
}
