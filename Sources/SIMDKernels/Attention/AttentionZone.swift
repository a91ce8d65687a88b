/// Where the keys of a zone begin, for a query at position i: at ⌊i/unit⌋ · unit − back.
///
/// A zone is a run of keys that a query meets between positions of the zone's own; it ends where the next one begins. No
/// edge falls as i grows.
public struct ZoneEdge: Sendable, Equatable {
    /// The edge moves in steps of so many positions. At least 1.
    public let unit: Int
    /// How far the edge is behind the last step; negative: before it.
    public let back: Int

    private init(unit: Int, back: Int) {
        self.unit = unit
        self.back = back
    }

    /// Before all keys.
    public static let beginning = ZoneEdge(unit: farthest, back: 0)

    /// The first of the last `count` keys, the query's own included.
    public static func last(_ count: Int) -> ZoneEdge { ZoneEdge(unit: 1, back: count - 1) }

    /// A position that is the same for all queries.
    public static func position(_ position: Int) -> ZoneEdge { ZoneEdge(unit: farthest, back: -position) }

    /// The first position of a chunk: of the query's own, or of the one so many chunks before. Chunk k has the positions
    /// from k · `length` on.
    public static func chunk(length: Int, before: Int = 0) -> ZoneEdge {
        ZoneEdge(unit: length, back: before * length)
    }

    /// More positions than a text has.
    private static let farthest = 1 << 30

    /// The first key of the zone, for a query at a position. It may lie before 0 or after the query.
    @inline(always)
    public func firstKey(for position: Int) -> Int { (unit == 1 ? position : position / unit * unit) - back }
}

/// The copies of keys that a cache may keep, each rotated to positions of its own.
public enum KeyCopy: Sendable, Equatable {
    /// Of all positions, in segments.
    case segments
    /// Of the last positions, in the ring.
    case ring
}
