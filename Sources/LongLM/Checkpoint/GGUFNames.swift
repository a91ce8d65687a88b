/// How an architecture of GGUF names and arranges the tensors of a family.
///
/// Families ask for tensors by the names of Hugging Face's checkpoints. This says which stored tensor has the numbers, and
/// what was done to them.
struct GGUFNames: Sendable {
    /// The order in which a stored tensor has the rows of one of Hugging Face's.
    enum RowOrder: Sendable, Equatable {
        /// The same.
        case same
        /// Within each head, row 2p + s is row s · D/2 + p: the two components that a rotation turns stand together.
        case pairs
        /// All queries, all keys and all values follow each other, and not those of one head.
        case partsBeforeHeads

        /// Which of Hugging Face's rows is stored in a place.
        ///
        /// - Parameters:
        ///   - place: The place, from 0.
        ///   - rowCount: The tensor's rows: a multiple of 2 for each head, or of 3.
        ///   - headCount: Hq or Hkv.
        func row(at place: Int, rowCount: Int, headCount: Int) -> Int {
            switch self {
            case .same: return place
            case .pairs:
                let dimension = rowCount / headCount
                let (head, inHead) = place.quotientAndRemainder(dividingBy: dimension)
                let (pair, component) = inHead.quotientAndRemainder(dividingBy: 2)
                return head * dimension + component * (dimension / 2) + pair
            case .partsBeforeHeads:
                let dimension = rowCount / (3 * headCount)
                let (partAndHead, inHead) = place.quotientAndRemainder(dividingBy: dimension)
                let (part, head) = partAndHead.quotientAndRemainder(dividingBy: headCount)
                return (3 * head + part) * dimension + inHead
            }
        }
    }

    /// A module with a weight and perhaps a bias, as it is stored.
    struct Module: Sendable, Equatable {
        var name: String
        var order = RowOrder.same
        /// Which of the heads' norms in one tensor; nil for a whole tensor.
        var head: Int?
    }

    /// What names of Hugging Face's begin with, but those of the projection onto the vocabulary.
    private let stem: String
    private let outside: [String: String]
    private let inLayers: [String: Module]
    /// Whether weights of normalisations hold the 1 that models add to them.
    let normsHoldOne: Bool
    /// Tensors that say how positions rotate. The configuration has them.
    let rotaryTensors: Set<String>

    /// The names of an architecture; nil for one that can't be run.
    init?(architecture: String) {
        var stem = "model."
        var outside = ["embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"]
        var layers = [
            "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
            "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
            "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
        ].mapValues { Module(name: $0) }
        var rotaryTensors: Set<String> = []
        switch architecture {
        case "llama", "smollm3":
            for module in ["self_attn.q_proj", "self_attn.k_proj"] { layers[module]?.order = .pairs }
            rotaryTensors = ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"]
        case "qwen2", "gemma": break
        case "qwen3":
            layers["self_attn.q_norm"] = Module(name: "attn_q_norm")
            layers["self_attn.k_norm"] = Module(name: "attn_k_norm")
        case "gemma2", "gemma3":
            layers["post_attention_layernorm"] = Module(name: "post_attention_norm")
            layers["pre_feedforward_layernorm"] = Module(name: "ffn_norm")
            layers["post_feedforward_layernorm"] = Module(name: "post_ffw_norm")
            if architecture == "gemma3" {
                layers["self_attn.q_norm"] = Module(name: "attn_q_norm")
                layers["self_attn.k_norm"] = Module(name: "attn_k_norm")
            }
        case "phi2":
            outside["final_layernorm"] = "output_norm"
            layers["self_attn.dense"] = Module(name: "attn_output")
            layers["mlp.fc1"] = Module(name: "ffn_up")
            layers["mlp.fc2"] = Module(name: "ffn_down")
        case "phi3":
            layers["self_attn.qkv_proj"] = Module(name: "attn_qkv")
            layers["mlp.gate_up_proj"] = Module(name: "ffn_up")
            rotaryTensors = ["rope_factors_long.weight", "rope_factors_short.weight"]
        case "stablelm":
            layers["self_attn.q_layernorm"] = Module(name: "attn_q_norm")
            layers["self_attn.k_layernorm"] = Module(name: "attn_k_norm")
        case "gptneox":
            stem = "gpt_neox."
            outside = ["embed_in": "token_embd", "final_layer_norm": "output_norm", "embed_out": "output"]
            layers["attention.query_key_value"] = Module(name: "attn_qkv", order: .partsBeforeHeads)
            layers["attention.dense"] = Module(name: "attn_output")
            layers["mlp.dense_h_to_4h"] = Module(name: "ffn_up")
            layers["mlp.dense_4h_to_h"] = Module(name: "ffn_down")
        default: return nil
        }
        self.stem = stem
        self.outside = outside
        inLayers = layers
        self.rotaryTensors = rotaryTensors
        normsHoldOne = architecture.hasPrefix("gemma")
    }

    /// Where a tensor of Hugging Face's name is stored; nil for a name that the family doesn't have. `suffix` is `.weight` or
    /// `.bias`, and begins where the module's name ends.
    func stored(_ name: String) -> (module: Module, suffix: String)? {
        guard let suffix = [".weight", ".bias"].first(where: name.hasSuffix) else { return nil }
        var rest = name.dropLast(suffix.count)
        if rest.hasPrefix(stem) { rest = rest.dropFirst(stem.count) }
        if let outer = outside[String(rest)] { return (Module(name: outer), suffix) }
        guard rest.hasPrefix("layers.") else { return nil }
        let parts = rest.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let layer = Int(parts[1]) else { return nil }
        var (key, head) = (String(parts[2]), nil as Int?)
        if let place = key.range(of: ".norms.") {
            head = Int(key[place.upperBound...])
            guard head != nil else { return nil }
            key = String(key[..<place.lowerBound])
        }
        guard var module = inLayers[key] else { return nil }
        module.name = "blk.\(layer).\(module.name)"
        module.head = head
        return (module, suffix)
    }
}
