import Foundation
import LongLM
import ModelTwins
import Testing
import TestSupport

/// What models compute with the methods: against formulas in double precision, and the same bits however it is computed.
@Suite struct AttentionMethodLogitsTests {
    /// Settings with which a text of 150 tokens has keys in every zone.
    private static let texts = [
        "string:21:5", "string:40:7:1", "dpe:2,8,1:16", "dca:24:4", "dca:48:33", "lampe:150:24:4", "linear:2.5",
        "ntk:3", "dynamic-ntk:160", "yarn:4", "llama3:8:1:4",
    ]

    private func tokens(_ count: Int) -> [Int] {
        var generator = SeededGenerator(seed: 34)
        return generator.tokens(count, below: TinyLlama().vocabularySize)
    }

    // MARK: Formulas

    /// The bound of `ForwardTests`.
    @Test(arguments: AttentionMethodTests.cases.filter { [1, 6].contains($0.pairCount) })
    func doublePrecision(_ test: AttentionMethodTests.Case) throws {
        let tokens = tokens(101)
        var scheme = DoubleLlama.Scheme()
        scheme.distance = { test.distance($0, $1, test.pairCount == 1 ? 0 : $2) }
        let model = try loadModel()
        let factor = Double(test.mode.method.rotary(of: model.configuration).frequencies(length: 1).factor)
        scheme.scale = factor * factor
        let expected = DoubleLlama(TinyLlama()).logits(tokens, by: scheme)
        let options = SessionOptions(attention: test.mode, capacity: 101)
        let found = try chunkedLogits(model, tokens, chunk: 30, options)
        #expect(greatestDifference(found, expected) <= 1e-4 * deviation(expected))
    }

    @Test(arguments: ["linear:2.5", "ntk:3", "dynamic-ntk:160", "yarn:4", "llama3:8:1:4"])
    func frequencies(text: String) throws {
        let tokens = tokens(101)
        let mode = try AttentionMode(text: text)
        let model = try loadModel()
        // AttentionMethodTests compares these with their formulas.
        let frequencies = mode.method.rotary(of: model.configuration).frequencies(length: 101)
        var scheme = DoubleLlama.Scheme()
        scheme.frequency = { Double(frequencies.inverse[$0]) }
        scheme.scale = Double(frequencies.factor) * Double(frequencies.factor)
        let expected = DoubleLlama(TinyLlama()).logits(tokens, by: scheme)
        let found = try chunkedLogits(model, tokens, chunk: 30, SessionOptions(attention: mode, capacity: 101))
        #expect(greatestDifference(found, expected) <= 1e-4 * deviation(expected))
        let plain = try allLogits(model, tokens, SessionOptions(capacity: 101))
        #expect(greatestDifference(plain, expected) > 1e-2 * deviation(expected))
    }

    // MARK: Bits

    /// As `SameBitsTests` has it for Self-Extend.
    @Test(arguments: texts)
    func sameBits(text: String) throws {
        let mode = try AttentionMode(text: text)
        let tokens = tokens(150)
        var expected: Bits?
        for instructionSet in InstructionSet.availableForFloats.filter(\.isFused) {
            let model = try loadModel(instructionSet: instructionSet)
            for (threads, chunk) in [(1, 150), (3, 150), (2, 64), (3, 7), (1, 1), (2, 1)] {
                let options = SessionOptions(attention: mode, threadCount: threads, capacity: 150)
                let found = bits(try chunkedLogits(model, tokens, chunk: chunk, options))
                #expect(found == expected ?? found, "\(instructionSet), \(threads) threads, chunks of \(chunk)")
                expected = expected ?? found
            }
        }
    }

