import GGUF

/// Which type each tensor of a GGUF file gets.
package struct QuantizationTarget: Sendable, Equatable {
    /// What the choice is called.
    package let name: String
    /// The type of matrices.
    package let matrices: GGUFTensorType
    /// The type of the embedding and of the projection onto the vocabulary.
    package let vocabulary: GGUFTensorType
    /// `general.file_type`.
    let fileType: UInt32

    /// All matrices in Q8_0.
    package static let q80 = QuantizationTarget(name: "q8_0", matrices: .q80, vocabulary: .q80, fileType: 7)
    /// Matrices in Q4_0, and those of the vocabulary in Q8_0. It's the rule by which models are loaded in 4 bits.
    package static let q40 = QuantizationTarget(name: "q4_0", matrices: .q40, vocabulary: .q80, fileType: 2)
    /// Matrices in Q4_K, and those of the vocabulary in Q6_K.
    package static let q4K = QuantizationTarget(name: "q4_k", matrices: .q4K, vocabulary: .q6K, fileType: 14)
    /// Nothing is rounded, for tests.
    package static let float32 = QuantizationTarget(
        name: "f32", matrices: .float32, vocabulary: .float32, fileType: 0)

    /// All that can be asked for.
    package static let all: [QuantizationTarget] = [.q80, .q40, .q4K]

    /// What a tensor becomes.
    package struct Choice: Sendable, Equatable {
        /// The type.
        package let type: GGUFTensorType
        /// The type that it would have, if its rows were whole blocks of that; nil where it has it.
        package let insteadOf: GGUFTensorType?

        package init(type: GGUFTensorType, insteadOf: GGUFTensorType?) {
            self.type = type
            self.insteadOf = insteadOf
        }
    }

    /// The type of a tensor.
    ///
    /// - Parameters:
    ///   - name: Its name in GGUF.
    ///   - shape: The outermost dimension first.
    ///   - stored: Its type so far; nil where it comes from another container.
    func choice(_ name: String, shape: [Int], stored: GGUFTensorType?) -> Choice {
        guard shape.count == 2, name.hasSuffix(".weight"), !name.hasSuffix("_norm.weight") else {
            return Choice(type: .float32, insteadOf: nil)
        }
        var wanted = matrices
        if name == "token_embd.weight" || name == "output.weight" {
            wanted = vocabulary
            // Where 4 bits are asked for, they don't go below what the vocabulary has; see WeightPlan.
            if vocabulary != matrices, let stored, stored.blockLength > 1 { wanted = stored }
        }
        var type = wanted
        while shape[1] % type.blockLength != 0 { type = Self.substitute(type) }
        return Choice(type: type, insteadOf: type == wanted ? nil : wanted)
    }

    /// What takes a type's place where rows aren't whole blocks of it. llama.cpp makes the same choice.
    private static func substitute(_ type: GGUFTensorType) -> GGUFTensorType {
        switch type {
        case .q4K: .q50
        case .q6K: .q80
        default: .float16
        }
    }
}
