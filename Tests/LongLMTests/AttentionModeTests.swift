import Foundation
import LongLM
import ModelTwins
import Testing
import TestSupport

@Suite struct AttentionModeTests {
    // MARK: Positions

    @Test(arguments: [1, 16, 63, 1024])
    func everyFarKeyOfReRoPEIsWAway(window: Int) {
        let mode = AttentionMode.reRoPE(ReRoPE(neighborWindow: window))
        for query in stride(from: window, through: 1 << 24, by: 1_234_567) {
            #expect(mode.method.queryPosition(query, zone: 0, pairBlock: 0) == Float(window))
            for key in [0, 1, query - window] { #expect(mode.method.keyPosition(key, pairBlock: 0) == 0) }
        }
        #expect(mode.neighborWindow == window)
    }

    /// A far key is at W + (i − j − W) / k: W for the nearest one, and k times slower from there on.
    @Test(arguments: [(1, 1), (2, 16), (4, 16), (3, 20), (8, 63), (1.5, 7), (1_048_576, 5)] as [(Double, Int)])
    func farKeysOfLeakyReRoPE(slowdown: Double, window: Int) {
        let mode = AttentionMode.leakyReRoPE(LeakyReRoPE(slowdown: slowdown, neighborWindow: window))
        for query in [window, window + 1, 100, 1_000, 65_537, 1 << 24] where query >= window {
            for key in [0, 1, 17, query / 2, query - window] where query - key >= window {
                let (queryPosition, keyPosition) = (
                    mode.method.queryPosition(query, zone: 0, pairBlock: 0), mode.method.keyPosition(key, pairBlock: 0)
                )
                let expected = Double(window) + Double(query - key - window) / slowdown
                // Both positions are rounded to Float once.
                let allowed = Double(queryPosition.ulp / 2) + Double(keyPosition.ulp / 2)
                #expect(abs(Double(queryPosition) - Double(keyPosition) - expected) <= allowed, "\(query), \(key)")
            }
        }
        #expect(mode.neighborWindow == window)
    }

    @Test(arguments: [1, 3, 16, 63])
    func aSlowdownOf1IsThePlainModel(window: Int) {
        let mode = AttentionMode.leakyReRoPE(LeakyReRoPE(slowdown: 1, neighborWindow: window))
        for position in [0, 1, 2, 63, 64, 12_345, (1 << 24) - 1, 1 << 24] {
            #expect(
                mode.method.queryPosition(position, zone: 0, pairBlock: 0)
                    == AttentionMode.plain.method.queryPosition(position, zone: 0, pairBlock: 0))
            #expect(
                mode.method.keyPosition(position, pairBlock: 0)
                    == AttentionMode.plain.method.keyPosition(position, pairBlock: 0))
            #expect(AttentionMode.plain.method.keyPosition(position, pairBlock: 0) == Float(position))
        }
    }

    @Test func selfExtendKeepsItsPositions() {
        let selfExtend = SelfExtend(groupSize: 3, neighborWindow: 20, shift: .fractional, queryScaleBase: 10)
        let mode = AttentionMode(selfExtend)
        #expect(mode == .selfExtend(selfExtend) && AttentionMode(nil) == .plain)
        #expect(mode.neighborWindow == 20 && AttentionMode.plain.neighborWindow == nil)
        for position in [0, 1, 20, 64, 999] {
            #expect(
                mode.method.queryPosition(position, zone: 0, pairBlock: 0)
                    == selfExtend.farQueryPosition(position, pairBlock: 0))
            #expect(mode.method.keyPosition(position, pairBlock: 0) == selfExtend.keyPosition(position, pairBlock: 0))
            #expect(mode.method.queryScale(position) == selfExtend.queryScale(position))
        }
    }

    @Test func queryScale() {
        #expect(AttentionMode.plain.method.queryScale(1 << 24) == 1)
        for base in [nil, 48, 10] as [Float?] {
            let modes: [AttentionMode] = [
                .reRoPE(ReRoPE(neighborWindow: 4, queryScaleBase: base)),
                .leakyReRoPE(LeakyReRoPE(slowdown: 2, neighborWindow: 4, queryScaleBase: base)),
            ]
            let selfExtend = SelfExtend(groupSize: 2, neighborWindow: 4, queryScaleBase: base)
            for position in [0, 9, 46, 47, 48, 9_999, 1 << 24] {
                for mode in modes { #expect(mode.method.queryScale(position) == selfExtend.queryScale(position)) }
            }
        }
    }

    // MARK: Capacity

    /// The greatest text for which no relative position that is scored reaches the context: found by trying.
    @Test(arguments: [(64, 1, 1), (64, 2, 16), (64, 4, 63), (96, 3, 24), (8192, 16, 1024), (64, 1_048_576, 1)])
    func capacityOfLeakyReRoPE(context: Int, slowdown: Int, window: Int) {
        let settings = LeakyReRoPE(slowdown: Double(slowdown), neighborWindow: window)
        let capacity = AttentionMode.leakyReRoPE(settings).capacity(contextLength: context)
        #expect(capacity == (context - window) * slowdown + window)
        // The first key is the farthest; the last query of N is at N − 1.
        func relativePosition(length: Int) -> Double {
            Double(window) + Double(length - 1 - window) / Double(slowdown)
        }
        #expect(relativePosition(length: capacity) < Double(context))
        #expect(relativePosition(length: capacity + 1) >= Double(context))
    }

    @Test func capacities() {
        #expect(AttentionMode.plain.capacity(contextLength: 64) == 64)
        #expect(AttentionMode.reRoPE(ReRoPE(neighborWindow: 16)).capacity(contextLength: 64) == .max)
        #expect(AttentionMode(SelfExtend(groupSize: 4, neighborWindow: 16)).capacity(contextLength: 64) == 208)
        // 48 · 1.3 + 16 = 78.4.
        #expect(LeakyReRoPE(slowdown: 1.3, neighborWindow: 16).capacity(contextLength: 64) == 78)
    }

    /// Whoever asks before a session has checked the settings gets a number, not a trap.
    @Test(
        arguments: [
            (64, 1e300, 16, Int.max), (64, .infinity, 16, Int.max), (64, 1e300, 100, Int.min),
            (64, -.infinity, 16, Int.min), (64, 0, 16, 16), (64, -1, 16, -32), (64, 2, Int.min, Int.max),
            (Int.min, 2, Int.max, Int.min),
        ] as [(Int, Double, Int, Int)])
    func capacityOfSettingsThatNoSessionAccepts(context: Int, slowdown: Double, window: Int, capacity: Int) {
        let settings = LeakyReRoPE(slowdown: slowdown, neighborWindow: window)
        #expect(settings.capacity(contextLength: context) == capacity)
    }

    // MARK: Refusals

    private func refusal(_ mode: AttentionMode) -> AttentionError? {
        thrownError { () throws(AttentionError) in try mode.validate(contextLength: 64) }
    }

    private func invalid(_ name: String, _ value: some CustomStringConvertible, _ allowed: String) -> AttentionError {
        .invalidOption(InvalidOption(name, value, allowed: allowed))
    }

    @Test func meaninglessWindowsAndBases() {
        let make: [(Int, Float?) -> AttentionMode] = [
            { .reRoPE(ReRoPE(neighborWindow: $0, queryScaleBase: $1)) },
            { .leakyReRoPE(LeakyReRoPE(slowdown: 4, neighborWindow: $0, queryScaleBase: $1)) },
        ]
        for make in make {
            for window in [0, -5, 64, Int.min, Int.max] {
                let allowed = "at least 1 and less than the model's context length of 64"
                #expect(refusal(make(window, nil)) == invalid("neighbor window", window, allowed))
            }
            for base in [1, 0, -1, 0.5, .infinity, -.infinity] as [Float] {
                #expect(refusal(make(16, base)) == invalid("query scale base", base, "finite and greater than 1"))
            }
            #expect(refusal(make(16, .nan)) == invalid("query scale base", "nan", "finite and greater than 1"))
            for window in [1, 16, 63] { #expect(refusal(make(window, nil)) == nil) }
            #expect(refusal(make(16, 1.5)) == nil)
        }
        #expect(refusal(.plain) == nil)
        // The same as the settings' own.
        let grouped = AttentionMode(SelfExtend(groupSize: 0, neighborWindow: 16))
        #expect(refusal(grouped) == invalid("group size", 0, "between 1 and 1048576"))
    }

    @Test func meaninglessSlowdowns() {
        for slowdown in [0, -1, 0.999, 1_048_577, .infinity, -.infinity] as [Double] {
            #expect(
                refusal(.leakyReRoPE(LeakyReRoPE(slowdown: slowdown, neighborWindow: 16)))
                    == invalid("slowdown", slowdown, "between 1 and 1048576"))
        }
        #expect(
            refusal(.leakyReRoPE(LeakyReRoPE(slowdown: .nan, neighborWindow: 16)))
                == invalid("slowdown", "nan", "between 1 and 1048576"))
        for slowdown in [1, 1.5, 1_048_576] {
            #expect(refusal(.leakyReRoPE(LeakyReRoPE(slowdown: slowdown, neighborWindow: 16))) == nil)
        }
    }

    @Test func aSessionRefusesThem() throws {
        let model = try loadModel()
        #expect(
            throws: SessionError.attention(invalid("slowdown", 0.5, "between 1 and 1048576"))
        ) {
            let mode = AttentionMode.leakyReRoPE(LeakyReRoPE(slowdown: 0.5, neighborWindow: 16))
            return try Session(model: model, options: SessionOptions(attention: mode))
        }
        let allowed = "at least 1 and less than the model's context length of 64"
        #expect(throws: SessionError.attention(invalid("neighbor window", 64, allowed))) {
            let mode = AttentionMode.reRoPE(ReRoPE(neighborWindow: 64))
            return try Session(model: model, options: SessionOptions(attention: mode))
        }
        let leaky = AttentionMode.leakyReRoPE(LeakyReRoPE(slowdown: 4, neighborWindow: 16))
        #expect(try Session(model: model, options: SessionOptions(attention: leaky)).capacity == 208)
    }

    // MARK: Logits

    private func tokens(_ count: Int) -> [Int] {
        var generator = SeededGenerator(seed: 33)
        return generator.tokens(count, below: TinyLlama().vocabularySize)
    }

    /// As `SameBitsTests` has it for Self-Extend.
    @Test(arguments: [
        AttentionMode.reRoPE(ReRoPE(neighborWindow: 16)),
        .reRoPE(ReRoPE(neighborWindow: 50, queryScaleBase: 48)),
        .leakyReRoPE(LeakyReRoPE(slowdown: 4, neighborWindow: 16)),
        .leakyReRoPE(LeakyReRoPE(slowdown: 2.5, neighborWindow: 33, queryScaleBase: 48)),
    ])
    func sameBits(mode: AttentionMode) throws {
        let tokens = tokens(150)
        for shape in [Shape.grouped, .statedHeadDimension] {
            var expected: Bits?
            for instructionSet in InstructionSet.availableForFloats.filter(\.isFused) {
                let model = try loadModel(shape.tiny, instructionSet: instructionSet)
                for threads in [1, 2, 3] {
                    let options = SessionOptions(attention: mode, threadCount: threads, capacity: 150)
                    for chunk in [150, 64, 7, 1] {
                        let found = bits(try chunkedLogits(model, tokens, chunk: chunk, options))
                        #expect(
                            found == expected ?? found, "\(instructionSet), \(threads) threads, chunks of \(chunk)")
                        expected = expected ?? found
                    }
                }
            }
        }
    }

    /// Across segments of 512 positions, where few rows take another path than many.
    @Test(arguments: [
        AttentionMode.reRoPE(ReRoPE(neighborWindow: 40)),
        .leakyReRoPE(LeakyReRoPE(slowdown: 3, neighborWindow: 40)),
    ])
    func sameBitsOfLongTexts(mode: AttentionMode) throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.layerCount, tiny.queryHeadCount) = (32, 1, 8)
        let tokens = tokens(1_100)
        let model = try loadModel(tiny)
        let expected = bits(
            try allLogits(model, tokens, SessionOptions(attention: mode, threadCount: 1, capacity: 1_100)))
        for (threads, chunk) in [(3, 1_100), (2, 333), (3, 1)] {
            let options = SessionOptions(attention: mode, threadCount: threads, capacity: 1_100)
            #expect(
                bits(try chunkedLogits(model, tokens, chunk: chunk, options)) == expected,
                "\(threads) threads, chunks of \(chunk)")
        }
    }

    /// A group of more positions than the text has puts all far keys at 0 and all queries at W: Self-Extend is ReRoPE
    /// then, which gives it the formulas of `DoubleLlama`, with the bound of `ForwardTests`.
    @Test(arguments: [1, 16, 40], [nil, 48] as [Float?])
    func reRoPEIsSelfExtendWithOneGroup(window: Int, base: Float?) throws {
        let tokens = tokens(101)
        let model = try loadModel()
        let mode = AttentionMode.reRoPE(ReRoPE(neighborWindow: window, queryScaleBase: base))
        let selfExtend = SelfExtend(groupSize: 1 << 20, neighborWindow: window, queryScaleBase: base)
        let found = try allLogits(model, tokens, SessionOptions(attention: mode, capacity: 101))
        let same = try allLogits(
            model, tokens, SessionOptions(attention: AttentionMode(selfExtend), capacity: 101))
        #expect(bits(found) == bits(same))
        let exact = DoubleLlama(TinyLlama()).logits(tokens, selfExtend)
        #expect(greatestDifference(found, exact) <= 1e-4 * deviation(exact))
    }

    @Test func settingsThatChangeNothing() throws {
        let tokens = tokens(60)
        let model = try loadModel()
        let plain = bits(try allLogits(model, tokens))
        let same: [AttentionMode] = [
            .leakyReRoPE(LeakyReRoPE(slowdown: 1, neighborWindow: 1)),
            .leakyReRoPE(LeakyReRoPE(slowdown: 1, neighborWindow: 16)),
            // Windows that the text doesn't leave.
            .leakyReRoPE(LeakyReRoPE(slowdown: 8, neighborWindow: 60)), .reRoPE(ReRoPE(neighborWindow: 60)),
            .reRoPE(ReRoPE(neighborWindow: 60, queryScaleBase: 60)),
        ]
        for mode in same {
            for chunk in [60, 7] {
                let options = SessionOptions(attention: mode, capacity: 60)
                #expect(bits(try chunkedLogits(model, tokens, chunk: chunk, options)) == plain, "\(mode)")
            }
        }
    }

    /// It has no capacity of its own, for which memory could be set aside.
    @Test func reRoPENeedsACapacity() throws {
        let model = try loadModel()
        let option = InvalidOption("capacity", "missing", allowed: "given, because ReRoPE reaches to any length")
        #expect(throws: SessionError.invalidOption(option)) {
            try Session(
                model: model, options: SessionOptions(attention: .reRoPE(ReRoPE(neighborWindow: 16))))
        }
    }

    /// The modes meet at their limits, and nowhere else.
    @Test func leakyReRoPELiesBetween() throws {
        let tokens = tokens(101)
        let model = try loadModel()
        func logits(_ mode: AttentionMode) throws -> [Float] {
            try allLogits(model, tokens, SessionOptions(attention: mode, capacity: 101))
        }
        let reRoPE = try logits(.reRoPE(ReRoPE(neighborWindow: 16))).map(Double.init)
        let unit = deviation(reRoPE)
        // Positions differ from ReRoPE's by at most 101/2²⁰ < 10⁻⁴, and with them the angles and, in units of their
        // deviation, scores and logits. Ten times that is far below what is wrong (below).
        let limit = try logits(.leakyReRoPE(LeakyReRoPE(slowdown: 1_048_576, neighborWindow: 16)))
        #expect(greatestDifference(limit, reRoPE) <= 1e-3 * unit)
        let others: [AttentionMode] = [
            .plain, .leakyReRoPE(LeakyReRoPE(slowdown: 4, neighborWindow: 16)),
            AttentionMode(SelfExtend(groupSize: 4, neighborWindow: 16)),
            .reRoPE(ReRoPE(neighborWindow: 17)),
        ]
        let all = try others.map(logits)
        for index in all.indices { #expect(greatestDifference(all[index], reRoPE) > 1e-2 * unit, "\(others[index])") }
        #expect(greatestDifference(all[1], all[2].map(Double.init)) > 1e-2 * unit)
    }
}
