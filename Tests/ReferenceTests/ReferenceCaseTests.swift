import LongLM
import LongLMEvaluation
import SIMDKernels
import TestSupport
import Testing

/// The outputs of the original code, recomputed.
@Suite struct ReferenceCaseTests {
    @Test("Every case passes on every instruction set", arguments: ["llama", "llama_tied_mha"])
    func passes(_ name: String) throws {
        for instructionSet in InstructionSet.available {
            let verification = try ReferenceVerification(
                directory: Fixtures.path("reference/\(name)"), instructionSet: instructionSet)
            var results: [ReferenceResult] = []
            try verification.run { results.append($0) }
            // Seven cases: plain, one prefill, chunks of 1, 7 and 64, decode.
            #expect(results.count == 42)
            for result in results where !result.passes {
                Issue.record("\(result.file) \(result.mode) on \(instructionSet): \(result.comparison)")
            }
        }
    }

    @Test("Families to come are refused by name", arguments: ["gemma", "mistral", "phi", "qwen2"])
    func refuses(_ name: String) {
        let directory = Fixtures.path("reference/\(name)")
        #expect(
            throws: ReferenceError.model(.unsupportedArchitecture(file: directory + "/config.json", name: name))
        ) {
            try ReferenceVerification(directory: directory)
        }
    }
}
