import Foundation
import LongLM
import ModelTwins
import Safetensors
import SIMDKernels
import Testing
import TestSupport

/// A LoRA adapter of a tiny model in PEFT's form, with random factors.
struct TinyAdapter {
    /// The modules that it changes, such as `model.layers.0.mlp.up_proj`, with their ranks.
    var ranks: [String: Int]
    var alpha = 6.0
    var isRankStabilized = false
    var seed: UInt64 = 1
    /// Members of adapter_config.json in addition, or in place of others, as JSON.
    var settings: [String: String] = [:]
    /// Factors by name in addition, or in place of others; nil: left out.
    var tensors: [String: TinyLlama.Tensor?] = [:]
    var storage = TinyLlama.Storage.float32

    /// A, [r, K], and B, [N, r].
    func factors(of module: String, of tiny: TinyLlama) throws -> (down: [Float], up: [Float]) {
        let shape = try #require(tiny.tensors().first { $0.name == module + ".weight" }).shape
        var generator = SeededGenerator(seed: seed + UInt64(module.utf8.reduce(0) { $0 &* 31 &+ Int($1) } & 0xffff))
        let rank = try #require(ranks[module])
        let down = generator.floats(rank * shape[1], deviation: 0.3).map(storage.rounded)
        return (down, generator.floats(shape[0] * rank, deviation: 0.3).map(storage.rounded))
    }

    /// What B · A is multiplied by.
    func scale(_ module: String) -> Float {
        let rank = Double(ranks[module] ?? 1)
        return Float(alpha / (isRankStabilized ? rank.squareRoot() : rank))
    }

    var configuration: [String: String] {
        let rank = ranks.values.max() ?? 1
        let values = [
            "peft_type": "\"LORA\"", "r": "\(rank)", "lora_alpha": "\(alpha)", "use_rslora": "\(isRankStabilized)",
            "bias": "\"none\"", "use_dora": "false", "modules_to_save": "null", "alpha_pattern": "{}",
            "rank_pattern": Set(ranks.values).count > 1 ? "{\"some\": \(rank)}" : "{}", "fan_in_fan_out": "false",
            "target_modules": "[\"q_proj\"]", "init_lora_weights": "true",
        ]
        return values.merging(settings) { $1 }
    }

    func write(to directory: TemporaryDirectory, for tiny: TinyLlama) throws {
        try directory.write(jsonObject(configuration), to: "adapter_config.json")
        var all: [String: TinyLlama.Tensor] = [:]
        for (module, rank) in ranks {
            let (down, up) = try factors(of: module, of: tiny)
            let name = "base_model.model.\(module)."
            all[name + "lora_A.weight"] = .init(
                name: name + "lora_A.weight", shape: [rank, down.count / rank], values: down)
            all[name + "lora_B.weight"] = .init(
                name: name + "lora_B.weight", shape: [up.count / rank, rank], values: up)
        }
        for (name, tensor) in tensors { all[name] = tensor }
        var writer = SafetensorsWriter()
        for (name, tensor) in all.sorted(by: { $0.key < $1.key }) {
            try writer.add(
                name, dtype: storage.dtype, shape: tensor.shape, bytes: tensor.values.flatMap(storage.bytes))
        }
        try writer.write(to: directory.file("adapter_model.safetensors"))
    }
}

extension TinyLlama.Storage {
    /// The nearest number that the storage represents, of two the even one.
    fileprivate func nearest(_ value: Float) -> Float {
        switch self {
        case .float32: return value
        case .bfloat16:
            return Float(bitPattern: (value.bitPattern + 0x7fff + (value.bitPattern >> 16 & 1)) & 0xffff_0000)
        case .float16:
            let exponent = Int(max(value == 0 ? -14 : value.exponent, -14)) - 10
            let quantum = Float(sign: .plus, exponent: exponent, significand: 1)
            return (value / quantum).rounded(.toNearestOrEven) * quantum
        }
    }
}

@Suite struct AdapterTests {
    private static let modules = [
        "model.layers.0.self_attn.q_proj": 3, "model.layers.0.self_attn.k_proj": 3, "model.layers.1.mlp.down_proj": 3,
        "model.layers.1.self_attn.o_proj": 3, "lm_head": 3,
    ]

