import Foundation
import LongLM
import LongLMEvaluation
import SIMDKernels
import TestSupport
import Testing

/// Quantised files as people have them: SmolLM2 in Q4_1, and Gemma 3 in llama.cpp's mixture Q4_K_M. The checkpoints beside
/// them hold what gguf-py makes of the same weights, rounded to bfloat16.
@Suite("Quantised files of real models", .serialized)
struct QuantizedFileTests {
    private static let text =
        "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once or "
        + "twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it."

    /// The hash of all rows' logits, from prefills of `chunk` tokens.
    private func hash(
        _ model: LanguageModel, _ tokens: [Int], threadCount: Int = 2, chunk: Int? = nil
    ) throws -> String {
        let attention = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))
        let session = try Session(
            model: model,
            options: SessionOptions(attention: attention, threadCount: threadCount, capacity: tokens.count))
        let chunk = chunk ?? tokens.count
        let logits = try stride(from: 0, to: tokens.count, by: chunk).flatMap { start in
            try session.prefillAllLogits(Array(tokens[start..<min(start + chunk, tokens.count)]))
        }
        return LogitHash.sha256(logits)
    }

    @Test("Exact arithmetic gives the logits of the widened weights", arguments: FetchedModel.quantized)
    func exact(_ fetched: FetchedModel) throws {
        let file = try #require(fetched.quantizedFile, "\(fetched.absence)")
        let model = try LanguageModel(path: file)
        let tokens = try tokens(file)
        let expected = try hash(model, tokens)
        #expect(try hash(LanguageModel(path: file, options: LoadOptions(weightFormat: .float32)), tokens) == expected)
        // One row at a time, as in decoding.
        let few = Array(tokens.prefix(8))
        #expect(try hash(model, few, chunk: 1) == hash(model, few))
        // The file holds the vocabulary as well.
        let size = try #require(try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int)
        #expect(model.weightByteCount < size)
    }

    @Test(
        "Weights rounded to bfloat16 give the logits of the checkpoint that gguf-py made",
        arguments: FetchedModel.quantized.filter { $0 == .smolLM2 })
    func checkpoint(_ fetched: FetchedModel) throws {
        let file = try #require(fetched.quantizedFile, "\(fetched.absence)")
        let tokens = try tokens(file)
        let rounded = try LanguageModel(path: file, options: LoadOptions(weightFormat: .bfloat16))
        let checkpoint = try LanguageModel(path: fetched.directory)
        #expect(try hash(rounded, tokens) == hash(checkpoint, tokens))
        #expect(rounded.endTokens == checkpoint.endTokens)
        #expect(try Tokenizer(contentsOfFile: fetched.directory + "/tokenizer.json").encode(Self.text) == tokens)
    }

    @Test("int8 gives the same logits for all threads, chunks and instruction sets", arguments: FetchedModel.quantized)
    func int8(_ fetched: FetchedModel) throws {
        let file = try #require(fetched.quantizedFile, "\(fetched.absence)")
        let tokens = try tokens(file)
        var hashes: [String: [String]] = [:]
        for instructionSet in InstructionSet.available where instructionSet.isFused {
            let model = try LanguageModel(
                path: file, options: LoadOptions(precision: .int8, instructionSet: instructionSet))
            // Single tokens take the longest. Small models' tests have them on every instruction set.
            let isLast = instructionSet == InstructionSet.available.last
            for (threadCount, chunk) in [(1, tokens.count), (3, 7)] + (isLast ? [(2, 1)] : []) {
                let run = "\(instructionSet), \(threadCount) threads, chunks of \(chunk)"
                hashes[try hash(model, tokens, threadCount: threadCount, chunk: chunk), default: []].append(run)
            }
        }
        #expect(hashes.count <= 1, "\(hashes)")
    }

    /// Equal bits alone don't say that the rounded inputs are the right ones.
    @Test("int8 predicts nearly what exact arithmetic predicts", arguments: FetchedModel.quantized)
    func int8Divergence(_ fetched: FetchedModel) throws {
        let file = try #require(fetched.quantizedFile, "\(fetched.absence)")
        let text = try String(contentsOfFile: Fixtures.path("haystack/alice.txt"), encoding: .utf8)
        let comparison = try ModelComparison(
            of: text, textName: "alice.txt",
            Perplexity.Options(windowLength: 128, windowLimit: 1, settings: [.plain]),
            model: LanguageModel(path: file, options: LoadOptions(precision: .int8)),
            reference: LanguageModel(path: file), tokenizer: ModelLocation(ofModel: file).tokenizer())
        let row = try #require(try comparison.run().first)
        // 0.003 and 4 % for SmolLM2. Rounding weights to 4 bits costs a hundred times as much.
        #expect(row.divergence > 0 && row.divergence < 0.02)
        #expect(row.changedTopShare < 0.15)
    }

    private func tokens(_ file: String) throws -> [Int] {
        try ModelLocation(ofModel: file).tokenizer().encode(Self.text)
    }
}
