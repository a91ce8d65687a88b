import Foundation
import Safetensors

/// A Llama checkpoint small enough to be computed by hand, with random weights.
///
/// The sizes are no multiples of a vector or a panel, so that every kernel meets its remainders. Weights are drawn so
/// wide that attention is far from uniform: a wrong position or mask shows in the logits.
package struct TinyLlama {
    /// How the checkpoint stores its numbers.
    package enum Storage: CaseIterable, Sendable {
        case float32, bfloat16, float16
    }

    package struct Tensor {
        package let name: String
        package let shape: [Int]
        /// Numbers that the storage can represent.
        package let values: [Float]

        package init(name: String, shape: [Int], values: [Float]) {
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    package var hiddenSize = 48
    package var intermediateSize = 81
    package var layerCount = 2
    package var queryHeadCount = 4
    package var keyValueHeadCount = 2
    /// Written to config.json only where it isn't nil; nil: hiddenSize / queryHeadCount.
    package var statedHeadDimension: Int?
    package var vocabularySize = 67
    package var contextLength = 64
    package var ropeTheta = 10_000.0
    package var normEpsilon = 1e-5
    package var tiesEmbeddings = false
    package var storage = Storage.float32
    package var seed: UInt64 = 1

    package init() {}

    package var headDimension: Int { statedHeadDimension ?? hiddenSize / queryHeadCount }

    /// All weights by their names in a checkpoint; those of a model that ties embeddings lack the last.
    package func tensors() -> [Tensor] {
        var generator = SeededGenerator(seed: seed)
        var tensors: [Tensor] = []
        func add(_ name: String, _ shape: [Int], around center: Float = 0, deviation: Float) {
            let values = generator.floats(shape.reduce(1, *), deviation: deviation).map { storage.rounded(center + $0) }
            tensors.append(Tensor(name: name, shape: shape, values: values))
        }
        func addMatrix(_ name: String, _ rows: Int, _ columns: Int) {
            add(name, [rows, columns], deviation: 1.5 / Float(columns).squareRoot())
        }
        let queries = queryHeadCount * headDimension
        let keys = keyValueHeadCount * headDimension
        add("model.embed_tokens.weight", [vocabularySize, hiddenSize], deviation: 1)
        for layer in 0..<layerCount {
            let prefix = "model.layers.\(layer)."
            add(prefix + "input_layernorm.weight", [hiddenSize], around: 1, deviation: 0.2)
            addMatrix(prefix + "self_attn.q_proj.weight", queries, hiddenSize)
            addMatrix(prefix + "self_attn.k_proj.weight", keys, hiddenSize)
            addMatrix(prefix + "self_attn.v_proj.weight", keys, hiddenSize)
            addMatrix(prefix + "self_attn.o_proj.weight", hiddenSize, queries)
            add(prefix + "post_attention_layernorm.weight", [hiddenSize], around: 1, deviation: 0.2)
            addMatrix(prefix + "mlp.gate_proj.weight", intermediateSize, hiddenSize)
            addMatrix(prefix + "mlp.up_proj.weight", intermediateSize, hiddenSize)
            addMatrix(prefix + "mlp.down_proj.weight", hiddenSize, intermediateSize)
        }
        add("model.norm.weight", [hiddenSize], around: 1, deviation: 0.2)
        if !tiesEmbeddings { addMatrix("lm_head.weight", vocabularySize, hiddenSize) }
        return tensors
    }

    /// The keys of config.json and their values as JSON.
    package var configuration: [String: String] {
        var values = [
            "model_type": "\"llama\"", "hidden_size": "\(hiddenSize)", "intermediate_size": "\(intermediateSize)",
            "num_hidden_layers": "\(layerCount)", "num_attention_heads": "\(queryHeadCount)",
            "num_key_value_heads": "\(keyValueHeadCount)", "vocab_size": "\(vocabularySize)",
            "max_position_embeddings": "\(contextLength)", "rope_theta": "\(ropeTheta)",
            "rms_norm_eps": "\(normEpsilon)", "tie_word_embeddings": "\(tiesEmbeddings)", "hidden_act": "\"silu\"",
            "bos_token_id": "1", "eos_token_id": "null",
        ]
        values["head_dim"] = statedHeadDimension.map { "\($0)" }
        return values
    }

    /// Writes config.json and one model.safetensors.
    package func write(to directory: TemporaryDirectory) throws {
        try write(tensors(), to: directory)
    }

    /// Writes config.json and these tensors instead of the model's own.
    package func write(_ tensors: [Tensor], to directory: TemporaryDirectory) throws {
        try directory.write(jsonObject(configuration), to: "config.json")
        try writeShard(tensors, to: directory.file("model.safetensors"))
    }

    /// Writes config.json, `count` shards that share the tensors out in turn, and their index.
    package func writeShards(_ count: Int, to directory: TemporaryDirectory) throws {
        try directory.write(jsonObject(configuration), to: "config.json")
        var places: [String: String] = [:]
        for shard in 0..<count {
            let name = "model-\(shard + 1)-of-\(count).safetensors"
            let part = tensors().enumerated().filter { $0.offset % count == shard }.map(\.element)
            for tensor in part { places[tensor.name] = "\"\(name)\"" }
            try writeShard(part, to: directory.file(name))
        }
        try directory.write(
            jsonObject(["metadata": "{}", "weight_map": jsonObject(places)]), to: "model.safetensors.index.json")
    }

    private func writeShard(_ tensors: [Tensor], to path: String) throws {
        var writer = SafetensorsWriter()
        for tensor in tensors {
            try writer.add(
                tensor.name, dtype: storage.dtype, shape: tensor.shape, bytes: tensor.values.flatMap(storage.bytes))
        }
        try writer.write(to: path)
    }
}

/// A JSON object of values that are JSON already.
package func jsonObject(_ members: [String: String]) -> String {
    "{" + members.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
}

extension TinyLlama.Storage {
    package var dtype: DType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .float16: .float16
        }
    }

    /// A number near `value` that the storage represents exactly.
    package func rounded(_ value: Float) -> Float {
        switch self {
        case .float32: value
        case .bfloat16: Float(bitPattern: value.bitPattern & 0xffff_0000)
        case .float16:
            // 11 significant bits, fewer below 2⁻¹⁴. The weights are far from the largest half-precision number.
            (value / Self.halfQuantum(value)).rounded() * Self.halfQuantum(value)
        }
    }

    /// The little-endian bytes of a number that the storage represents exactly.
    package func bytes(_ value: Float) -> [UInt8] {
        switch self {
        case .float32: withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
        case .bfloat16: withUnsafeBytes(of: UInt16(value.bitPattern >> 16).littleEndian) { Array($0) }
        case .float16: withUnsafeBytes(of: Self.halfBits(value).littleEndian) { Array($0) }
        }
    }

    /// The distance of half-precision numbers near `value`.
    private static func halfQuantum(_ value: Float) -> Float {
        Float(sign: .plus, exponent: Int(max(value == 0 ? -14 : value.exponent, -14)) - 10, significand: 1)
    }

    private static func halfBits(_ value: Float) -> UInt16 {
        let sign: UInt16 = value.sign == .minus ? 0x8000 : 0
        let units = UInt16(abs(value) / halfQuantum(value))
        // Units of 1,024 and more have the leading bit that a normal number doesn't write.
        let exponent = units < 1024 ? 0 : UInt16(Int(value.exponent) + 15)
        return sign | exponent << 10 | units & 0x3ff
    }
}
