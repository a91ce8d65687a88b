import Foundation
import LongLM
import Testing

@Suite struct SelfExtendTests {
    /// The greatest text for which no relative position that is scored reaches the context: found by trying.
    @Test(arguments: [(64, 1, 1), (64, 2, 16), (64, 4, 16), (64, 8, 32), (96, 3, 24), (512, 4, 128), (8192, 4, 1024)])
    func capacityIsWhereRelativePositionsEnd(context: Int, group: Int, window: Int) {
        let selfExtend = SelfExtend(groupSize: group, neighborWindow: window)
        // The first key is the farthest. Positions count from 0, so a text of N has its last query at N − 1.
        func relativePosition(length: Int) -> Int {
            let last = length - 1
            return last < window
                ? last : Int(selfExtend.farQueryPosition(last, pairBlock: 0) - selfExtend.keyPosition(0, pairBlock: 0))
        }
        let capacity = selfExtend.capacity(contextLength: context)
        #expect(capacity == (context - window) * group + window)
        #expect(relativePosition(length: capacity) < context)
        #expect(relativePosition(length: capacity + 1) >= context)
    }

    /// Whoever asks before a session has checked the settings gets a number, not a trap.
    @Test(arguments: [
        (64, Int.max, 16, Int.max), (64, Int.max, 100, Int.min), (64, 1, Int.min, 64), (64, 0, 16, 16),
        (64, 2, Int.min, Int.max), (64, Int.min, 16, Int.min), (Int.max, Int.max, Int.min, Int.max),
        (Int.min, Int.max, Int.max, Int.min), (64, -1, 16, -32),
    ])
    func capacityOfSettingsThatNoSessionAccepts(context: Int, group: Int, window: Int, capacity: Int) {
        let selfExtend = SelfExtend(groupSize: group, neighborWindow: window)
        #expect(selfExtend.capacity(contextLength: context) == capacity)
    }

    /// W − ⌊W/G⌋, or W − W/G in real arithmetic.
    @Test(
        arguments: [
            (4, 16, 12, 12), (3, 20, 14, 13.333_333_333_333_334), (8, 20, 18, 17.5), (7, 7, 6, 6), (1, 9, 0, 0),
            (8, 9, 8, 7.875),
        ] as [(Int, Int, Double, Double)])
    func shift(group: Int, window: Int, floor: Double, fractional: Double) {
        var selfExtend = SelfExtend(groupSize: group, neighborWindow: window)
        #expect(selfExtend.shift == .floor && selfExtend.groupedQueryShift == Float(floor))
        selfExtend.shift = .fractional
        #expect(selfExtend.groupedQueryShift == Float(fractional))
    }

    /// Where G divides W, neighbor and grouped positions meet: the nearest grouped key, at distance W, is at relative
    /// position W exactly if query and key begin a group, and never nearer than a neighbor by more than that rounding.
    @Test(arguments: [(2, 8), (4, 16), (5, 40), (16, 16), (1, 3)], SelfExtend.Shift.allCases)
    func positionsMeetAtTheWindow(sizes: (group: Int, window: Int), shift: SelfExtend.Shift) {
        let selfExtend = SelfExtend(groupSize: sizes.group, neighborWindow: sizes.window, shift: shift)
        for query in sizes.window..<(sizes.window + 200) {
            let key = query - sizes.window
            let relative = selfExtend.farQueryPosition(query, pairBlock: 0) - selfExtend.keyPosition(key, pairBlock: 0)
            #expect(relative == Float(sizes.window))
        }
        // Farther keys come in steps of one for every G.
        let query = sizes.window * 10
        for key in 0...(query - sizes.window) {
            let relative = selfExtend.farQueryPosition(query, pairBlock: 0) - selfExtend.keyPosition(key, pairBlock: 0)
            let groups = query / sizes.group - key / sizes.group - sizes.window / sizes.group
            #expect(relative == Float(sizes.window + groups))
        }
    }

    @Test func queryScale() {
        let selfExtend = SelfExtend(groupSize: 2, neighborWindow: 4, queryScaleBase: 48)
        #expect(selfExtend.queryScale(0) == 1 && selfExtend.queryScale(46) == 1)
        #expect(selfExtend.queryScale(47) == 1 && selfExtend.queryScale(48) > 1)
        // Two quotients of logarithms that are whole, up to the last bits of a float.
        let decimal = SelfExtend(groupSize: 2, neighborWindow: 4, queryScaleBase: 10)
        #expect(abs(decimal.queryScale(99) - 2) <= 0x1p-22 && abs(decimal.queryScale(9_999) - 4) <= 0x1p-21)
        #expect(SelfExtend(groupSize: 2, neighborWindow: 4).queryScale(1 << 24) == 1)
    }

    @Test func meaninglessSettings() {
        func refusal(_ group: Int, _ window: Int, scaleBase: Float? = nil) -> AttentionError? {
            let selfExtend = SelfExtend(groupSize: group, neighborWindow: window, queryScaleBase: scaleBase)
            return thrownError { () throws(AttentionError) in try selfExtend.validate(contextLength: 64) }
        }
        func invalid(_ name: String, _ value: some CustomStringConvertible, _ allowed: String) -> AttentionError {
            .invalidOption(InvalidOption(name, value, allowed: allowed))
        }
        for group in [0, Int.min, (1 << 20) + 1, Int.max] {
            #expect(refusal(group, 16) == invalid("group size", group, "between 1 and 1048576"))
        }
        for (group, window) in [(1, 0), (1, -5), (2, 64), (2, Int.max)] {
            let allowed = "at least 1 and less than the model's context length of 64"
            #expect(refusal(group, window) == invalid("neighbor window", window, allowed))
        }
        for base: Float in [1, 0, -1, 0.5, .nan, .infinity] {
            #expect(refusal(4, 16, scaleBase: base) == invalid("query scale base", base, "finite and greater than 1"))
        }

        #expect(refusal(1, 1) == nil && refusal(16, 16) == nil && refusal(63, 63) == nil && refusal(17, 16) == nil)
        #expect(refusal(4, 16, scaleBase: 1.5) == nil)
    }
}
