import Foundation
import GGUF
internal import StrictJSON

/// Translates the metadata of a GGUF file into the members of a config.json, which the families read and check.
///
/// Every key of the architecture is translated or refused by name, but for those that change nothing.
struct GGUFConfiguration {
    private let file: String
    /// `general.architecture`.
    private let architecture: String
    /// `model_type` of config.json.
    private let modelType: String
    private let checkpoint: GGUFCheckpoint
    private var members: [JSONMember] = []
    /// The key of each member, by what config.json calls it.
    private var spellings: [String: String] = [:]
    private var translatedKeys: Set<String> = []
    /// What each pair's frequency is divided by: `rope_freqs.weight`.
    private(set) var divisors: [Double]?

    /// Translates a file's metadata.
    ///
    /// - Throws: ``ModelError`` for an architecture that can't be run, for a value of the wrong type, and for a key that can't
    ///   be honoured.
    init(_ source: GGUFSource) throws(ModelError) {
        file = source.path
        checkpoint = source.checkpoint
        guard let architecture = source.architecture else {
            throw .malformedConfiguration(file: file, reason: "general.architecture is missing")
        }
        self.architecture = architecture
        let hasWindow = checkpoint.metadata["\(architecture).attention.sliding_window"] != nil
        switch architecture {
        // Mistral's files call themselves Llama's.
        case "llama": modelType = hasWindow ? "mistral" : "llama"
        case "gemma3": modelType = "gemma3_text"
        case "phi2": modelType = "phi"
        case "gptneox": modelType = "gpt_neox"
        case "qwen2", "qwen3", "smollm3", "gemma", "gemma2", "phi3", "stablelm": modelType = architecture
        default: throw .unsupportedArchitecture(file: file, name: architecture)
        }
        try translateKind()
        try translateSizes()
        try translateParts()
        try translateWindows()
        try translateRotation()
        try translateTokens()
        try refuseOthers()
    }

    /// A reader of the members, whose errors name the file's own keys.
    var reader: ConfigurationReader { ConfigurationReader(members, file: file, spellings: spellings) }

    /// Tells configurations apart.
    var hash: UInt64 {
        var hash = WordHash()
        for member in members {
            hash.add(String(decoding: member.key, as: UTF8.self))
            hash.add("\(member.value)")
        }
        hash.add("\(divisors ?? [])")
        return hash.value
    }
}

// MARK: Reading keys

extension GGUFConfiguration {
    private func invalid(_ key: String, _ reason: String) -> ModelError {
        .invalidConfiguration(file: file, key: key, reason: reason)
    }

    /// Reads a value with one of the metadata's functions.
    private mutating func read<Value>(
        _ suffix: String, _ body: (String) throws(GGUFError) -> Value?
    ) throws(ModelError) -> Value? {
        let key = "\(architecture).\(suffix)"
        translatedKeys.insert(key)
        do throws(GGUFError) {
            return try body(key)
        } catch { throw .checkpoint(.gguf(error)) }
    }

    private mutating func integer(_ suffix: String) throws(ModelError) -> Int? {
        try read(suffix, checkpoint.metadata.integer)
    }

    private mutating func number(_ suffix: String) throws(ModelError) -> Double? {
        try read(suffix, checkpoint.metadata.number)
    }

    /// A size that may be given for each layer, if it is the same for all.
    private mutating func uniformInteger(_ suffix: String) throws(ModelError) -> Int? {
        guard let values = try read(suffix, checkpoint.metadata.integerOrIntegers) else { return nil }
        guard let first = values.first, values.allSatisfy({ $0 == first }) else {
            throw .unsupportedFeature(
                file: file, key: "\(architecture).\(suffix)", value: "not the same in all layers")
        }
        return first
    }

    private mutating func add(_ name: String, _ value: JSONValue, from suffix: String? = nil) {
        members.append(JSONMember(key: ArraySlice(name.utf8), value: value))
        if let suffix { spellings[name] = "\(architecture).\(suffix)" }
    }

