import LongLM
import ModelTwins
import SIMDKernels
import Testing
import TestSupport

/// Whole models whose keys and values are kept in 8 bits.
@Suite("Models with an int8 cache")
struct Int8CacheModelTests {
    private static let modes: [AttentionMode] = [
        .plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 24)), .reRoPE(ReRoPE(neighborWindow: 24)),
    ]

    private let tokens: [Int] = {
        var generator = SeededGenerator(seed: 118)
        return generator.tokens(600, below: 67)
    }()

    private func options(_ mode: AttentionMode, _ cacheFormat: CacheFormat = .int8, threadCount: Int = 2)
        -> SessionOptions
    {
        SessionOptions(attention: mode, threadCount: threadCount, capacity: tokens.count, cacheFormat: cacheFormat)
    }

    /// With integer products, when the precision is int8.
    @Test(
        "Logits have the same bits for all instruction sets, threads and chunks",
        arguments: [Precision.float32, .int8],
        modes)
    func sameBits(_ precision: Precision, _ mode: AttentionMode) throws {
        let tiny = try TinyQuantized(formats: TinyQuantized.mixture)
        var expected: Bits?
        for instructionSet in InstructionSet.available.filter(\.isFused) {
            let model = try tiny.load(LoadOptions(precision: precision, instructionSet: instructionSet))
            // Single tokens take the longest.
            let isLast = instructionSet == InstructionSet.available.last
            for (chunk, threadCount) in [(600, 1), (600, 3), (64, 2), (7, 2)] + (isLast ? [(1, 2)] : []) {
                let found = bits(
                    try chunkedLogits(model, tokens, chunk: chunk, options(mode, threadCount: threadCount)))
                if expected == nil { expected = found }
                #expect(found == expected, "\(instructionSet), chunks of \(chunk), \(threadCount) threads")
            }
        }
    }

    /// Keys, values and queries are off by up to 1/254 of the greatest number of their group, and weights by 1/510 of the
    /// greatest; a wrong scale or position moves logits by about their own size.
    @Test("Logits are near those of a 32-bit cache, and not the same", arguments: [Precision.float32, .int8], modes)
    func near(_ precision: Precision, _ mode: AttentionMode) throws {
        let model = try TinyQuantized(formats: TinyQuantized.mixture).load(LoadOptions(precision: precision))
        let wide = try allLogits(model, tokens, options(mode, .float32))
        let narrow = try allLogits(model, tokens, options(mode))
        let mean = meanDifference(narrow, wide) / deviation(wide.map(Double.init))
        #expect(mean < 0.05 && mean > 1e-5)
    }

    @Test("Forks, truncated and restored sessions have the bits of a session of their own", arguments: modes)
    func copies(_ mode: AttentionMode) throws {
        let model = try TinyQuantized(formats: TinyQuantized.mixture).load(LoadOptions(precision: .int8))
        let session = try Session(model: model, options: options(mode))
        try session.prefill(Array(tokens[..<530]))
        let fork = try session.fork()
        let folder = try TemporaryDirectory()
        try session.save(to: folder.path + "/session")
        let restored = try Session(model: model, options: options(mode))
        try restored.restore(from: folder.path + "/session")
        try session.prefill(Array(tokens[530..<535]))
        try session.truncate(to: 530)
        var expected: Bits?
        for copy in [session, fork, restored] {
            try copy.prefill(Array(tokens[530...]))
            if expected == nil { expected = bits(copy.logits) }
            #expect(bits(copy.logits) == expected)
        }
        let alone = try Session(model: model, options: options(mode))
        try alone.prefill(tokens)
        #expect(bits(alone.logits) == expected)
    }
}
