import Foundation

/// The factors of a LoRA adapter in PEFT's safetensors form: a directory with adapter_config.json and
/// adapter_model.safetensors.
///
/// Low-rank adaptation (Hu et al., 2021, arXiv 2106.09685) adds scale · B · A to a matrix W [N, K], with A [r, K] and
/// B [N, r].
struct LoRAAdapter: Sendable {
    /// The two factors of a matrix.
    struct Factors: Sendable {
        /// A, [r, K].
        let down: StoredTensor
        /// B, [N, r].
        let up: StoredTensor
        /// r.
        let rank: Int
        let scale: Float
    }

    let stored: SafetensorsSource
    /// By the names of the matrices' modules, such as `model.layers.0.self_attn.q_proj`, in the order of the file.
    let factors: [(module: String, factors: Factors)]

    private static let prefix = "base_model.model."
    private static let downEnding = ".lora_A.weight"
    private static let upEnding = ".lora_B.weight"

    /// Reads the settings and the header of an adapter.
    ///
    /// - Parameter path: The directory.
    /// - Throws: ``CheckpointError`` when the files aren't valid, or hold anything but plain LoRA of matrices.
    init(path: String) throws(CheckpointError) {
        let configuration = try LoRAConfiguration(contentsOfFile: path + "/adapter_config.json")
        let file = path + "/adapter_model.safetensors"
        let manager = FileManager.default
        if !manager.fileExists(atPath: file), manager.fileExists(atPath: path + "/adapter_model.bin") {
            throw .invalidAdapter(
                file: path, reason: "has adapter_model.bin, which isn't read, and no adapter_model.safetensors")
        }
        stored = try SafetensorsSource(path: file)
        var factors: [(module: String, factors: Factors)] = []
        for name in stored.storedNames {
            guard let named = name.removing(prefix: Self.prefix) else {
                throw .unexpectedTensor(file: file, tensor: name)
            }
            if let module = named.removing(suffix: Self.downEnding) {
                factors.append((module, try Self.factors(of: module, configuration, stored, file)))
            } else if let module = named.removing(suffix: Self.upEnding) {
                // Found with the other factor.
                _ = try Self.tensor(Self.prefix + module + Self.downEnding, stored, file)
            } else {
                throw Self.explanation(of: name, file)
            }
        }
        guard !factors.isEmpty else { throw .invalidAdapter(file: file, reason: "holds no factors of a matrix") }
        self.factors = factors
    }

    private static func tensor(
        _ name: String, _ stored: SafetensorsSource, _ file: String
    ) throws(CheckpointError) -> StoredTensor {
        guard let tensor = stored.tensor(name) else { throw .missingTensor(file: file, tensor: name) }
        guard tensor.format != nil else {
            throw .unsupportedTensorType(file: file, tensor: name, type: tensor.typeName)
        }
        return tensor
    }

    private static func factors(
        of module: String, _ configuration: LoRAConfiguration, _ stored: SafetensorsSource, _ file: String
    ) throws(CheckpointError) -> Factors {
        let down = try tensor(prefix + module + downEnding, stored, file)
        let up = try tensor(prefix + module + upEnding, stored, file)
        guard down.shape.count == 2, up.shape.count == 2 else {
            throw .invalidAdapter(file: file, reason: "has factors of \(module) that are no matrices")
        }
        let rank = configuration.rank ?? down.shape[0]
        guard (1...LoRAConfiguration.maximumRank).contains(rank) else {
            throw .invalidAdapter(
                file: file,
                reason:
                    "has factors of \(module) of rank \(rank); it must be between 1 and \(LoRAConfiguration.maximumRank)"
            )
        }
        guard down.shape[0] == rank else {
            throw .wrongShape(file: file, tensor: down.name, expected: [rank, down.shape[1]], found: down.shape)
        }
        guard up.shape[1] == rank else {
            throw .wrongShape(file: file, tensor: up.name, expected: [up.shape[0], rank], found: up.shape)
        }
        return Factors(down: down, up: up, rank: rank, scale: configuration.scale(rank: rank))
    }

    /// Why a tensor that is no factor of a matrix can't be merged.
    private static func explanation(of name: String, _ file: String) -> CheckpointError {
        if name.contains(".lora_magnitude_vector") { return .unsupportedAdapter(file: file, feature: "DoRA") }
        if name.contains(".lora_embedding_") {
            return .unsupportedAdapter(file: file, feature: "an adapted embedding (\(name))")
        }
        if name.hasSuffix(".bias") { return .unsupportedAdapter(file: file, feature: "trained biases (\(name))") }
        if name.hasSuffix(".weight") {
            return .unsupportedAdapter(file: file, feature: "matrices that were trained as a whole (\(name))")
        }
        return .unexpectedTensor(file: file, tensor: name)
    }
}

extension String {
    fileprivate func removing(prefix: String) -> String? { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil }
}