    private mutating func add(_ name: String, _ value: Int?, from suffix: String) {
        spellings[name] = "\(architecture).\(suffix)"
        if let value { add(name, .number(.integer(value))) }
    }

    private mutating func add(_ name: String, _ value: Double?, from suffix: String) {
        spellings[name] = "\(architecture).\(suffix)"
        if let value { add(name, .number(.real(value))) }
    }

    private func string(_ text: String) -> JSONValue { .string(ArraySlice(text.utf8)) }
}

// MARK: Parts of the metadata

extension GGUFConfiguration {
    private mutating func translateKind() throws(ModelError) {
        // Adapters and projections of pictures have an architecture too.
        if let type = checkpoint.metadata["general.type"]?.string, type != "model" {
            throw .unsupportedFeature(file: file, key: "general.type", value: type)
        }
        if try read("attention.causal", checkpoint.metadata.bool) == false {
            throw .unsupportedFeature(file: file, key: "\(architecture).attention.causal", value: "false")
        }
        add("model_type", string(modelType))
    }

    private mutating func translateSizes() throws(ModelError) {
        for suffix in [
            "context_length", "embedding_length", "feed_forward_length", "block_count", "attention.head_count",
        ] where checkpoint.metadata["\(architecture).\(suffix)"] == nil {
            throw invalid("\(architecture).\(suffix)", "is missing")
        }
        let hidden = try integer("embedding_length")
        let heads = try uniformInteger("attention.head_count")
        let keyValueHeads = try uniformInteger("attention.head_count_kv") ?? heads
        add("hidden_size", hidden, from: "embedding_length")
        add("intermediate_size", try uniformInteger("feed_forward_length"), from: "feed_forward_length")
        add("num_hidden_layers", try integer("block_count"), from: "block_count")
        add("num_attention_heads", heads, from: "attention.head_count")
        add("num_key_value_heads", keyValueHeads, from: "attention.head_count_kv")
        add("max_position_embeddings", try integer("context_length"), from: "context_length")

        // Families have defaults, which GGUF doesn't know: an absent key means this quotient.
        if let length = try headDimension() { add("head_dim", length, from: "attention.key_length") }
        if let length = try integer("attention.value_length"), try headDimension() != length {
            throw .unsupportedFeature(
                file: file, key: "\(architecture).attention.value_length",
                value: "\(length), which isn't the length of keys")
        }

        let usesLayerNorm = ["phi2", "stablelm", "gptneox"].contains(architecture)
        let epsilon = usesLayerNorm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"
        guard let value = try number(epsilon) else { throw invalid("\(architecture).\(epsilon)", "is missing") }
        add(usesLayerNorm ? "layer_norm_eps" : "rms_norm_eps", value, from: epsilon)

        let stated = try integer("vocab_size")
        let rowCount = tensor("token_embd.weight")?.shape.first
        if let stated, let rowCount, stated != rowCount {
            throw invalid("\(architecture).vocab_size", "is \(stated), but token_embd.weight has \(rowCount) rows")
        }
        let tokenCount = checkpoint.metadata["tokenizer.ggml.tokens"]?.array?.count
        add("vocab_size", rowCount ?? stated ?? tokenCount, from: "vocab_size")
    }

    /// D, where it follows from valid sizes.
    private mutating func headDimension() throws(ModelError) -> Int? {
        if let stated = try integer("attention.key_length") { return stated }
        guard let hidden = try integer("embedding_length"), let heads = try uniformInteger("attention.head_count"),
            heads > 0, hidden % heads == 0
        else { return nil }
        return hidden / heads
    }

    private func tensor(_ name: String) -> GGUFTensorInfo? { (try? checkpoint.tensor(name))?.info }

