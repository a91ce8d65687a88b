import Foundation
import GGUF
import Safetensors

/// Turns a checkpoint in Hugging Face's form into a GGUF file, as llama.cpp's converter does: other names, another order of
/// some rows, norms that hold 1 + w, and vectors as 32-bit floats.
package struct GGUFConversion {
    /// The members of config.json.
    private let configuration: [String: Any]
    private let checkpoint: Checkpoint
    private let architecture: String
    /// The file; a test may add what is special.
    package var writer = GGUFWriter()

    /// Converts the checkpoint of a directory.
    package init(directory: String) throws {
        let json = try Data(contentsOf: URL(filePath: directory + "/config.json"))
        configuration = try JSONSerialization.jsonObject(with: json) as? [String: Any] ?? [:]
        checkpoint = try Checkpoint(directory: directory)
        let type = configuration["model_type"] as? String ?? ""
        architecture =
            ["mistral": "llama", "gemma3_text": "gemma3", "phi": "phi2", "gpt_neox": "gptneox"][type] ?? type
        addMetadata()
        try addTensors()
    }

    private func number(_ key: String) -> Double? { (configuration[key] as? NSNumber)?.doubleValue }
    private func integer(_ key: String) -> Int? { (configuration[key] as? NSNumber)?.intValue }

    private var heads: Int { integer("num_attention_heads") ?? 1 }
    private var keyValueHeads: Int { integer("num_key_value_heads") ?? heads }
    private var headDimension: Int { integer("head_dim") ?? (integer("hidden_size") ?? 0) / heads }

    // MARK: Metadata

    private mutating func add(_ key: String, _ value: GGUFWriter.Value?) {
        if let value { writer.entries.append(("\(architecture).\(key)", value)) }
    }

    private mutating func add(_ key: String, _ value: Int?) { add(key, value.map { .uint32(UInt32($0)) }) }
    private mutating func add(_ key: String, _ value: Double?) { add(key, value.map { .float32(Float($0)) }) }

    private mutating func addMetadata() {
        writer.entries.append(("general.architecture", .string(architecture)))
        add("context_length", integer("max_position_embeddings"))
        add("embedding_length", integer("hidden_size"))
        add("feed_forward_length", integer("intermediate_size"))
        add("block_count", integer("num_hidden_layers"))
        add("attention.head_count", heads)
        if keyValueHeads != heads { add("attention.head_count_kv", keyValueHeads) }
        if configuration["head_dim"] != nil {
            add("attention.key_length", headDimension)
            add("attention.value_length", headDimension)
        }
        add("attention.layer_norm_rms_epsilon", number("rms_norm_eps"))
        add("attention.layer_norm_epsilon", number("layer_norm_eps"))
        add("attn_logit_softcapping", number("attn_logit_softcapping"))
        add("final_logit_softcapping", number("final_logit_softcapping"))
        if architecture != "qwen2", architecture != "qwen3" {
            add("attention.sliding_window", integer("sliding_window"))
        }
        if architecture == "gptneox" {
            add("use_parallel_residual", .bool(configuration["use_parallel_residual"] as? Bool ?? true))
        }
        if architecture == "gemma3" {
            add("attention.sliding_window_pattern", integer("sliding_window_pattern"))
            if let types = configuration["layer_types"] as? [String] {
                add("attention.sliding_window_pattern", .array(.bool, types.map { .bool($0 == "sliding_attention") }))
            }
        }
        addRotation()
        for (name, key) in [("bos", "bos_token_id"), ("eos", "eos_token_id")] {
            guard let token = integer(key) else { continue }
            writer.entries.append(("tokenizer.ggml.\(name)_token_id", .uint32(UInt32(token))))
        }
    }

    private mutating func addRotation() {
        var rope = configuration["rope_parameters"] as? [String: Any] ?? [:]
        rope = rope["full_attention"] as? [String: Any] ?? rope
        for (key, value) in configuration["rope_scaling"] as? [String: Any] ?? [:] { rope[key] = value }
        func number(_ key: String) -> Double? { (rope[key] as? NSNumber)?.doubleValue }
        let outer = self.number("rope_theta") ?? self.number("rotary_emb_base")
        let theta = number("rope_theta") ?? outer ?? 10_000
        add("rope.freq_base", theta)
        if architecture == "gemma3" { add("rope.freq_base_swa", 10_000.0) }
        let part = number("partial_rotary_factor") ?? self.number("partial_rotary_factor")
        let rotated = Int(
            Double(headDimension) * (part ?? self.number("rotary_pct") ?? (architecture == "stablelm" ? 0.25 : 1)))
        add("rope.dimension_count", rotated)
        switch rope["rope_type"] as? String ?? rope["type"] as? String {
        case "linear", "yarn":
            add("rope.scaling.type", .string(rope["rope_type"] as? String ?? rope["type"] as? String ?? ""))
            add("rope.scaling.factor", number("factor"))
            add("rope.scaling.original_context_length", number("original_max_position_embeddings").map(Int.init))
        case "longrope":
            let original = integer("original_max_position_embeddings") ?? 1
            let ratio = Double(integer("max_position_embeddings") ?? 1) / Double(original)
            add("rope.scaling.original_context_length", original)
            add("rope.scaling.attn_factor", (1 + log(ratio) / log(Double(original))).squareRoot())
            for kind in ["long", "short"] {
                let factors = (rope["\(kind)_factor"] as? [NSNumber] ?? []).map(\.floatValue)
                writer.add("rope_factors_\(kind).weight", shape: [factors.count], factors)
            }
        case "llama3":
            let (factor, original) = (number("factor") ?? 1, number("original_max_position_embeddings") ?? 1)
            let (low, high) = (number("low_freq_factor") ?? 1, number("high_freq_factor") ?? 1)
            let divisors = (0..<(rotated / 2)).map { pair -> Float in
                let wavelength = 2 * Double.pi * pow(theta, Double(2 * pair) / Double(rotated))
                if wavelength < original / high { return 1 }
                if wavelength > original / low { return Float(factor) }
                let smooth = (original / wavelength - low) / (high - low)
                return Float(1 / ((1 - smooth) / factor + smooth))
            }
            writer.add("rope_freqs.weight", shape: [divisors.count], divisors)
        default: break
        }
    }

    // MARK: Tensors

    private static let modules = [
        "embed_tokens": "token_embd", "embed_in": "token_embd", "norm": "output_norm", "final_layernorm": "output_norm",
        "final_layer_norm": "output_norm", "lm_head": "output", "embed_out": "output", "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.dense": "attn_output",
        "attention.dense": "attn_output", "self_attn.qkv_proj": "attn_qkv", "attention.query_key_value": "attn_qkv",
        "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "self_attn.q_layernorm": "attn_q_norm",
        "self_attn.k_layernorm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down", "mlp.gate_up_proj": "ffn_up",
        "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
        "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
    ]

    /// The name in GGUF, without the suffix.
    private func converted(_ module: String) -> String {
        var rest = module
        for stem in ["model.", "gpt_neox."] where rest.hasPrefix(stem) { rest.removeFirst(stem.count) }
        var prefix = ""
        if let match = rest.firstMatch(of: /^layers\.(\d+)\./) {
            prefix = "blk.\(match.output.1)."
            rest.removeSubrange(match.range)
        }
        let isAfterBlock = ["gemma2", "gemma3"].contains(architecture) && rest == "post_attention_layernorm"
        return prefix + (isAfterBlock ? "post_attention_norm" : Self.modules[rest] ?? rest)
    }

    private mutating func addTensors() throws {
        var headNorms: [String: [Float]] = [:]
        for name in checkpoint.tensorNames.sorted() {
            let tensor = try checkpoint.tensor(name)
            let suffix = name.hasSuffix(".bias") ? ".bias" : ".weight"
            let module = String(name.dropLast(suffix.count))
            if let place = module.range(of: ".norms.") {
                // At most ten heads: the order of names is that of numbers.
                headNorms[converted(String(module[..<place.lowerBound])) + suffix, default: []] += try tensor.floats()
                continue
            }
            let target = converted(module)
            let order = rowOrder(target, tensor.info.shape[0])
            if tensor.info.shape.count == 1 {
                let isShifted = architecture.hasPrefix("gemma") && target.hasSuffix("_norm")
                let numbers = try tensor.floats().map { isShifted ? $0 + 1 : $0 }
                writer.add(target + suffix, shape: tensor.info.shape, order.map { numbers[$0] })
            } else {
                let type: GGUFTensorType =
                    switch tensor.info.dtype {
                    case .float16: .float16
                    case .bfloat16: .bfloat16
                    default: .float32
                    }
                let bytes = tensor.withUnsafeBytes { bytes in
                    let size = bytes.count / order.count
                    return order.flatMap { bytes[($0 * size)..<(($0 + 1) * size)] }
                }
                writer.add(target + suffix, type, shape: tensor.info.shape, bytes)
            }
        }
        for (name, numbers) in headNorms.sorted(by: { $0.key < $1.key }) {
            writer.add(name, shape: [numbers.count / headDimension, headDimension], numbers)
        }
    }

    /// For each row of GGUF, the row of Hugging Face's checkpoint.
    private func rowOrder(_ name: String, _ count: Int) -> [Int] {
        let isRotated = name.hasSuffix("attn_q") || name.hasSuffix("attn_k")
        if architecture == "llama" || architecture == "smollm3", isRotated {
            return (0..<count).map { row in
                let (head, inHead) = row.quotientAndRemainder(dividingBy: headDimension)
                return head * headDimension + (inHead % 2) * (headDimension / 2) + inHead / 2
            }
        }
        guard architecture == "gptneox", name.hasSuffix("attn_qkv") else { return Array(0..<count) }
        var order: [Int] = []
        for part in 0..<3 {
            for head in 0..<heads { order += (0..<headDimension).map { (3 * head + part) * headDimension + $0 } }
        }
        return order
    }
}
