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
    public static func last(_ count: Int) -> ZoneEdge { ZoneEdge(unit: 1, back: count &- 1) }

    /// A position that is the same for all queries.
    public static func position(_ position: Int) -> ZoneEdge { ZoneEdge(unit: farthest, back: -position) }

    /// The first position of a chunk: of the query's own, or of the one so many chunks before. Chunk k has the positions
    /// from k · `length` on.
    public static func chunk(length: Int, before: Int = 0) -> ZoneEdge {
        ZoneEdge(unit: length, back: before &* length)
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

/// A run of keys that a query meets between positions of the zone's own.
public struct AttentionZone: Sendable, Equatable {
    /// Where it begins, unless a zone after it begins before that.
    public let firstKey: ZoneEdge
    /// The copy of the keys that it reads.
    public let keys: KeyCopy

    /// A zone from an edge on.
    public init(from firstKey: ZoneEdge, keys: KeyCopy = .segments) {
        self.firstKey = firstKey
        self.keys = keys
    }
}

/// The queries of one to three zones. A key belongs to the last zone that has begun at it; the first zone has all keys before
/// the others.
public struct ZoneQueries {
    /// One zone's keys, and the queries that meet them.
    struct Zone {
        let zone: AttentionZone
        /// [rowCount, Hq, D], rotated to meet the zone's keys, and multiplied by the scale of scores (most often 1/√D).
        let queries: UnsafePointer<Float>
    }

    /// The most zones.
    public static let limit = 3

    let count: Int
    private let first: Zone
    private let second: Zone
    private let third: Zone

    /// One zone: plain attention.
    ///
    /// - Parameter queries: [rowCount, Hq, D], rotated to meet the keys in the segments, and multiplied by the scale of
    ///   scores (most often 1/√D).
    public init(_ queries: UnsafePointer<Float>) {
        self.init([AttentionZone(from: .beginning)]) { _ in queries }
    }

    /// Zones in ascending order.
    ///
    /// - Parameters:
    ///   - zones: One to ``limit``.
    ///   - queries: The queries of zone k: [rowCount, Hq, D], rotated to meet its keys, and scaled.
    public init(_ zones: [AttentionZone], queries: (Int) -> UnsafePointer<Float>) {
        precondition((1...Self.limit).contains(zones.count), "there are one to three zones")
        func zone(_ index: Int) -> Zone { Zone(zone: zones[index], queries: queries(index)) }
        count = zones.count
        first = zone(0)
        second = count > 1 ? zone(1) : first
        third = count > 2 ? zone(2) : second
    }

    @inline(always)
    subscript(index: Int) -> Zone { index == 0 ? first : index == 1 ? second : third }
}