    /// Which optional parts there are shows by the tensors.
    private mutating func translateParts() throws(ModelError) {
        add("tie_word_embeddings", .bool(tensor("output.weight") == nil))
        let hasBias = tensor("blk.0.attn_q.bias") != nil || tensor("blk.0.attn_qkv.bias") != nil
        switch architecture {
        case "llama", "smollm3":
            add("attention_bias", .bool(hasBias))
            add("mlp_bias", .bool(tensor("blk.0.ffn_gate.bias") != nil))
        case "qwen3", "gemma", "gemma2", "gemma3": add("attention_bias", .bool(hasBias))
        case "stablelm":
            add("use_qkv_bias", .bool(hasBias))
            add("qk_layernorm", .bool(tensor("blk.0.attn_q_norm.weight") != nil))
            add("use_parallel_residual", .bool(tensor("blk.0.ffn_norm.weight") == nil))
            // It is written, but only the tensors count.
            _ = try read("use_parallel_residual", checkpoint.metadata.bool)
        case "gptneox":
            add("attention_bias", .bool(hasBias))
            let isParallel = try read("use_parallel_residual", checkpoint.metadata.bool) ?? true
            add("use_parallel_residual", .bool(isParallel), from: "use_parallel_residual")
        default: break
        }
        guard architecture == "gemma2" || architecture == "gemma3" else { return }
        for (name, key) in [
            ("attn_logit_softcapping", "attn_logit_softcapping"),
            ("final_logit_softcapping", "final_logit_softcapping"),
        ] {
            add(name, try number(key), from: key)
        }
        // The scale isn't stored. The models of 27 billion weights, which are known by their layers, take E/Hq for D.
        let isLargest = try integer("block_count") == (architecture == "gemma2" ? 46 : 62)
        var scalar = try headDimension()
        if isLargest, let hidden = try integer("embedding_length"),
            let heads = try uniformInteger("attention.head_count"), heads > 0
        {
            scalar = hidden / heads
        }
        add("query_pre_attn_scalar", scalar, from: "attention.key_length")
    }

    private mutating func translateWindows() throws(ModelError) {
        guard ["llama", "phi3", "gemma2", "gemma3"].contains(architecture) else { return }
        let key = "attention.sliding_window"
        // In Phi's files, 0 means none.
        if let window = try integer(key) {
            add("sliding_window", window == 0 ? .null : .number(.integer(window)), from: key)
        }
        guard architecture.hasPrefix("gemma") else { return }
        let pattern = "attention.sliding_window_pattern"
        guard let value = checkpoint.metadata["\(architecture).\(pattern)"] else { return }
        if architecture == "gemma3", value.integer != nil {
            add("sliding_window_pattern", try integer(pattern), from: pattern)
        } else {
            translatedKeys.insert("\(architecture).\(pattern)")
            guard let isLocal = value.array?.bools else {
                throw .checkpoint(
                    .gguf(
                        .wrongValueType(
                            file: file, key: "\(architecture).\(pattern)", found: value.typeName,
                            expected: "an array of truth values")))
            }
            let types = isLocal.map { string($0 ? "sliding_attention" : "full_attention") }
            add("layer_types", .array(types), from: pattern)
        }
    }

    private mutating func translateTokens() throws(ModelError) {
        func token(_ name: String) throws(ModelError) -> Int? {
            do throws(GGUFError) {
                return try checkpoint.metadata.integer("tokenizer.ggml.\(name)_token_id")
            } catch { throw .checkpoint(.gguf(error)) }
        }
        if let token = try token("bos") { add("bos_token_id", .number(.integer(token))) }
        var ends: [Int] = []
        for name in ["eos", "eot", "eom"] {
            if let token = try token(name), !ends.contains(token) { ends.append(token) }
        }
        if !ends.isEmpty { add("eos_token_id", .array(ends.map { .number(.integer($0)) })) }
    }

