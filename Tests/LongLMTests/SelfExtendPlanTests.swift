import LongLM
import Testing

@Suite struct SelfExtendPlanTests {
    /// W before it becomes a multiple of G: an eighth of the context, but 64 at least, of which small contexts give a
    /// quarter at most.
    private func aim(_ context: Int) -> Int {
        context >= 512 ? context / 8 : context >= 256 ? 64 : max(1, context / 4)
    }

    /// numerator/denominator · L > W + (N − W)/G, in whole numbers.
    private func obeysRule(
        _ length: Int, _ context: Int, group: Int, window: Int, _ share: (numerator: Int, denominator: Int)
    ) -> Bool {
        let left = Int128(share.numerator) * Int128(context) * Int128(group)
        return left > Int128(share.denominator) * (Int128(window) * Int128(group) + Int128(length) - Int128(window))
    }

    private let half = (numerator: 1, denominator: 2)
    private let twoThirds = (numerator: 2, denominator: 3)

    private func refusal(_ length: Int, _ context: Int) -> AttentionError? {
        thrownError { () throws(AttentionError) in
            _ = try SelfExtend.recommended(length: length, trainedContext: context)
        }
    }

    @Test(
        arguments: [
            (8192, 8193, 3, 1023), (8192, 10_500, 4, 1024), (8192, 12_800, 4, 1024), (8192, 16_384, 5, 1020),
            (256, 512, 7, 63), (256, 1024, 13, 52), (64, 100, 6, 12),
            // On both sides of where the next group size begins.
            (8192, 10_241, 3, 1023), (8192, 10_242, 4, 1024), (8192, 13_311, 4, 1024), (8192, 13_312, 5, 1020),
        ])
    func namedLengths(context: Int, length: Int, group: Int, window: Int) throws {
        let expected = SelfExtend(groupSize: group, neighborWindow: window)
        #expect(try SelfExtend.recommended(length: length, trainedContext: context) == expected)
        #expect(try AttentionMode.recommended(length: length, trainedContext: context) == .selfExtend(expected))
    }

    @Test(arguments: [9, 10, 31, 64, 100, 256, 511, 512, 1000, 2048, 4096, 8192, 131_072, 1 << 20])
    func everyPlanObeysTheRuleWithTheSmallestGroup(context: Int) throws {
        let aim = aim(context)
        let groups = 2...max(2, aim)
        var length = context + 1
        while length <= 1 << 24 {
            guard let plan = try? SelfExtendPlan(length: length, trainedContext: context) else { break }
            let selfExtend = plan.selfExtend
            let group = selfExtend.groupSize
            let neighbors = selfExtend.neighborWindow
            #expect(plan.length == length && plan.trainedContext == context)
            #expect(neighbors > 0 && neighbors % group == 0 && neighbors <= aim && aim - neighbors < group)
            #expect(selfExtend.shift == .floor && selfExtend.queryScaleBase == nil)
            let share = plan.contextShare == .half ? half : twoThirds
            #expect(obeysRule(length, context, group: group, window: neighbors, share))
            func window(_ group: Int) -> Int { aim / group * group }
            #expect(
                groups.prefix { $0 < group }.allSatisfy {
                    !obeysRule(length, context, group: $0, window: window($0), share)
                })
            if plan.contextShare == .twoThirds {
                #expect(groups.allSatisfy { !obeysRule(length, context, group: $0, window: window($0), half) })
            }
            #expect(plan.capacity >= length)
            #expect(plan.capacity == selfExtend.capacity(contextLength: context))
            #expect(plan.attention == .selfExtend(selfExtend))
            try plan.attention.validate(contextLength: context)
            let position = Double(neighbors) + Double(length - neighbors) / Double(group)
            #expect(abs(plan.largestRelativePosition - position) <= 1e-9 * position)
            // The position that is really computed, for a query at the end and the first key.
            let farthest =
                selfExtend.farQueryPosition(length - 1, pairBlock: 0) - selfExtend.keyPosition(0, pairBlock: 0)
            #expect((0...1).contains(plan.largestRelativePosition - Double(farthest)))
            // Every length at first, then fewer and fewer.
            length += max(1, length / 29)
        }
        #expect(length > context + 1 || context < 10)
    }

    @Test("Two thirds are taken only where no group size suffices for one half")
    func shares() throws {
        // 64 + (4159 − 64)/64 is just less than 128.
        let last = try SelfExtendPlan(length: 4159, trainedContext: 256)
        #expect(last.contextShare == .half && last.selfExtend == SelfExtend(groupSize: 64, neighborWindow: 64))
        let next = try SelfExtendPlan(length: 4160, trainedContext: 256)
        #expect(next.contextShare == .twoThirds && next.selfExtend.groupSize < 64)
        for length in [512, 1024, 2048, 4096] {
            #expect(try SelfExtendPlan(length: length, trainedContext: 256).contextShare == .half)
        }
    }

    @Test(arguments: [(2, 1), (2, 2), (64, 1), (64, 64), (8192, 8192), (1 << 24, 1 << 24)])
    func plainWithinTheContext(context: Int, length: Int) throws {
        let plan = try SelfExtendPlan(length: length, trainedContext: context)
        #expect(plan.selfExtend.groupSize == 1 && plan.contextShare == nil && plan.attention == .plain)
        #expect(plan.capacity == context && plan.largestRelativePosition == Double(length))
        try plan.selfExtend.validate(contextLength: context)
        #expect(try AttentionMode.recommended(length: length, trainedContext: context) == .plain)
        #expect(try SelfExtend.recommended(length: length, trainedContext: context).groupSize == 1)
    }

    /// The longest length of the refusal is the last that isn't refused.
    @Test(
        arguments: [(2, 2), (3, 3), (7, 7), (8, 8), (9, 9), (64, 442), (256, 6890), (512, 17_813), (8192, 4_544_853)])
    func refusalNamesTheLongestLength(context: Int, longest: Int) {
        #expect(refusal(longest, context) == nil)
        for length in [longest + 1, 1 << 24] {
            #expect(
                refusal(length, context)
                    == .noGroupSize(length: length, trainedContext: context, longestLength: longest))
        }
    }

    @Test func numbersOutOfRange() {
        for length in [Int.min, -1, 0, (1 << 24) + 1, Int.max] {
            #expect(
                refusal(length, 64)
                    == .invalidOption(InvalidOption("length", length, allowed: "between 1 and 16777216")))
        }
        for context in [Int.min, -1, 0, 1, (1 << 24) + 1, Int.max] {
            let option = InvalidOption("trained context length", context, allowed: "between 2 and 16777216")
            #expect(refusal(5, context) == .invalidOption(option))
        }
    }
}