    /// Across segments of 512 positions, where few rows take another path than many.
    @Test(arguments: ["string:400:70", "dpe:2,8:40", "dca:700:100", "dca:48:8", "lampe:1100:30:10", "yarn:20"])
    func longTexts(text: String) throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.layerCount, tiny.queryHeadCount, tiny.contextLength) = (32, 1, 8, 800)
        let tokens = tokens(1_100)
        let model = try loadModel(tiny)
        let mode = try AttentionMode(text: text)
        func logits(_ threads: Int, _ chunk: Int) throws -> Bits {
            let options = SessionOptions(attention: mode, threadCount: threads, capacity: 1_100)
            return bits(try chunkedLogits(model, tokens, chunk: chunk, options))
        }
        let expected = try logits(1, 1_100)
        // Up to four rows take the path of a single one.
        for (threads, chunk) in [(3, 1_100), (2, 333), (2, 3)] {
            #expect(try logits(threads, chunk) == expected, "\(threads) threads, chunks of \(chunk)")
        }
    }

    /// Local layers, parts of heads that aren't rotated, sliding windows and other orders of blocks; in all formats of the
    /// cache.
    @Test(
        arguments: ["llama", "gemma2", "gemma3_text", "gpt_neox", "phi", "mistral_sliding", "qwen3"],
        CacheFormat.allCases)
    func families(name: String, cacheFormat: CacheFormat) throws {
        let directory = Fixtures.path("reference/\(name)")
        let model = try LanguageModel(directory: directory)
        var generator = SeededGenerator(seed: 35)
        let count = 90
        let tokens = generator.tokens(count, below: model.configuration.vocabularySize)
        let plain = bits(
            try allLogits(model, tokens, SessionOptions(capacity: count, cacheFormat: cacheFormat)))
        for text in [
            "string:21:5", "dpe:2:16", "dpe:2,3:16", "dca:24:4", "lampe:90:15:4", "linear:2", "ntk:3", "yarn:4",
            "llama3:8:1:4",
        ] {
            let mode = try AttentionMode(text: text)
            if (try? mode.validate(for: model.configuration)) == nil { continue }
            let options = SessionOptions(
                attention: mode, threadCount: 2, capacity: count, cacheFormat: cacheFormat)
            let expected = bits(try allLogits(model, tokens, options))
            for chunk in [37, cacheFormat == .float32 ? 1 : 4] {
                #expect(
                    bits(try chunkedLogits(model, tokens, chunk: chunk, options)) == expected,
                    "\(text), chunks of \(chunk)")
            }
            #expect(expected != plain, "\(text) changes nothing")
        }
    }

    // MARK: Identities

    @Test(
        arguments: [
            // Nothing is as far as S; nothing is shifted; groups of one; one chunk; factors of 1, with no frequency in
            // Llama 3.1's ramp, whose two products round.
            "string:60:5:1", "string:20:20:1", "dpe:1,1,1:16", "dpe:4,8:60", "dca:63:1", "lampe:100:5:60:1", "linear:1",
            "ntk:1", "dynamic-ntk:64", "yarn:1", "llama3:1:1:2",
        ])
    func settingsThatChangeNothing(text: String) throws {
        let tokens = tokens(60)
        let model = try loadModel()
        let plain = bits(try allLogits(model, tokens, SessionOptions(capacity: 60)))
        for chunk in [60, 7] {
            let options = SessionOptions(attention: try AttentionMode(text: text), capacity: 60)
            #expect(bits(try chunkedLogits(model, tokens, chunk: chunk, options)) == plain)
        }
    }

    @Test func dpeWithOneGroupSizeIsSelfExtend() throws {
        let tokens = tokens(150)
        let model = try loadModel()
        func logits(_ text: String) throws -> Bits {
            bits(try allLogits(model, tokens, SessionOptions(attention: try AttentionMode(text: text), capacity: 150)))
        }
        let expected = try logits("self-extend:3:20")
        for text in ["dpe:3:20", "dpe:3,3,3:20", "dpe:3,3,3,3,3,3:20"] { #expect(try logits(text) == expected) }
        #expect(try logits("dpe:3,3,2:20") != expected)
    }

    // MARK: Sessions

    @Test(arguments: texts, CacheFormat.allCases)
    func savedAndForkedSessions(text: String, cacheFormat: CacheFormat) throws {
        let mode = try AttentionMode(text: text)
        let model = try loadModel()
        let tokens = tokens(150)
        let options = SessionOptions(attention: mode, threadCount: 2, capacity: 150, cacheFormat: cacheFormat)
        let expected = bits(Array(try allLogits(model, tokens, options).suffix(TinyLlama().vocabularySize)))
        let session = try Session(model: model, options: options)
        try session.prefill(Array(tokens[..<120]))
        let fork = try session.fork()
        let folder = try TemporaryDirectory()
        let path = folder.file("session.safetensors")
        try session.save(to: path)
        let restored = try Session(model: model, restoringFrom: path)
        #expect(restored.attention == mode)
        let other = try Session(model: model, options: options)
        try other.restore(from: path)
        // Back, and on again, with other tokens in between.
        let shortened = try session.fork()
        try shortened.prefill(Array(tokens[..<20]))
        try shortened.truncate(to: 120)
        for session in [session, fork, restored, other, shortened] {
            try session.prefill(Array(tokens[120..<149]))
            try session.decode(tokens[149])
            #expect(bits(session.logits) == expected)
        }
        let plain = try Session(
            model: model, options: SessionOptions(capacity: 150, cacheFormat: cacheFormat))
        #expect(
            thrownError { () throws(SessionFileError) in try plain.restore(from: path) }
                == .otherSetting(file: path, name: "attention", saved: mode.text, expected: "plain"))
    }
}
