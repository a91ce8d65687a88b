/// The group size and neighbor window that a length needs, and the reason for them.
///
/// The authors of LongLM found by experiment that a model trained for L tokens reads N tokens well when (½ to ⅔) · L >
/// W + (N − W)/G. The largest relative position has to stay well below L, because training showed the greatest ones
/// least often. A plan takes the smallest group size that the rule allows, since small groups blur positions least.
/// (The README of [datamllab/LongLM](https://github.com/datamllab/LongLM), "How to choose the group_size and
/// neighbor_window".)
public struct SelfExtendPlan: Sendable, Equatable {
    /// N: the tokens that the plan is for.
    public let length: Int
    /// L: the tokens that the model was trained for.
    public let trainedContext: Int
    /// The settings that the length needs. Within the trained context, the group size is 1, which is the plain model.
    public let selfExtend: SelfExtend
    /// The largest relative position stays below this share of the trained context; nil within the trained context,
    /// where the rule doesn't apply.
    public let contextShare: ContextShare?

    /// A part of the trained context.
    public enum ContextShare: String, Sendable, CaseIterable {
        /// The rule's careful end, which is tried first.
        case half = "1/2"
        /// The rule's far end, for lengths that no group size brings below one half.
        case twoThirds = "2/3"

        var numerator: Int { self == .half ? 1 : 2 }
        var denominator: Int { self == .half ? 2 : 3 }
    }

    /// The neighbor window aimed at is the trained context divided by this: 1,024 of 8,192 tokens. LongLM's own examples
    /// take between a quarter and an eighth; the smaller the window, the smaller the group size can be.
    static let windowDivisor = 8
    /// With fewer neighbors than this, too little text keeps its true distances. An eighth of a small context isn't
    /// enough.
    static let smallestWindow = 64
    /// In a very small context, even that may be too much, so the window takes at most this part: grouped positions
    /// need as much again to stay below one half.
    static let largestWindowDivisor = 4

    /// Plans for `length` tokens of a model that was trained for `trainedContext`.
    ///
    /// - Parameters:
    ///   - length: N, between 1 and 2²⁴, the most that a session holds.
    ///   - trainedContext: L, between 2 and 2²⁴.
    /// - Throws: ``AttentionError/invalidOption(_:)`` for a length or context out of range;
    ///   ``AttentionError/noGroupSize(length:trainedContext:longestLength:)`` if no group size satisfies the rule.
    public init(length: Int, trainedContext: Int) throws(AttentionError) {
        try checkLengths(length, trainedContext: trainedContext)
        self.length = length
        self.trainedContext = trainedContext
        let aim = Self.aimedWindow(trainedContext: trainedContext)
        guard length > trainedContext else {
            selfExtend = SelfExtend(groupSize: 1, neighborWindow: aim)
            contextShare = nil
            return
        }
        for share in ContextShare.allCases {
            for candidate in Self.candidates(aim: aim)
            where candidate.obeysRule(length: length, trainedContext: trainedContext, share: share) {
                selfExtend = candidate
                contextShare = share
                return
            }
        }
        throw .noGroupSize(
            length: length, trainedContext: trainedContext,
            longestLength: Self.longestLength(trainedContext: trainedContext))
    }

    /// W + (N − W)/G, the rule's measure of the largest relative position. (Counted from 0 and in whole groups, that is
    /// smaller by at most 1.)
    public var largestRelativePosition: Double {
        let window = Double(min(selfExtend.neighborWindow, length))
        return window + (Double(length) - window) / Double(selfExtend.groupSize)
    }

    /// The most tokens that the group size and the window reach, whatever the rule says: (L − W) · G + W. Never fewer
    /// than ``length``.
    public var capacity: Int { selfExtend.capacity(contextLength: trainedContext) }

    /// The attention mode of the plan: plain within the trained context.
    public var attention: AttentionMode { contextShare == nil ? .plain : .selfExtend(selfExtend) }

    /// The longest length for which there is a plan.
    ///
    /// - Parameter trainedContext: L, between 2 and 2²⁴.
    package static func longestLength(trainedContext: Int) -> Int {
        let share = ContextShare.twoThirds
        let reached = candidates(aim: aimedWindow(trainedContext: trainedContext)).map { candidate in
            // The greatest N with (N − W) · denominator < (numerator · L − denominator · W) · G.
            let room = share.numerator * trainedContext - share.denominator * candidate.neighborWindow
            return candidate.neighborWindow + (room * candidate.groupSize - 1) / share.denominator
        }
        return min(max(trainedContext, reached.max() ?? 0), Positions.maximumCount)
    }

    /// W before it is rounded down to a multiple of the group size. It is less than the trained context.
    private static func aimedWindow(trainedContext: Int) -> Int {
        let aim = max(trainedContext / windowDivisor, smallestWindow)
        return max(1, min(aim, trainedContext / largestWindowDivisor))
    }

    /// Settings by ascending group size, each with the largest window of whole groups. Since G divides W, neighbor and
    /// grouped positions meet without a gap.
    private static func candidates(aim: Int) -> some Sequence<SelfExtend> {
        (2..<max(2, aim + 1)).lazy.map { SelfExtend(groupSize: $0, neighborWindow: aim / $0 * $0) }
    }
}

extension SelfExtend {
    /// share · L > W + (N − W)/G, multiplied out. Nothing overflows, since lengths and contexts are at most 2²⁴ and the
    /// group size is smaller than either.
    fileprivate func obeysRule(
        length: Int, trainedContext: Int, share: SelfExtendPlan.ContextShare
    ) -> Bool {
        let spread = neighborWindow * groupSize + length - neighborWindow
        return spread * share.denominator < share.numerator * trainedContext * groupSize
    }

    /// The settings for `length` tokens of a model trained for `trainedContext`, by LongLM's empirical rule; see
    /// ``SelfExtendPlan``. Within the trained context, the group size is 1, which is the plain model.
    ///
    /// - Throws: ``AttentionError``, as ``SelfExtendPlan/init(length:trainedContext:)``.
    public static func recommended(length: Int, trainedContext: Int) throws(AttentionError) -> SelfExtend {
        try SelfExtendPlan(length: length, trainedContext: trainedContext).selfExtend
    }
}

extension AttentionMode {
    /// The mode for `length` tokens of a model trained for `trainedContext`: plain within the trained context, and beyond
    /// it Self-Extend by LongLM's empirical rule; see ``SelfExtendPlan``.
    ///
    /// - Throws: ``AttentionError``, as ``SelfExtendPlan/init(length:trainedContext:)``.
    public static func recommended(length: Int, trainedContext: Int) throws(AttentionError) -> AttentionMode {
        try SelfExtendPlan(length: length, trainedContext: trainedContext).attention
    }

    /// The mode for `length` tokens of a model: plain within its trained context, and beyond it Dual Chunk Attention if the
    /// model's files ask for it, and Self-Extend otherwise.
    ///
    /// - Parameters:
    ///   - length: N, between 1 and 2²⁴.
    ///   - model: The model's configuration.
    ///   - trainedContext: L; nil: what the configuration says.
    /// - Throws: ``AttentionError``, as ``SelfExtendPlan/init(length:trainedContext:)``.
    public static func recommended(
        length: Int, for model: ModelConfiguration, trainedContext: Int? = nil
    ) throws(AttentionError) -> AttentionMode {
        let context = trainedContext ?? model.trainedContext
        try checkLengths(length, trainedContext: context)
        if length > context, let published = DualChunkAttention.published(for: model, trainedContext: context) {
            return .dualChunk(published)
        }
        return try recommended(length: length, trainedContext: context)
    }
}
