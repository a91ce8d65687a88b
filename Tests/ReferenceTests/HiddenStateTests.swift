import Foundation
import LongLM
import LongLMEvaluation
import Safetensors
import TestSupport
import Testing

/// The last hidden states against those that the references hold.
@Suite struct HiddenStateTests {
    /// The cases that hold them, one of each model.
    static let names = [
        "llama", "llama_tied_mha", "mistral", "qwen2", "qwen3", "phi", "phi3", "gemma", "gemma2", "gemma3_text",
        "stablelm_parallel", "gpt_neox", "smollm3", "llama_modes",
    ]

    /// The bound of the reference cases' logits.
    private static let tolerance = 1e-4

    @Test(arguments: names)
    func matchTheReference(name: String) throws {
        let directory = Fixtures.path("reference/\(name)")
        var compared = 0
        for reference in try ReferenceCase.read(directory: directory) {
            let file = try Checkpoint(file: directory + "/" + reference.file)
            let model = try LanguageModel(directory: directory)
            let last = "hidden_\(model.configuration.layerCount)"
            guard file.contains(last) else { continue }
            compared += 1
            let expected = try file.tensor(last).floats()
            let tokens = try file.tensor("input_ids").integers()
            let options = SessionOptions(
                attention: try reference.attention(casesFile: "cases.json"), threadCount: 2,
                capacity: reference.length ?? tokens.count)
            let whole = try Session(model: model, options: options).hiddenStates(of: tokens)
            #expect(whole.count == expected.count)
            let mean = expected.reduce(0) { $0 + Double($1) } / Double(expected.count)
            let variance = expected.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
            let deviation = (variance / Double(expected.count)).squareRoot()
            let worst = zip(whole, expected).reduce(0.0) { max($0, abs(Double($1.0) - Double($1.1))) }
            #expect(worst <= Self.tolerance * deviation, "\(reference.file): \(worst / deviation)")
            // In chunks, the same bits.
            let session = try Session(model: model, options: options)
            var parts: [Float] = []
            for start in stride(from: 0, to: tokens.count, by: 7) {
                parts += try session.hiddenStates(of: Array(tokens[start..<min(start + 7, tokens.count)]))
            }
            #expect(parts.map(\.bitPattern) == whole.map(\.bitPattern))
        }
        #expect(compared > 0)
    }
}
