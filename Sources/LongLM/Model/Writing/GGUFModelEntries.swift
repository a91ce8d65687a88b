import Foundation
import GGUF

/// Says in the keys of a GGUF file what a configuration says: the inverse of ``GGUFConfiguration``.
struct GGUFModelEntries {
    private let configuration: ModelConfiguration
    /// What errors call the model.
    private let file: String
    /// `general.architecture`.
    let architecture: String
    private(set) var entries = GGUFEntries()
    /// Small tensors that say how positions rotate.
    private(set) var rotaryTensors: [(name: String, numbers: [Float])] = []

    /// - Parameters:
    ///   - configuration: What is said.
    ///   - name: The model's name for people.
    ///   - file: What errors call the model.
    /// - Throws: ``QuantizationError/inexpressible(file:part:)`` for a rotation that GGUF has no words for.
    init(_ configuration: ModelConfiguration, name: String, file: String) throws(QuantizationError) {
        self.configuration = configuration
        self.file = file
        architecture =
            ["mistral": "llama", "gemma3_text": "gemma3", "phi": "phi2", "gpt_neox": "gptneox"][
                configuration.modelType] ?? configuration.modelType
        entries.add("general.architecture", .string(architecture))
        entries.add("general.type", .string("model"))
        if !name.isEmpty { entries.add("general.name", .string(name)) }
        addSizes()
        addAttention()
        try addRotation()
    }

    private mutating func add(_ suffix: String, _ value: Int) {
        entries.add("\(architecture).\(suffix)", .uint32(UInt32(clamping: value)))
    }

    private mutating func add(_ suffix: String, _ value: Float) {
        entries.add("\(architecture).\(suffix)", .float32(value))
    }

    private mutating func addSizes() {
        add("vocab_size", configuration.vocabularySize)
        add("context_length", configuration.contextLength)
        add("embedding_length", configuration.hiddenSize)
        add("feed_forward_length", configuration.intermediateSize)
        add("block_count", configuration.layerCount)
        add("attention.head_count", configuration.queryHeadCount)
        add("attention.head_count_kv", configuration.keyValueHeadCount)
        add("attention.key_length", configuration.headDimension)
        add("attention.value_length", configuration.headDimension)
        let usesLayerNorm = ["phi2", "stablelm", "gptneox"].contains(architecture)
        add(
            usesLayerNorm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
            configuration.normEpsilon)
        if architecture == "gptneox" || architecture == "stablelm" {
            entries.add(
                "\(architecture).use_parallel_residual", .bool(configuration.parts.parallelResidual))
        }
    }

    private mutating func addAttention() {
        if let bound = configuration.attentionSoftcap { add("attn_logit_softcapping", bound) }
        if let bound = configuration.logitSoftcap { add("final_logit_softcapping", bound) }
        let windows = configuration.layerAttention.map(\.slidingWindow)
        if ["llama", "phi3", "gemma2", "gemma3"].contains(architecture),
            let window = windows.lazy.compactMap({ $0 }).first
        {
            add("attention.sliding_window", window)
        }
        guard architecture == "gemma2" || architecture == "gemma3" else { return }
        let isLocal = configuration.layerAttention.map { !$0.isExtended }
        let usual = isLocal.indices.map { architecture == "gemma2" ? $0 % 2 == 0 : ($0 + 1) % 6 != 0 }
        if isLocal != usual { entries.add("\(architecture).attention.sliding_window_pattern", bools: isLocal) }
    }

