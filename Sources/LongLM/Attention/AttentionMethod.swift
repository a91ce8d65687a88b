import SIMDKernels

/// What an attention method decides: between which rotary positions a query meets which keys.
///
/// The keys up to a query are divided into one to three zones, in ascending order of their positions. In each of them,
/// the query stands at a position of its own. Keys are kept in up to two copies: all of them in segments, at the positions
/// that the method gives them, and the last ones also in a ring, at their true positions. One softmax runs over all zones.
/// Layers without rotary positions, and layers that are local by design, attend as in the plain model.
package protocol AttentionMethod: Sendable, Equatable {
    /// From the earliest keys to the latest; a key belongs to the last zone that has begun at it. A zone in the ring begins
    /// at ``ZoneEdge/last(_:)``, and is the last one.
    var zones: [AttentionZone] { get }

    /// The rotary pairs of a head are divided into this many blocks, as equal as can be, each with positions of its own.
    /// Mostly 1.
    var pairBlockCount: Int { get }

    /// The rotary position of a query at position i ≥ 0, in a zone.
    func queryPosition(_ position: Int, zone: Int, pairBlock: Int) -> Float

    /// The rotary position of a key at position j ≥ 0 in the segments.
    func keyPosition(_ position: Int, pairBlock: Int) -> Float

    /// What a query is multiplied by, in all zones. It is read only if there is more than one zone.
    func queryScale(_ position: Int) -> Float

    /// The rotary frequencies of a model's layers: the model's own, or those that the method takes in their place. Local
    /// layers with frequencies of their own keep these.
    func rotary(of model: ModelConfiguration) -> RotaryConfiguration

    /// The most tokens for which every relative position stays within a context of `contextLength`, or the nearest
    /// `Int`.
    func capacity(contextLength: Int) -> Int

    /// Throws for settings that make no sense for a context.
    func validate(contextLength: Int) throws(AttentionError)

    /// Throws for settings that make no sense for a model, its context included.
    func validate(for model: ModelConfiguration) throws(AttentionError)
}

extension AttentionMethod {
    package var pairBlockCount: Int { 1 }
    package func queryScale(_: Int) -> Float { 1 }
    package func rotary(of model: ModelConfiguration) -> RotaryConfiguration { model.rotary }

    package func validate(for model: ModelConfiguration) throws(AttentionError) {
        try validate(contextLength: model.contextLength)
    }

    /// Whether keys are met between other positions than in the plain model, apart from frequencies.
    package var movesPositions: Bool { zones.count > 1 }

    /// How many of the last keys, the query's own included, are kept in the ring; nil: there is none.
    package var ringWindow: Int? {
        guard let last = zones.last, last.keys == .ring else { return nil }
        return last.firstKey.back &+ 1
    }
}

/// Far keys, at positions of their own, and behind them the last W keys at their true positions.
package protocol NeighborMethod: AttentionMethod {
    /// W: how many of the last keys, including the query's own, keep their true positions.
    var neighborWindow: Int { get }

    /// The rotary position of a query against far keys.
    func farQueryPosition(_ position: Int, pairBlock: Int) -> Float
}

extension NeighborMethod {
    package var zones: [AttentionZone] {
        [AttentionZone(from: .beginning), AttentionZone(from: .last(neighborWindow), keys: .ring)]
    }

    package func queryPosition(_ position: Int, zone: Int, pairBlock: Int) -> Float {
        zone == 0 ? farQueryPosition(position, pairBlock: pairBlock) : Float(position)
    }
}
