import Foundation
import LongLM
import SIMDKernels
import TestSupport
import Testing

@Suite struct WeightPlanTests {
    /// Every family, with fused and shared tensors, biases, shards, and numbers of two bytes.
    static let references =
        (try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path("reference")))?
        .filter { $0 != "README.md" }.sorted() ?? []

    @Test func everyFamilyIsAmongThem() throws {
        let types = try Self.references.map {
            try ModelConfiguration(contentsOfFile: Fixtures.path("reference/\($0)/config.json")).modelType
        }
        #expect(Set(types) == Set(ModelConfiguration.supportedModelTypes))
    }

    @Test("The bytes of the plan are those of the loaded model", arguments: references)
    func bytes(reference: String) throws {
        let checkpoint = try ModelCheckpoint(path: Fixtures.path("reference/\(reference)"))
        for precision in [Precision.float32, .bfloat16] {
            var options = LoadOptions(precision: precision)
            let plan = try checkpoint.weightPlan(options)
            #expect(plan.byteCount == plan.entries.reduce(0) { $0 + $1.byteCount } && plan.byteCount > 0)
            for entry in plan.entries {
                let isVector = entry.tensor.shape.count == 1
                let expected: WeightFormat? =
                    isVector ? .float32 : precision == .bfloat16 ? .bfloat16 : entry.tensor.format
                #expect(entry.format == expected)
            }
            if precision == .bfloat16 {
                guard InstructionSet.avx512.hasBFloat16Products else { continue }
                options.instructionSet = .avx512
            }
            #expect(try LanguageModel(checkpoint, options: options).weightByteCount == plan.byteCount)
        }
    }

    /// GPT-NeoX calls its projection onto the vocabulary by another name than other families.
    @Test("A copy of a tied embedding is left out under the family's own name", arguments: ["gpt_neox", "llama"])
    func tiedCopy(reference: String) throws {
        let vocabulary = reference == "llama" ? "lm_head.weight" : "embed_out.weight"
        let untied = try ModelCheckpoint(path: Fixtures.path("reference/\(reference)"))
        let copy = try #require(untied.source.tensor(vocabulary))
        let directory = try TemporaryDirectory()
        let config = try String(contentsOfFile: Fixtures.path("reference/\(reference)/config.json"), encoding: .utf8)
        let tiedConfig = config.replacing(#""tie_word_embeddings": false"#, with: #""tie_word_embeddings": true"#)
        try #require(tiedConfig != config)
        try directory.write(tiedConfig, to: "config.json")
        try FileManager.default.copyItem(
            atPath: Fixtures.path("reference/\(reference)/model.safetensors"),
            toPath: directory.file("model.safetensors"))
        let tied = try ModelCheckpoint(path: directory.path)
        let plan = try tied.weightPlan()
        #expect(!plan.entries.contains { $0.tensor.name == vocabulary })
        // 96 rows fill three panels.
        #expect(copy.shape[0] % 32 == 0)
        #expect(try plan.byteCount == untied.weightPlan().byteCount - copy.byteCount)
        #expect(try LanguageModel(tied).weightByteCount == plan.byteCount)
    }

    @Test("A fused tensor is read once, in parts")
    func fusedTensor() throws {
        for reference in ["phi3", "gpt_neox"] {
            let checkpoint = try ModelCheckpoint(path: Fixtures.path("reference/\(reference)"))
            let parts = Dictionary(grouping: try checkpoint.weightPlan().entries, by: \.tensor.name)
            #expect(parts.values.contains { $0.count == 3 })
            for (name, parts) in parts {
                let stored = try #require(checkpoint.source.tensor(name)).byteCount
                #expect(parts.reduce(0) { $0 + $1.storedByteCount } == stored)
            }
        }
    }
}