    /// Refuses keys of the architecture that were not translated, unless they change nothing.
    private func refuseOthers() throws(ModelError) {
        let harmless: Set = ["tensor_data_layout", "rope.scaling.finetuned"]
        for key in checkpoint.metadata.keys.sorted()
        where key.hasPrefix(architecture + ".") && !translatedKeys.contains(key)
            && !harmless.contains(String(key.dropFirst(architecture.count + 1)))
        {
            guard let value = checkpoint.metadata[key] else { continue }
            if value.bool == false || value.number == 0 { continue }
            let text = value.string ?? value.number.map { "\($0)" } ?? value.bool.map { "\($0)" } ?? value.typeName
            throw .unsupportedFeature(file: file, key: key, value: text)
        }
    }
}

// MARK: Rotation

extension GGUFConfiguration {
    private mutating func translateRotation() throws(ModelError) {
        let family = Families.named(modelType)?.defaults ?? FamilyDefaults()
        add(family.ropeThetaKey, try number("rope.freq_base") ?? 10_000, from: "rope.freq_base")
        if architecture == "gemma3", let local = try number("rope.freq_base_swa") {
            add("rope_local_base_freq", local, from: "rope.freq_base_swa")
        }
        if let head = try headDimension(), head > 0 {
            let rotated = try integer("rope.dimension_count") ?? head
            let key = family.partialRotaryKey ?? "partial_rotary_factor"
            // The quarter keeps the product with D, which is rounded down, from falling below the integer.
            add(
                key, rotated == head ? 1 : (Double(rotated) + 0.25) / Double(head), from: "rope.dimension_count")
            if family.partialRotaryKey == nil, rotated != head {
                throw .unsupportedFeature(
                    file: file, key: "\(architecture).rope.dimension_count", value: "\(rotated) of \(head)")
            }
        }
        try translateScaling()
    }

