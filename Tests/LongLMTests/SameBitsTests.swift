import LongLM
import ModelTwins
import Testing
import TestSupport

/// The engine's promise: logits have the same bits for every thread count, division of the prefill, and fused
/// instruction set. Everything here is compared with `==` on bit patterns.
@Suite struct SameBitsTests {
    private static let settings: [SelfExtend?] = [
        nil, SelfExtend(groupSize: 4, neighborWindow: 16),
        SelfExtend(groupSize: 3, neighborWindow: 50, shift: .fractional, queryScaleBase: 48),
    ]
    private static let fused = InstructionSet.availableForFloats.filter(\.isFused)

    private func tokens(_ count: Int, _ tiny: TinyLlama) -> [Int] {
        var generator = SeededGenerator(seed: 31)
        return generator.tokens(count, below: tiny.vocabularySize)
    }

    /// All rows' logits, over threads, chunks and instruction sets.
    @Test(arguments: [Shape.grouped, .statedHeadDimension, .bfloat16], settings)
    func threadsChunksAndInstructionSets(shape: Shape, selfExtend: SelfExtend?) throws {
        let tokens = tokens(150, shape.tiny)
        var expected: Bits?
        // The baseline without fused multiply-adds has bits of its own, and keeps those as well.
        for instructionSet in Self.fused + InstructionSet.availableForFloats.filter({ !$0.isFused }) {
            if !instructionSet.isFused { expected = nil }
            let model = try loadModel(shape.tiny, instructionSet: instructionSet)
            for threads in [1, 2, 3] {
                let options = SessionOptions(
                    attention: AttentionMode(selfExtend), threadCount: threads, capacity: 150)
                for chunk in [150, 64, 7, 1] {
                    let found = bits(try chunkedLogits(model, tokens, chunk: chunk, options))
                    #expect(found == expected ?? found, "\(instructionSet), \(threads) threads, chunks of \(chunk)")
                    expected = expected ?? found
                }
            }
        }
    }

    /// The same where a text crosses steps of 512 rows and segments of 512 positions, in chunks that don't divide
    /// them, and decoded token by token at the end.
    @Test(arguments: settings)
    func longTexts(selfExtend: SelfExtend?) throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.layerCount, tiny.queryHeadCount) = (32, 1, 8)
        let tokens = tokens(2_100, tiny)
        var expected: Bits?
        for instructionSet in Self.fused {
            let model = try loadModel(tiny, instructionSet: instructionSet)
            for threads in [1, 2, 3] {
                let options = SessionOptions(
                    attention: AttentionMode(selfExtend), threadCount: threads, capacity: 2_100)
                for chunk in [2_100, 700, 333] {
                    let found = bits(try chunkedLogits(model, tokens, chunk: chunk, options))
                    #expect(found == expected ?? found, "\(instructionSet), \(threads) threads, chunks of \(chunk)")
                    expected = expected ?? found
                }
                // Few rows against several segments take another path: across the boundaries, and at the end.
                let session = try Session(model: model, options: options)
                var found = Bits()
                for (prefill, decoded) in [(1_018, 12), (1_000, 30), (38, 2)] {
                    found += bits(
                        try session.prefillAllLogits(Array(tokens[session.position..<(session.position + prefill)])))
                    for _ in 0..<decoded {
                        try session.decode(tokens[session.position])
                        found += bits(session.logits)
                    }
                }
                #expect(found == expected, "\(instructionSet), \(threads) threads, decoded")
            }
        }
        #expect(expected?.count == 2_100 * 67)
    }

    /// A machine without AVX2 gets the same answer within rounding: see `ForwardTests` for the bound.
    @Test func baselineIsCloseToTheOthers() throws {
        let tiny = TinyLlama()
        let tokens = tokens(64, tiny)
        let baseline = try allLogits(try loadModel(tiny, instructionSet: .baseline), tokens)
        for instructionSet in InstructionSet.availableForFloats {
            let logits = try allLogits(try loadModel(tiny, instructionSet: instructionSet), tokens).map(Double.init)
            #expect(greatestDifference(baseline, logits) <= 1e-4 * deviation(logits))
        }
    }

    /// Self-Extend with groups of one, or with a window that the text doesn't leave, is the plain model.
    @Test func settingsThatChangeNothing() throws {
        let model = try loadModel()
        let tokens = tokens(60, TinyLlama())
        let plainLogits = try allLogits(model, tokens)
        let plain = bits(plainLogits)
        let same = [
            SelfExtend(groupSize: 1, neighborWindow: 1), SelfExtend(groupSize: 1, neighborWindow: 16),
            SelfExtend(groupSize: 1, neighborWindow: 16, shift: .fractional),
            SelfExtend(groupSize: 8, neighborWindow: 60), SelfExtend(groupSize: 63, neighborWindow: 63),
            SelfExtend(groupSize: 8, neighborWindow: 60, queryScaleBase: 60),
        ]
        for selfExtend in same {
            for chunk in [60, 7] {
                let options = SessionOptions(attention: AttentionMode(selfExtend))
                #expect(bits(try chunkedLogits(model, tokens, chunk: chunk, options)) == plain, "\(selfExtend)")
            }
        }
        // One token more than the window, and it is another model.
        let options = SessionOptions(attention: .selfExtend(SelfExtend(groupSize: 8, neighborWindow: 58)))
        let other = try allLogits(model, tokens, options)
        #expect(bits(Array(other[..<(58 * 67)])) == bits(Array(plainLogits[..<(58 * 67)])))
        #expect(bits(Array(other[(59 * 67)...])) != bits(Array(plainLogits[(59 * 67)...])))
    }

    /// A longer session, or one that was prepared for more, computes the same.
    @Test func capacityDoesNotShow() throws {
        let model = try loadModel()
        let tokens = tokens(50, TinyLlama())
        for selfExtend in [nil, SelfExtend(groupSize: 4, neighborWindow: 16)] {
            let results = try [50, 51, 600, 5_000].map { length in
                bits(
                    try allLogits(
                        model, tokens, SessionOptions(attention: AttentionMode(selfExtend), capacity: length)))
            }
            #expect(results.allSatisfy { $0 == results[0] })
        }
    }

    /// Sessions of one model run at once and don't see each other.
    @Test func concurrentSessions() async throws {
        let tiny = TinyLlama()
        let model = try loadModel(tiny)
        var generator = SeededGenerator(seed: 32)
        let texts = (0..<4).map { _ in generator.tokens(100, below: tiny.vocabularySize) }
        let options = [nil, SelfExtend(groupSize: 4, neighborWindow: 16)].map {
            SessionOptions(attention: AttentionMode($0), threadCount: 2, capacity: 100)
        }
        let run = { @Sendable (index: Int) throws -> Bits in
            bits(try chunkedLogits(model, texts[index], chunk: 9, options[index % 2]))
        }
        let alone = try texts.indices.map(run)
        let together = try await withThrowingTaskGroup(of: (Int, Bits).self) { group in
            for index in texts.indices { group.addTask { (index, try run(index)) } }
            return try await group.reduce(into: [Int: Bits]()) { $0[$1.0] = $1.1 }
        }
        for index in texts.indices { #expect(together[index] == alone[index]) }
        #expect(Set(alone).count == texts.count)
    }
}
