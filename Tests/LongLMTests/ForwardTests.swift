import LongLM
import ModelTwins
import Testing
import TestSupport

/// Models of different sizes, all with remainders.
enum Shape: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case grouped, tiedMultiHead, statedHeadDimension, multiQuery, bfloat16

    var tiny: TinyLlama {
        var tiny = TinyLlama()
        switch self {
        case .grouped: break
        case .tiedMultiHead:
            (tiny.queryHeadCount, tiny.keyValueHeadCount, tiny.tiesEmbeddings, tiny.seed) = (3, 3, true, 2)
        case .statedHeadDimension:
            // 5 heads of 10: neither a whole vector, nor together as wide as the stream.
            (tiny.queryHeadCount, tiny.keyValueHeadCount, tiny.statedHeadDimension, tiny.seed) = (5, 5, 10, 3)
        case .multiQuery:
            (tiny.queryHeadCount, tiny.keyValueHeadCount, tiny.statedHeadDimension, tiny.ropeTheta) = (6, 1, 34, 500)
        case .bfloat16: (tiny.storage, tiny.layerCount, tiny.hiddenSize) = (.bfloat16, 3, 40)
        }
        return tiny
    }

    var testDescription: String { rawValue }
}

@Suite struct ForwardTests {
    /// The bound of the reference cases, for the same reason: sums of float32 depend on their order, which moves
    /// logits by some 10⁻⁶ of their standard deviation; what is wrong moves them by 10⁻² and more (tested below).
    private static let tolerance = 1e-4

    private static let settings: [SelfExtend?] = [
        nil, SelfExtend(groupSize: 4, neighborWindow: 16), SelfExtend(groupSize: 3, neighborWindow: 20),
        SelfExtend(groupSize: 3, neighborWindow: 20, shift: .fractional),
        SelfExtend(groupSize: 8, neighborWindow: 24, shift: .fractional, queryScaleBase: 48),
        SelfExtend(groupSize: 6, neighborWindow: 40), SelfExtend(groupSize: 2, neighborWindow: 5, queryScaleBase: 10),
        SelfExtend(groupSize: 7, neighborWindow: 7), SelfExtend(groupSize: 7, neighborWindow: 3),
        SelfExtend(groupSize: 1, neighborWindow: 1),
    ]

    @Test(arguments: Shape.allCases, settings)
    func logitsMatchTheFormulas(shape: Shape, selfExtend: SelfExtend?) throws {
        var generator = SeededGenerator(seed: 11)
        let tokens = generator.tokens(101, below: shape.tiny.vocabularySize)
        let expected = DoubleLlama(shape.tiny).logits(tokens, selfExtend)
        let options = SessionOptions(attention: AttentionMode(selfExtend), capacity: 101)
        for instructionSet in InstructionSet.availableForFloats {
            let found = try allLogits(try loadModel(shape.tiny, instructionSet: instructionSet), tokens, options)
            #expect(found.count == expected.count)
            let worst = greatestDifference(found, expected) / deviation(expected)
            #expect(worst <= Self.tolerance, "\(instructionSet)")
        }
    }

    /// Past segments of 512 positions and a step of 512 rows, with the window's edge anywhere in them.
    @Test(arguments: [nil, SelfExtend(groupSize: 4, neighborWindow: 300), SelfExtend(groupSize: 9, neighborWindow: 50)])
    func longTexts(selfExtend: SelfExtend?) throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.layerCount, tiny.contextLength) = (32, 1, 512)
        var generator = SeededGenerator(seed: 12)
        let tokens = generator.tokens(1_060, below: tiny.vocabularySize)
        let expected = DoubleLlama(tiny).logits(tokens, selfExtend)
        let found = try allLogits(
            try loadModel(tiny), tokens, SessionOptions(attention: AttentionMode(selfExtend), capacity: 1_060))
        #expect(greatestDifference(found, expected) / deviation(expected) <= Self.tolerance)
    }

    /// What the tests above could miss if it moved the logits too little: Self-Extend at all, and every setting of it
    /// being off by the least possible.
    @Test func everySettingShowsFarAboveTheTolerance() {
        var generator = SeededGenerator(seed: 13)
        let tiny = Shape.grouped.tiny
        let tokens = generator.tokens(101, below: tiny.vocabularySize)
        let twin = DoubleLlama(tiny)
        let selfExtend = SelfExtend(groupSize: 3, neighborWindow: 20, queryScaleBase: 48)
        let logits = twin.logits(tokens, selfExtend)
        var others = [SelfExtend?](repeating: selfExtend, count: 7)
        others[0] = nil
        others[1]?.groupSize = 4
        others[2]?.groupSize = 2
        others[3]?.neighborWindow = 19
        others[4]?.neighborWindow = 21
        others[5]?.shift = .fractional
        others[6]?.queryScaleBase = nil
        for other in others {
            let moved = greatestDifference(twin.logits(tokens, other).map(Float.init), logits)
            #expect(moved / deviation(logits) > 100 * Self.tolerance, "\(String(describing: other))")
        }
    }
}