    private let tokens = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]

    private func load(_ path: String, _ options: LoadOptions) throws -> LanguageModel {
        try LanguageModel(directory: path, options: options, ledger: MemoryLedger { nil })
    }

    /// The model's tensors with adapters merged as the documentation says, before they are rounded.
    private func merged(_ tiny: TinyLlama, _ adapters: [TinyAdapter]) throws -> [TinyLlama.Tensor] {
        try tiny.tensors().map { tensor in
            var values = tensor.values
            let module = String(tensor.name.dropLast(".weight".count))
            for adapter in adapters {
                guard let rank = adapter.ranks[module] else { continue }
                let (down, up) = try adapter.factors(of: module, of: tiny)
                let (rows, columns, scale) = (tensor.shape[0], tensor.shape[1], adapter.scale(module))
                for row in 0..<rows {
                    for column in 0..<columns {
                        var sum: Float = 0
                        for k in 0..<rank { sum.addProduct(up[row * rank + k], down[k * columns + column]) }
                        values[row * columns + column] += scale * sum
                    }
                }
            }
            return TinyLlama.Tensor(name: tensor.name, shape: tensor.shape, values: values)
        }
    }

    /// That a model with adapters has the bits of one that was merged beforehand, and takes as much memory as planned.
    private func check(
        _ tiny: TinyLlama, _ adapters: [TinyAdapter], _ options: LoadOptions = LoadOptions(),
        mergedStorage: TinyLlama.Storage? = nil
    ) throws {
        let storage = mergedStorage ?? tiny.storage
        var other = tiny
        other.storage = storage
        let expected = try TemporaryDirectory()
        try other.write(
            try merged(tiny, adapters).map {
                TinyLlama.Tensor(name: $0.name, shape: $0.shape, values: $0.values.map(storage.nearest))
            }, to: expected)
        let base = try TemporaryDirectory()
        try tiny.write(to: base)
        let directories = try adapters.map { adapter in
            let directory = try TemporaryDirectory()
            try adapter.write(to: directory, for: tiny)
            return directory
        }
        for instructionSet in InstructionSet.availableForFloats where instructionSet != .baseline {
            for threads in [1, 3] {
                var options = options
                (options.instructionSet, options.threadCount) = (instructionSet, threads)
                let whole = try load(expected.path, options)
                let plain = try load(base.path, options)
                options.adapters = directories.map(\.path)
                let adapted = try load(base.path, options)
                let logits = try allLogits(adapted, tokens)
                #expect(bits(logits) == bits(try allLogits(whole, tokens)))
                #expect(bits(logits) != bits(try allLogits(plain, tokens)))
                #expect(adapted.weightByteCount == plain.weightByteCount)
                #expect(try ModelCheckpoint(path: base.path).weightPlan(options).byteCount == adapted.weightByteCount)
                #expect(adapted.fingerprint != plain.fingerprint)
            }
        }
    }

    @Test(arguments: TinyLlama.Storage.allCases, [false, true])
    func equalsAMergedCheckpoint(storage: TinyLlama.Storage, isRankStabilized: Bool) throws {
        var tiny = TinyLlama()
        tiny.storage = storage
        try check(tiny, [TinyAdapter(ranks: Self.modules, isRankStabilized: isRankStabilized)])
    }

    @Test(arguments: TinyLlama.Storage.allCases)
    func factorsOfAnyType(storage: TinyLlama.Storage) throws {
        try check(TinyLlama(), [TinyAdapter(ranks: Self.modules, storage: storage)])
    }

    /// A rank of 1, others that a pattern gives, and one above the width of a vector.
    @Test func ranksOfTheirOwn() throws {
        let ranks = [
            "model.layers.0.mlp.up_proj": 1, "model.layers.0.mlp.gate_proj": 40, "model.layers.1.self_attn.v_proj": 7,
        ]
        try check(TinyLlama(), [TinyAdapter(ranks: ranks)])
    }

    /// In the order in which they are given.
    @Test func severalAdapters() throws {
        let first = TinyAdapter(ranks: Self.modules, alpha: 1.7)
        let second = TinyAdapter(
            ranks: ["model.layers.0.self_attn.q_proj": 2, "model.layers.0.mlp.up_proj": 2], alpha: -3, seed: 9)
        try check(TinyLlama(), [first, second])
    }

    /// The sum isn't rounded to the checkpoint's format first.
    @Test(arguments: [TinyLlama.Storage.bfloat16, .float16])
    func keepsAllDigitsInFloat32(storage: TinyLlama.Storage) throws {
        var tiny = TinyLlama()
        tiny.storage = storage
        try check(
            tiny, [TinyAdapter(ranks: Self.modules)], LoadOptions(weightFormat: .float32), mergedStorage: .float32)
    }

    /// A rounding that some rows are too short for: those matrices stay as the checkpoint has them.
    @Test(arguments: [WeightFormat.bfloat16, .q80])
    func roundsOnce(format: WeightFormat) throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.intermediateSize) = (64, 81)
        try check(tiny, [TinyAdapter(ranks: Self.modules)], LoadOptions(weightFormat: format))
    }

    /// Names without the stem, on either side.
    @Test func namesWithoutTheStem() throws {
        let tiny = TinyLlama()
        let module = "model.layers.0.self_attn.q_proj"
        let base = try TemporaryDirectory()
        try tiny.write(
            tiny.tensors().map {
                let isInStem = $0.name.hasPrefix("model.")
                return TinyLlama.Tensor(
                    name: isInStem ? String($0.name.dropFirst(6)) : $0.name, shape: $0.shape, values: $0.values)
            }, to: base)
        let adapter = try TemporaryDirectory()
        try TinyAdapter(ranks: [module: 3]).write(to: adapter, for: tiny)
        let whole = try TemporaryDirectory()
        try tiny.write(try merged(tiny, [TinyAdapter(ranks: [module: 3])]), to: whole)
        var options = LoadOptions()
        options.adapters = [adapter.path]
        let adapted = try allLogits(try load(base.path, options), tokens)
        #expect(
            greatestDifference(adapted, try allLogits(try load(whole.path, LoadOptions()), tokens).map(Double.init))
                == 0)
    }

    /// A GGUF file has the rows of queries and keys in another order, and other names.
    @Test(arguments: TinyLlama.Storage.allCases)
    func baseInGGUF(storage: TinyLlama.Storage) throws {
        var tiny = TinyLlama()
        tiny.storage = storage
        let (base, adapter) = (try TemporaryDirectory(), try TemporaryDirectory())
        try tiny.write(to: base)
        try TinyAdapter(ranks: Self.modules).write(to: adapter, for: tiny)
        let file = try base.write(GGUFConversion(directory: base.path).writer.bytes, to: "model.gguf")
        var options = LoadOptions()
        options.adapters = [adapter.path]
        let expected = try allLogits(try load(base.path, options), tokens)
        #expect(bits(try allLogits(try load(file, options), tokens)) == bits(expected))
        #expect(bits(try allLogits(try load(file, LoadOptions()), tokens)) != bits(expected))
    }

    // MARK: Errors

    /// The error of a model with an adapter.
    private func error(_ adapter: TinyAdapter, of tiny: TinyLlama = TinyLlama()) throws -> CheckpointError? {
        let (base, directory) = (try TemporaryDirectory(), try TemporaryDirectory())
        try tiny.write(to: base)
        // Its factors have the shapes of a model that ties nothing.
        var untied = tiny
        untied.tiesEmbeddings = false
        try adapter.write(to: directory, for: untied)
        var options = LoadOptions()
        options.adapters = [directory.path]
        let error = thrownError { () throws(ModelError) in
            _ = try LanguageModel(directory: base.path, options: options, ledger: MemoryLedger { nil })
        }
        guard case .checkpoint(let failure)? = error else { return nil }
        return failure
    }

    private static let plain = TinyAdapter(ranks: ["model.layers.0.self_attn.q_proj": 3])
    private static let name = "base_model.model.model.layers.0.self_attn.q_proj.lora_"

    @Test(arguments: [
        ("peft_type", "\"LOHA\"", "LOHA"), ("use_dora", "true", "DoRA"), ("bias", "\"all\"", "biases"),
        ("lora_bias", "true", "biases"), ("modules_to_save", "[\"lm_head\"]", "as a whole"),
        ("alpha_pattern", "{\"q_proj\": 3}", "alpha_pattern"), ("fan_in_fan_out", "true", "transposed"),
        ("layer_replication", "[[0, 2]]", "repeated layers"),
        ("trainable_token_indices", "[1]", "rows of the embedding"),
        ("target_parameters", "[\"experts\"]", "no modules"), ("alora_invocation_tokens", "[1]", "activated"),
        ("use_qalora", "true", "QALoRA"), ("init_lora_weights", "\"pissa_niter_4\"", "pissa_niter_4"),
    ])
    func unsupportedSettings(key: String, value: String, words: String) throws {
        var adapter = Self.plain
        adapter.settings[key] = value
        let error = try error(adapter)
        guard case .unsupportedAdapter(let file, let feature)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(file.hasSuffix("/adapter_config.json") && feature.contains(words))
    }

    @Test(arguments: [
        ("peft_type", "3", "peft_type"), ("r", "0", "member r"), ("r", "1.5", "member r"), ("r", "null", "member r"),
        ("lora_alpha", "\"x\"", "lora_alpha"), ("use_rslora", "1", "use_rslora"),
    ])
    func invalidSettings(key: String, value: String, words: String) throws {
        var adapter = Self.plain
        adapter.settings[key] = value
        let error = try error(adapter)
        guard case .invalidAdapter(_, let reason)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains(words))
    }

    /// Initialisations that leave the base model alone.
    @Test(arguments: ["false", "null", "\"gaussian\""])
    func harmlessInitialisations(value: String) throws {
        var adapter = Self.plain
        adapter.settings["init_lora_weights"] = value
        #expect(try error(adapter) == nil)
    }

    @Test func wrongFactors() throws {
        func tensor(_ ending: String, _ shape: [Int]) -> TinyAdapter {
            var adapter = Self.plain
            let name = Self.name + ending
            adapter.tensors[name] = TinyLlama.Tensor(
                name: name, shape: shape, values: [Float](repeating: 0, count: shape.reduce(1, *)))
            return adapter
        }
        func expectShape(_ adapter: TinyAdapter, _ expected: [Int], _ found: [Int]) throws {
            guard case .wrongShape(_, _, let wanted, let actual)? = try error(adapter) else {
                Issue.record("no wrong shape")
                return
            }
            #expect(wanted == expected && actual == found)
        }
        // r is 3, and the matrix is 48 by 48.
        try expectShape(tensor("A.weight", [2, 48]), [3, 48], [2, 48])
        try expectShape(tensor("B.weight", [48, 4]), [48, 3], [48, 4])
        try expectShape(tensor("A.weight", [3, 47]), [3, 48], [3, 47])
        try expectShape(tensor("B.weight", [49, 3]), [48, 3], [49, 3])
        func isInvalid(_ adapter: TinyAdapter) throws -> Bool {
            if case .invalidAdapter? = try error(adapter) { true } else { false }
        }
        #expect(try isInvalid(tensor("A.weight", [144])))
        var pattern = tensor("A.weight", [0, 48])
        pattern.settings["rank_pattern"] = "{\"q_proj\": 2}"
        #expect(try isInvalid(pattern))
        for ending in ["A.weight", "B.weight"] {
            var adapter = Self.plain
            adapter.tensors.updateValue(nil, forKey: Self.name + ending)
            guard case .missingTensor(_, let missing)? = try error(adapter) else {
                Issue.record("\(ending) isn't missed")
                return
            }
            #expect(missing == Self.name + ending)
        }
        func kind(_ name: String) throws -> CheckpointError? {
            var adapter = Self.plain
            adapter.tensors[name] = TinyLlama.Tensor(name: name, shape: [1], values: [0])
            return try error(adapter)
        }
        for (name, words) in [
            ("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", "DoRA"),
            ("base_model.model.model.embed_tokens.lora_embedding_A", "embedding"),
            ("base_model.model.model.layers.0.self_attn.q_proj.bias", "biases"),
            ("base_model.model.lm_head.weight", "as a whole"),
        ] {
            guard case .unsupportedAdapter(_, let feature)? = try kind(name) else {
                Issue.record("\(name) is taken")
                continue
            }
            #expect(feature.contains(words))
        }
        for name in ["base_model.model.x", "y.lora_A.weight"] {
            guard case .unexpectedTensor(_, let found)? = try kind(name) else {
                Issue.record("\(name) is taken")
                continue
            }
            #expect(found == name)
        }
    }

    /// Matrices that the model doesn't have or use.
    @Test func wrongTargets() throws {
        var shallow = TinyLlama()
        shallow.layerCount = 1
        let deep = TinyAdapter(ranks: ["model.layers.1.self_attn.q_proj": 3])
        let (base, directory) = (try TemporaryDirectory(), try TemporaryDirectory())
        try shallow.write(to: base)
        try deep.write(to: directory, for: TinyLlama())
        var options = LoadOptions()
        options.adapters = [directory.path]
        let missing = thrownError { () throws(ModelError) in
            _ = try LanguageModel(directory: base.path, options: options, ledger: MemoryLedger { nil })
        }
        guard case .checkpoint(.invalidAdapter(_, let reason))? = missing else {
            Issue.record("\(String(describing: missing))")
            return
        }
        #expect(reason.contains("model.layers.1.self_attn.q_proj.weight"))
        // A tied projection onto the vocabulary, with and without a copy of it in the checkpoint.
        var tied = TinyLlama()
        tied.tiesEmbeddings = true
        let head = TinyAdapter(ranks: ["lm_head": 3])
        guard case .invalidAdapter? = try error(head, of: tied) else {
            Issue.record("a tied projection is taken")
            return
        }
        let untied = TinyLlama()
        var configuration = untied.configuration
        configuration["tie_word_embeddings"] = "true"
        let copy = try TemporaryDirectory()
        try untied.write(to: copy)
        try copy.write(jsonObject(configuration), to: "config.json")
        try head.write(to: directory, for: untied)
        let unused = thrownError { () throws(ModelError) in
            _ = try LanguageModel(directory: copy.path, options: options, ledger: MemoryLedger { nil })
        }
        guard case .checkpoint(.unexpectedTensor(_, let name))? = unused else {
            Issue.record("\(String(describing: unused))")
            return
        }
        #expect(name.hasPrefix("base_model.model.lm_head.lora_"))
        // A vector.
        var norm = Self.plain
        for (ending, shape) in [("A", [3, 48]), ("B", [48, 3])] {
            let name = "base_model.model.model.norm.lora_\(ending).weight"
            norm.tensors[name] = TinyLlama.Tensor(name: name, shape: shape, values: [Float](repeating: 0, count: 144))
        }
        guard case .invalidAdapter(_, let vector)? = try error(norm) else {
            Issue.record("a vector is taken")
            return
        }
        #expect(vector.contains("no matrix"))
    }

    @Test func quantizedBaseIsRefused() throws {
        let tiny = TinyLlama()
        let directory = try TemporaryDirectory()
        try Self.plain.write(to: directory, for: tiny)
        var entries = tiny.entries
        let name = "model.layers.0.self_attn.q_proj.weight"
        entries[name]?.format = .q80
        let checkpoint = try tiny.checkpoint(MemorySource(entries))
        var options = LoadOptions()
        options.adapters = [directory.path]
        let error = thrownError { () throws(ModelError) in _ = try checkpoint.weightPlan(options) }
        guard case .checkpoint(.unsupportedAdapter(_, let feature))? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(feature.contains("quantised") && feature.contains(name))
    }

    @Test func missingFiles() throws {
        let (base, directory) = (try TemporaryDirectory(), try TemporaryDirectory())
        try TinyLlama().write(to: base)
        var options = LoadOptions()
        options.adapters = [directory.path]
        func error() -> ModelError? {
            thrownError { () throws(ModelError) in _ = try ModelCheckpoint(path: base.path).weightPlan(options) }
        }
        guard case .checkpoint(.invalidAdapter(let file, _))? = error() else {
            Issue.record("no configuration is needed")
            return
        }
        #expect(file == directory.path + "/adapter_config.json")
        try directory.write(jsonObject(Self.plain.configuration), to: "adapter_config.json")
        guard case .checkpoint(.safetensors)? = error() else {
            Issue.record("no factors are needed")
            return
        }
        try directory.write("x", to: "adapter_model.bin")
        guard case .checkpoint(.invalidAdapter(_, let reason))? = error() else {
            Issue.record("pickled factors are read")
            return
        }
        #expect(reason.contains("adapter_model.bin"))
        try directory.write("[1]", to: "adapter_config.json")
        guard case .checkpoint(.invalidAdapter)? = error() else {
            Issue.record("a list is read")
            return
        }
    }

    /// Changed files give a model or an error, and no trap.
    @Test func mutatedFiles() throws {
        let count = ProcessInfo.processInfo.environment["LONGLM_FUZZ_COUNT"].flatMap { Int($0) } ?? 300
        var generator = SeededGenerator(seed: 77)
        let tiny = TinyLlama()
        let (base, directory) = (try TemporaryDirectory(), try TemporaryDirectory())
        try tiny.write(to: base)
        try Self.plain.write(to: directory, for: tiny)
        let names = ["adapter_config.json", "adapter_model.safetensors"]
        let originals = try names.map { [UInt8](try Data(contentsOf: URL(filePath: directory.file($0)))) }
        var options = LoadOptions()
        options.adapters = [directory.path]
        var failures = 0
        for round in 0..<count {
            let index = round % 2
            var bytes = originals[index]
            // The header of the factors is at their beginning.
            let reach = min(bytes.count, 300)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: 0..<reach, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if round % 7 == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
            try directory.write(bytes, to: names[index])
            do throws(ModelError) {
                _ = try LanguageModel(directory: base.path, options: options, ledger: MemoryLedger { nil })
            } catch {
                failures += 1
                guard case .checkpoint = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
            try directory.write(originals[index], to: names[index])
        }
        #expect(failures > count / 4)
    }
}