    private mutating func addRotation() throws(QuantizationError) {
        let rotary = configuration.rotary
        add("rope.freq_base", Float(rotary.theta))
        add("rope.dimension_count", rotary.dimension)
        if let local = configuration.localRotary { add("rope.freq_base_swa", Float(local.theta)) }
        func kind(_ name: String) -> GGUFValue { .string(name) }
        switch rotary.scaling {
        case .none: break
        case .linear(let factor):
            entries.add("\(architecture).rope.scaling.type", kind("linear"))
            add("rope.scaling.factor", Float(factor))
        case .dynamic:
            throw .inexpressible(file: file, part: "the rope_type dynamic")
        case .divided(let divisors):
            rotaryTensors = [("rope_freqs.weight", divisors.map { Float($0) })]
        case .llama3:
            let scaled = rotary.frequencies(length: 1).inverse
            let plain = RotaryConfiguration(theta: rotary.theta, dimension: rotary.dimension, scaling: .none)
                .frequencies(length: 1).inverse
            rotaryTensors = [("rope_freqs.weight", zip(plain, scaled).map { $0 / $1 })]
        case .yarn(let scaling):
            entries.add("\(architecture).rope.scaling.type", kind("yarn"))
            add("rope.scaling.factor", Float(scaling.factor))
            add("rope.scaling.original_context_length", scaling.originalContextLength)
            if scaling.betaFast != 32 { add("rope.scaling.yarn_beta_fast", Float(scaling.betaFast)) }
            if scaling.betaSlow != 1 { add("rope.scaling.yarn_beta_slow", Float(scaling.betaSlow)) }
            // GGUF's factor comes on top of YaRN's own.
            let own = scaling.factor > 1 ? 0.1 * log(scaling.factor) + 1 : 1
            if scaling.attentionFactor != own {
                add("rope.scaling.attn_factor", Float(scaling.attentionFactor / own))
            }
        case .longRoPE(let scaling):
            add("rope.scaling.original_context_length", scaling.originalContextLength)
            add("rope.scaling.attn_factor", Float(scaling.attentionFactor))
            rotaryTensors = [
                ("rope_factors_long.weight", scaling.longFactors.map { Float($0) }),
                ("rope_factors_short.weight", scaling.shortFactors.map { Float($0) }),
            ]
        }
    }
}

extension ModelConfiguration {
    /// The first part in which another configuration would compute something else, in the words of config.json; nil if both
    /// are the same model.
    func difference(from other: ModelConfiguration) -> String? {
        // Mistral's files call themselves Llama's.
        func family(_ type: String) -> String { type == Mistral.modelType ? Llama.modelType : type }
        let parts: [(String, Bool)] = [
            ("model_type", family(modelType) == family(other.modelType)),
            ("hidden_size", hiddenSize == other.hiddenSize),
            ("intermediate_size", intermediateSize == other.intermediateSize),
            ("num_hidden_layers", layerCount == other.layerCount),
            ("num_attention_heads", queryHeadCount == other.queryHeadCount),
            ("num_key_value_heads", keyValueHeadCount == other.keyValueHeadCount),
            ("head_dim", headDimension == other.headDimension),
            ("vocab_size", vocabularySize == other.vocabularySize),
            ("max_position_embeddings", contextLength == other.contextLength),
            ("the epsilon of norms", normEpsilon == other.normEpsilon),
            ("tie_word_embeddings", tiesEmbeddings == other.tiesEmbeddings),
            ("the activation", activation == other.activation),
            ("the scale of scores", attentionScale == other.attentionScale),
            ("attn_logit_softcapping", attentionSoftcap == other.attentionSoftcap),
            ("final_logit_softcapping", logitSoftcap == other.logitSoftcap),
            ("the scale of embeddings", embeddingScale == other.embeddingScale),
            ("which layers see a window, or have no positions", layerAttention == other.layerAttention),
            ("which biases and norms there are", self.parts == other.parts),
            ("the rotary positions", rotary.agrees(with: other.rotary, contextLength: contextLength)),
            (
                "the rotary positions of local layers",
                localRotary.map { local in
                    other.localRotary.map { local.agrees(with: $0, contextLength: contextLength) } ?? false
                } ?? (other.localRotary == nil)
            ),
        ]
        return parts.first { !$0.1 }?.0
    }
}

extension RotaryConfiguration {
    /// Whether both rotate alike. Divisors of frequencies are rounded to 32 bits, so the last bits may differ.
    fileprivate func agrees(with other: RotaryConfiguration, contextLength: Int) -> Bool {
        guard dimension == other.dimension else { return false }
        return [1, contextLength, 2 * contextLength].allSatisfy { length in
            let (own, others) = (frequencies(length: length), other.frequencies(length: length))
            return abs(own.factor - others.factor) <= 1e-6 * abs(own.factor)
                && zip(own.inverse, others.inverse).allSatisfy { abs($0 - $1) <= 1e-6 * abs($0) }
        }
    }
}
