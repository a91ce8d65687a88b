import LongLM
import LongLMEvaluation
import SIMDKernels
import TestSupport
import Testing

/// What a real model does: SmolLM2-135M-Instruct, trained for 8,192 tokens.
@Suite(.enabled(if: FetchedModel.smolLM2.isExpected, Comment(rawValue: FetchedModel.smolLM2.absence)), .serialized)
struct SmolLM2Tests {
    let tokenizer: Tokenizer
    let model: LanguageModel

    init() throws {
        tokenizer = try Tokenizer(contentsOfFile: FetchedModel.smolLM2.directory + "/tokenizer.json")
        model = try LanguageModel(directory: FetchedModel.smolLM2.directory)
    }

    @Test func continuesASentence() throws {
        let text = try continuation(of: tokenizer.encode("The capital of France is"), tokenCount: 2)
        #expect(text == " Paris.")
    }

    @Test(
        "A pass key is found",
        arguments: [
            (1000, nil, 0.5, "40517"),
            (2000, SelfExtend(groupSize: 4, neighborWindow: 512), 0.1, "71938"),
            (2000, SelfExtend(groupSize: 4, neighborWindow: 512), 0.9, "28364"),
        ])
    func findsPassKey(length: Int, selfExtend: SelfExtend?, depth: Double, key: String) throws {
        let prompt = passKeyPrompt(length: length, depth: depth, key: key)
        #expect(try continuation(of: prompt, tokenCount: 8, selfExtend: selfExtend).contains(key))
    }

    /// In the arithmetic that takes half the time; shorter texts are tested in the exact one. That the plain model finds none
    /// there is tested with the tiny model, whose texts are shorter.
    @Test("Past the trained context Self-Extend finds the pass key, with 4-bit weights and all else in int8")
    func findsPassKeyBeyondContext() throws {
        let file = try #require(FetchedModel.smolLM2.quantizedFile, "\(FetchedModel.smolLM2.absence)")
        let quantized = try LanguageModel(path: file, options: LoadOptions(precision: .int8))
        let key = "71938"
        let prompt = passKeyPrompt(length: 10_500, depth: 0.1, key: key)
        let extended = try continuation(
            of: prompt, tokenCount: 8, selfExtend: SelfExtend(groupSize: 4, neighborWindow: 1024), model: quantized,
            cacheFormat: .int8)
        #expect(extended.contains(key))
    }

    @Test("The logits' hash is the same for all threads, chunks and instruction sets with fused multiply-add")
    func logitsAreTheSameBits() throws {
        let tokens = Array(passKeyPrompt(length: 700, depth: 0.5, key: "71938").prefix(120))
        var hashes: [String: [String]] = [:]
        for instructionSet in InstructionSet.availableForFloats where instructionSet.isFused {
            let model = try LanguageModel(
                directory: FetchedModel.smolLM2.directory, options: LoadOptions(instructionSet: instructionSet))
            for threadCount in [1, 2, 3] {
                // Short chunks take the longest. Other tests have them on every number of threads, with small models.
                for chunk in threadCount == 2 ? [1, 7, 64, tokens.count] : [64, tokens.count] {
                    let session = try Session(
                        model: model,
                        options: SessionOptions(
                            attention: .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 48)),
                            threadCount: threadCount))
                    var logits: [Float] = []
                    for start in stride(from: 0, to: tokens.count, by: chunk) {
                        logits += try session.prefillAllLogits(
                            Array(tokens[start..<min(start + chunk, tokens.count)]))
                    }
                    let run = "\(instructionSet), \(threadCount) threads, chunks of \(chunk)"
                    hashes[LogitHash.sha256(logits), default: []].append(run)
                }
            }
        }
        #expect(hashes.count <= 1, "\(hashes)")
    }

    private func continuation(
        of tokens: [Int], tokenCount: Int, selfExtend: SelfExtend? = nil, model: LanguageModel? = nil,
        cacheFormat: CacheFormat? = nil
    ) throws -> String {
        let session = try Session(
            model: model ?? self.model,
            options: SessionOptions(
                attention: AttentionMode(selfExtend), capacity: tokens.count + tokenCount, cacheFormat: cacheFormat))
        try session.prefill(tokens)
        let generation = try Generation(
            session: session, tokenizer: tokenizer, options: GenerationOptions(tokenLimit: tokenCount))
        while try generation.next() != nil {}
        return generation.text
    }

    /// LongLM's pass key task: a key among sentences that say nothing, of about `length` tokens in all.
    private func passKeyPrompt(length: Int, depth: Double, key: String) -> [Int] {
        let introduction =
            "There is an important info hidden inside a lot of irrelevant text. Find it and memorize it. "
            + "I will quiz you about the important information there.\n"
        let filler =
            "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. "
        let keySentence = "The pass key is \(key). Remember it. \(key) is the pass key. "
        let question = "\nThe pass key is"
        let fixed = tokenizer.encode(introduction + keySentence + question).count
        // What one more sentence adds, wherever the tokenizer draws its lines.
        let fillerLength = tokenizer.encode(filler + filler).count - tokenizer.encode(filler).count
        let count = (length - fixed) / fillerLength
        let before = Int(Double(count) * depth)
        let text =
            introduction + String(repeating: filler, count: before) + keySentence
            + String(repeating: filler, count: count - before) + question
        return tokenizer.encode(text)
    }
}
