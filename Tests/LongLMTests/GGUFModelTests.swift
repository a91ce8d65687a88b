import Foundation
import LongLM
import ModelTwins
import Testing
import TestSupport

/// A GGUF file gives the logits of the checkpoint that it was made from, bit for bit.
@Suite struct GGUFModelTests {
    /// A reference model, with members of its config.json that GGUF can't express changed to what llama.cpp assumes. An
    /// empty string removes a member.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var changes: [String: String] = [:]
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "llama"), Case(name: "llama_biases"), Case(name: "llama_f16"), Case(name: "llama_sharded_bf16"),
        Case(name: "llama_no_prefix"), Case(name: "llama_tied_mha"), Case(name: "llama_linear"),
        Case(name: "llama_yarn"),
        Case(name: "mistral"), Case(name: "mistral_sliding"), Case(name: "qwen2"), Case(name: "qwen3"),
        Case(name: "smollm3", changes: ["no_rope_layers": "", "no_rope_layer_interval": "4"]),
        Case(name: "gemma", changes: ["hidden_act": ""]),
        Case(name: "gemma2", changes: ["query_pre_attn_scalar": "16"]),
        Case(name: "gemma3_text", changes: ["query_pre_attn_scalar": "16"]), Case(name: "gemma3_text_published"),
        Case(name: "phi"), Case(name: "phi3"), Case(name: "stablelm"), Case(name: "stablelm_parallel"),
        Case(name: "gpt_neox"), Case(name: "gpt_neox_sequential"),
    ]

    /// A directory with a case's files and its changed config.json.
    static func directory(_ reference: Case) throws -> TemporaryDirectory {
        let (folder, source) = (try TemporaryDirectory(), Fixtures.path("reference/\(reference.name)"))
        for name in try FileManager.default.contentsOfDirectory(atPath: source) where name.contains("safetensors") {
            try FileManager.default.createSymbolicLink(
                atPath: folder.file(name), withDestinationPath: source + "/" + name)
        }
        let json = try Data(contentsOf: URL(filePath: source + "/config.json"))
        var members = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        for (key, value) in reference.changes { members[key] = Int(value).map { $0 as Any } }
        try folder.write([UInt8](JSONSerialization.data(withJSONObject: members)), to: "config.json")
        return folder
    }

    private func tokens(_ model: LanguageModel, _ count: Int = 60) -> [Int] {
        var generator = SeededGenerator(seed: 3)
        return generator.tokens(count, below: model.configuration.vocabularySize)
    }

    @Test(arguments: cases) func sameLogits(_ reference: Case) throws {
        let folder = try Self.directory(reference)
        let file = try folder.write(GGUFConversion(directory: folder.path).writer.bytes, to: "model.gguf")
        let expected = try LanguageModel(path: folder.path)
        let model = try LanguageModel(path: file)
        #expect(model.weightByteCount == expected.weightByteCount)
        #expect(try ModelConfiguration(path: file) == model.configuration)
        #expect(model.endTokens == expected.endTokens)
        #expect(model.configuration.beginningToken == expected.configuration.beginningToken)
        #expect(model.configuration.contextLength == expected.configuration.contextLength)
        let tokens = tokens(model)
        #expect(try bits(allLogits(model, tokens)) == bits(allLogits(expected, tokens)))
        #expect(try LanguageModel(path: file).fingerprint == model.fingerprint)
    }

    /// Llama 3's scaling is stored as one divisor for each frequency, rounded to 32 bits.
    @Test func llama3() throws {
        let folder = try Self.directory(Case(name: "llama_llama3"))
        let file = try folder.write(GGUFConversion(directory: folder.path).writer.bytes, to: "model.gguf")
        let (expected, model) = (try LanguageModel(path: folder.path), try LanguageModel(path: file))
        let tokens = tokens(model, 200)
        let (left, right) = (try allLogits(model, tokens), try allLogits(expected, tokens))
        #expect(greatestDifference(left, right.map(Double.init)) < 1e-4 * deviation(right.map(Double.init)))
        guard case .divided(let divisors) = model.configuration.rotary.scaling else {
            Issue.record("the divisors were not read")
            return
        }
        #expect(divisors.count == 8 && divisors.first == 1 && divisors.last == 8)
    }

    /// A directory may hold a GGUF file alone, and shards are found from the first.
    @Test func locations() throws {
        let source = try Self.directory(Case(name: "qwen2"))
        let bytes = try GGUFConversion(directory: source.path).writer.bytes
        let folder = try TemporaryDirectory()
        let first = try folder.write(bytes, to: "a.gguf")
        #expect(try ModelLocation(folder.path) == .gguf(folder.path + "/a.gguf"))
        #expect(try ModelLocation(source.path) == .huggingFace(source.path))
        #expect(try ModelLocation(first) == .gguf(first))
        #expect(try LanguageModel(path: folder.path).configuration.modelType == "qwen2")
        #expect(try LanguageModel(directory: folder.path).configuration.modelType == "qwen2")
        try folder.write(bytes, to: "b.gguf")
        #expect(
            throws: ModelError.checkpoint(.severalGGUFFiles(directory: folder.path, names: ["a.gguf", "b.gguf"]))
        ) { try LanguageModel(path: folder.path) }
        let shards = try TemporaryDirectory()
        for number in 1...3 { try shards.write([UInt8](), to: "m-0000\(number)-of-00003.gguf") }
        #expect(try ModelLocation(shards.path) == .gguf(shards.path + "/m-00001-of-00003.gguf"))
    }

    // MARK: Refusals

    private func load(_ name: String = "llama", _ change: (inout GGUFWriter) -> Void) throws -> (LanguageModel, String)
    {
        let folder = try TemporaryDirectory()
        var writer = try GGUFConversion(directory: Fixtures.path("reference/\(name)")).writer
        change(&writer)
        let file = try folder.write(writer.bytes, to: "m.gguf")
        do {
            return (try LanguageModel(path: file), file)
        } catch {
            throw Refusal(text: "\(error)".replacingOccurrences(of: file, with: "F"))
        }
    }

    struct Refusal: Error { let text: String }

    /// What loading a changed file is refused with.
    private func refusal(_ name: String = "llama", _ change: (inout GGUFWriter) -> Void) throws -> String {
        do {
            _ = try load(name, change)
            return "was loaded"
        } catch let refusal as Refusal { return refusal.text }
    }

    private func set(_ key: String, _ value: GGUFWriter.Value?) -> (inout GGUFWriter) -> Void {
        { writer in
            writer.entries.removeAll { $0.key == key }
            if let value { writer.entries.append((key, value)) }
        }
    }

    @Test func refusedKeys() throws {
        for (key, value, text) in [
            ("general.architecture", nil, "F: general.architecture is missing"),
            ("general.architecture", .string("mamba"), "F: unsupported architecture mamba"),
            ("general.architecture", .uint32(1), "F: general.architecture is of type u32, not a string"),
            ("general.type", .string("adapter"), "F: unsupported general.type: adapter"),
            ("llama.context_length", nil, "F: llama.context_length is missing"),
            ("llama.embedding_length", nil, "F: llama.embedding_length is missing"),
            (
                "llama.block_count", .uint32(0),
                "F: llama.block_count is 0; it must be a whole number between 1 and 4096"
            ),
            (
                "llama.attention.head_count", .string("4"),
                "F: llama.attention.head_count is of type string, not an integer or an array of them"
            ),
            (
                "llama.attention.head_count_kv", .array(.uint32, [.uint32(2), .uint32(4)]),
                "F: unsupported llama.attention.head_count_kv: not the same in all layers"
            ),
            (
                "llama.attention.value_length", .uint32(8),
                "F: unsupported llama.attention.value_length: 8, which isn't the length of keys"
            ),
            ("llama.attention.layer_norm_rms_epsilon", nil, "F: llama.attention.layer_norm_rms_epsilon is missing"),
            (
                "llama.attention.layer_norm_rms_epsilon", .float32(2),
                "F: llama.attention.layer_norm_rms_epsilon is 2.0; it must be between 0 and 1"
            ),
            ("llama.attention.causal", .bool(false), "F: unsupported llama.attention.causal: false"),
            ("llama.vocab_size", .uint32(7), "F: llama.vocab_size is 7, but token_embd.weight has 128 rows"),
            ("llama.expert_count", .uint32(8), "F: unsupported llama.expert_count: 8.0"),
            ("llama.rope.dimension_count", .uint32(8), "F: unsupported llama.rope.dimension_count: 8 of 16"),
            ("llama.rope.scaling.type", .string("dynamic"), "F: unsupported llama.rope.scaling.type: dynamic"),
            ("llama.rope.scaling.type", .string("linear"), "F: llama.rope.scaling.factor is missing"),
            ("llama.rope.scaling.type", .string("longrope"), "F: tensor rope_factors_long.weight is missing"),
            ("llama.rope.scaling.attn_factor", .float32(2), "F: unsupported llama.rope.scaling.attn_factor: 2.0"),
            ("llama.rope.freq_base", .float32(0.5), "F: llama.rope.freq_base is 0.5; it must be at least 1"),
            ("llama.unheard_of", .float32(0.5), "F: unsupported llama.unheard_of: 0.5"),
        ] as [(String, GGUFWriter.Value?, String)] {
            let refusal = try refusal("llama", set(key, value))
            #expect(refusal == text)
        }
        // What changes nothing is no reason to refuse a file.
        for (key, value) in [
            ("llama.expert_count", .uint32(0)), ("llama.vocab_size", .uint32(128)), ("other.key", .uint32(9)),
            ("llama.attention.causal", .bool(true)), ("llama.rope.scaling.type", .string("none")),
            ("llama.feed_forward_length", .array(.int32, [.int32(112), .int32(112)])),
        ] as [(String, GGUFWriter.Value)] {
            #expect(try refusal("llama", set(key, value)) == "was loaded", "\(key)")
        }
    }

    @Test func refusedTensors() throws {
        #expect(
            try refusal { $0.add("blk.0.extra.weight", shape: [1], [1]) }
                == "F: tensor blk.0.extra.weight is not part of the model that the configuration describes")
        #expect(
            try refusal { $0.add("blk.0.ffn_norm.bias", shape: [64], [Float](repeating: 0, count: 64)) }
                == "F: tensor blk.0.ffn_norm.bias is not part of the model that the configuration describes")
        #expect(
            try refusal { $0.remove("blk.1.attn_k.weight") }
                == "F: tensor model.layers.1.self_attn.k_proj.weight is missing")
        #expect(
            try refusal {
                $0.remove("blk.1.ffn_up.weight")
                $0.add("blk.1.ffn_up.weight", .iq1S, shape: [256, 256], [UInt8](repeating: 0, count: 50 * 256))
            }.contains("tensor model.layers.1.mlp.up_proj.weight has shape [256, 256]"))
        #expect(
            try refusal { $0.add("rope_freqs.weight", shape: [3], [1, 1, 1]) }
                == "F: rope_freqs.weight has 3 numbers; it must have half as many as a head")
        #expect(
            try refusal("qwen2") { $0.add("rope_freqs.weight", shape: [8], [Float](repeating: 1, count: 8)) }
                == "F: tensor rope_freqs.weight is not part of the model that the configuration describes")
    }

    /// Several tokens can end a text.
    @Test func endTokens() throws {
        let (model, _) = try load("llama") {
            $0.entries.append(("tokenizer.ggml.eot_token_id", .uint32(7)))
            $0.entries.append(("tokenizer.ggml.eom_token_id", .uint32(2)))
        }
        #expect(model.endTokens == [2, 7] && model.configuration.beginningToken == 1)
    }

    /// Older files have one tensor for queries, keys and values.
    @Test func fusedProjections() throws {
        let folder = try Self.directory(Case(name: "phi"))
        var writer = try GGUFConversion(directory: folder.path).writer
        for layer in 0..<2 {
            for suffix in ["weight", "bias"] {
                let parts = ["q", "k", "v"].map { "blk.\(layer).attn_\($0).\(suffix)" }.map { writer.remove($0) ?? [] }
                let shape = suffix == "bias" ? [192] : [192, 64]
                writer.add("blk.\(layer).attn_qkv.\(suffix)", .float32, shape: shape, parts.flatMap { $0 })
            }
        }
        let file = try folder.write(writer.bytes, to: "fused.gguf")
        let (expected, model) = (try LanguageModel(path: folder.path), try LanguageModel(path: file))
        #expect(try bits(allLogits(model, [1, 5, 9, 70])) == bits(allLogits(expected, [1, 5, 9, 70])))
    }

    /// Broken headers give errors, or a plan whose tensors lie in the file: thousands of them, of families that differ most.
    @Test(arguments: ["llama", "phi3", "gpt_neox", "stablelm_parallel", "gemma3_text_published"])
    func mutatedHeaders(name: String) throws {
        let folder = try TemporaryDirectory()
        let seed = try GGUFConversion(directory: Fixtures.path("reference/\(name)")).writer.bytes
        // Keys and tensors; the data behind them are not looked at.
        let headerByteCount = min(seed.count, 3_000)
        var generator = SeededGenerator(seed: 9)
        var (openedCount, refusedCount) = (0, 0)
        for _ in 0..<600 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...2, using: &generator) {
                let place = Int.random(in: 24..<headerByteCount, using: &generator)
                bytes[place] = [0, 1, 2, 3, 8, 255, bytes[place] ^ 1].randomElement(using: &generator) ?? 0
            }
            let file = try folder.write(bytes, to: "m.gguf")
            do {
                let plan = try ModelCheckpoint(path: file).weightPlan()
                openedCount += plan.byteCount > 0 ? 1 : 0
            } catch {
                refusedCount += 1
                #expect("\(error)".contains(file))
            }
        }
        #expect(openedCount > 10 && refusedCount > 300)
    }
}