    private mutating func translateScaling() throws(ModelError) {
        let kind = try read("rope.scaling.type", checkpoint.metadata.string)
        // In old files, 0 means none.
        let linear = try number("rope.scale_linear").flatMap { $0 == 0 ? nil : $0 }
        let factor = try number("rope.scaling.factor").flatMap { $0 == 0 ? nil : $0 }
        let original = try integer("rope.scaling.original_context_length")
        let attention = try number("rope.scaling.attn_factor")
        let (long, short) = (try floats("rope_factors_long.weight"), try floats("rope_factors_short.weight"))
        var scaling: [(String, JSONValue, String)] = []
        spellings["rope_scaling.factor"] = "\(architecture).rope.scaling.factor"
        let unnamed = linear == nil && factor == nil ? "none" : "linear"
        switch long == nil && short == nil ? kind ?? unnamed : "longrope" {
        case "none": try refuseFactor(attention)
        case "linear":
            try refuseFactor(attention)
            let key = factor == nil ? "rope.scale_linear" : "rope.scaling.factor"
            if let factor = factor ?? linear { scaling.append(("factor", .number(.real(factor)), key)) }
            scaling.append(("rope_type", string("linear"), "rope.scaling.type"))
        case "yarn":
            scaling = try yarn(factor: factor, original: original, attention: attention)
        case "longrope":
            scaling.append(("rope_type", string("longrope"), "rope.scaling.type"))
            for (name, factors) in [("long", long), ("short", short)] {
                guard let factors else {
                    throw .checkpoint(.missingTensor(file: file, tensor: "rope_factors_\(name).weight"))
                }
                scaling.append(("\(name)_factor", .array(factors.map { .number(.real($0)) }), ""))
                spellings["rope_scaling.\(name)_factor"] = "rope_factors_\(name).weight"
            }
            if let attention {
                scaling.append(("attention_factor", .number(.real(attention)), "rope.scaling.attn_factor"))
            }
            if let factor { scaling.append(("factor", .number(.real(factor)), "rope.scaling.factor")) }
            if let original {
                add("original_max_position_embeddings", original, from: "rope.scaling.original_context_length")
            }
        case let kind:
            throw .unsupportedFeature(file: file, key: "\(architecture).rope.scaling.type", value: kind)
        }
        if !scaling.isEmpty {
            for (name, _, suffix) in scaling where !suffix.isEmpty {
                spellings["rope_scaling.\(name)"] = "\(architecture).\(suffix)"
            }
            add(
                "rope_scaling",
                .object(scaling.map { JSONMember(key: ArraySlice($0.0.utf8), value: $0.1) }), from: "rope.scaling.type")
        }
        guard architecture == "llama" || architecture == "smollm3", let divisors = try floats("rope_freqs.weight")
        else { return }
        guard scaling.isEmpty else {
            throw .unsupportedFeature(
                file: file, key: "\(architecture).rope.scaling.type", value: "together with rope_freqs.weight")
        }
        guard let head = try headDimension(), divisors.count == head / 2 else {
            throw invalid("rope_freqs.weight", "has \(divisors.count) numbers; it must have half as many as a head")
        }
        guard divisors.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw invalid("rope_freqs.weight", "has a number that isn't positive")
        }
        self.divisors = divisors
    }

    /// Refuses a factor of cosines and sines for scalings that have none.
    private func refuseFactor(_ factor: Double?) throws(ModelError) {
        guard let factor, factor != 1 else { return }
        throw .unsupportedFeature(
            file: file, key: "\(architecture).rope.scaling.attn_factor", value: "\(factor)")
    }

    private mutating func yarn(
        factor: Double?, original: Int?, attention: Double?
    ) throws(ModelError) -> [(String, JSONValue, String)] {
        var scaling: [(String, JSONValue, String)] = [("rope_type", string("yarn"), "rope.scaling.type")]
        func add(_ name: String, _ value: Double?, _ suffix: String) {
            if let value { scaling.append((name, .number(.real(value)), suffix)) }
        }
        add("factor", factor, "rope.scaling.factor")
        add("beta_fast", try number("rope.scaling.yarn_beta_fast"), "rope.scaling.yarn_beta_fast")
        add("beta_slow", try number("rope.scaling.yarn_beta_slow"), "rope.scaling.yarn_beta_slow")
        for (suffix, neutral) in [("rope.scaling.yarn_ext_factor", 1.0), ("rope.scaling.yarn_attn_factor", 1)] {
            if let value = try number(suffix), value != neutral {
                throw .unsupportedFeature(file: file, key: "\(architecture).\(suffix)", value: "\(value)")
            }
        }
        if let original {
            scaling.append(
                (
                    "original_max_position_embeddings", .number(.integer(original)),
                    "rope.scaling.original_context_length"
                ))
        }
        // GGUF's factor comes on top of YaRN's own.
        if let attention, attention != 1, let factor, factor > 1 {
            add("attention_factor", attention * (0.1 * log(factor) + 1), "rope.scaling.attn_factor")
        }
        return scaling
    }

    /// The numbers of a small tensor of 32-bit floats; nil when there is none.
    private func floats(_ name: String) throws(ModelError) -> [Double]? {
        guard let view = try? checkpoint.tensor(name) else { return nil }
        guard view.info.type == .float32 else {
            throw .checkpoint(
                .unsupportedTensorType(file: view.path, tensor: name, type: view.info.type.name))
        }
        var words = [UInt32](repeating: 0, count: view.info.elementCount)
        do throws(GGUFError) {
            try words.withUnsafeMutableBufferPointer { (words) throws(GGUFError) in
                try view.read(0..<view.info.byteCount, into: UnsafeMutableRawBufferPointer(words))
            }
        } catch { throw .checkpoint(.gguf(error)) }
        return words.map { Double(Float(bitPattern: UInt32(littleEndian: $0))) }
    }
}

extension ModelConfiguration {
    /// Reads the metadata of a GGUF file.
    init(_ metadata: GGUFConfiguration) throws(ModelError) {
        try self.init(metadata.reader)
        if let divisors = metadata.divisors {
            rotary = RotaryConfiguration(
                theta: rotary.theta, dimension: rotary.dimension, scaling: .divided(by: divisors))
            guard rotary.isUsable else { throw unusableFrequencies(metadata.reader.file) }
        }
    }
}
