/// The heads of an attention, and the format of its cache.
///
/// The lengths are constants of the engine, because they decide in which steps an online softmax is taken.
public struct AttentionShape: Sendable, Equatable {
    /// Positions of a segment: a row's softmax starts afresh in each and is then merged, in ascending order.
    public static let segmentLength = 512
    /// Positions of one step of the online softmax.
    static let blockLength = 128
    /// Positions of a panel of keys.
    static let panelLength = 32

    /// Hq.
    public let queryHeadCount: Int
    /// Hkv, a divisor of Hq.
    public let keyValueHeadCount: Int
    /// D, even.
    public let headDimension: Int
    /// How keys and values are stored.
    public let cacheFormat: CacheFormat
    /// Where the keys and values of one head lie.
    let layout: CacheLayout

    /// A shape; the counts are positive, Hkv divides Hq, and D is even.
    public init(
        queryHeadCount: Int, keyValueHeadCount: Int, headDimension: Int, cacheFormat: CacheFormat = .float32
    ) {
        precondition(queryHeadCount > 0 && keyValueHeadCount > 0 && headDimension > 0, "heads exist")
        precondition(queryHeadCount % keyValueHeadCount == 0, "every key-value head serves as many query heads")
        precondition(headDimension % 2 == 0, "rotary positions pair components")
        self.queryHeadCount = queryHeadCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headDimension = headDimension
        self.cacheFormat = cacheFormat
        layout = CacheLayout(headDimension: headDimension, format: cacheFormat)
    }

    /// Query heads that share one key-value head.
    @inline(always)
    var sharingCount: Int { queryHeadCount / keyValueHeadCount }
}
