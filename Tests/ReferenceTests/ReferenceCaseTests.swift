import Foundation
import LongLM
import LongLMEvaluation
import SIMDKernels
import TestSupport
import Testing

/// Reference outputs, recomputed: those of LongLM's own code, and of its Python twin for the families and modes that it
/// lacks.
@Suite struct ReferenceCaseTests {
    /// LongLM's, with seven cases each, then the others with how many comparisons they make: plain, one prefill, chunks of
    /// 1, 7 and 64, decode for each case.
    static let comparisonCounts = [
        "llama": 42, "llama_tied_mha": 42, "mistral": 42, "qwen2": 42, "phi": 42, "gemma": 42, "llama_llama3": 18,
        "llama_linear": 18, "llama_dynamic": 18, "llama_yarn": 18, "llama_modes": 24, "llama_scale": 12,
        "llama_biases": 6, "llama_sharded_bf16": 6, "llama_f16": 6, "llama_no_prefix": 6, "mistral_sliding": 18,
        "qwen3": 18, "qwen3_yarn": 12, "gemma2": 18, "gemma3_text": 18, "gemma3_text_published": 6,
        "phi_qk_layernorm": 18, "phi3": 18, "stablelm": 18, "stablelm_parallel": 18, "gpt_neox": 18,
        "gpt_neox_sequential": 18, "smollm3": 18, "methods_llama": 66, "methods_qwen2": 66, "methods_gpt_neox": 66,
        "methods_gemma3_text": 66,
    ]

    @Test("Every case passes on every instruction set", arguments: comparisonCounts.keys.sorted())
    func passes(_ name: String) throws {
        for instructionSet in InstructionSet.availableForFloats {
            let verification = try ReferenceVerification(
                directory: Fixtures.path("reference/\(name)"), instructionSet: instructionSet)
            var results: [ReferenceResult] = []
            try verification.run { results.append($0) }
            #expect(results.count == Self.comparisonCounts[name])
            for result in results where !result.passes {
                Issue.record("\(result.file) \(result.mode) on \(instructionSet): \(result.comparison)")
            }
        }
    }

    @Test("Every directory of references is run")
    func nothingIsLeftOut() throws {
        let directories = try FileManager.default.contentsOfDirectory(atPath: Fixtures.path("reference"))
            .filter { !$0.contains(".") }
        #expect(Set(directories) == Set(Self.comparisonCounts.keys))
    }
}
