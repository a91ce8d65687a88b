import Foundation

/// The positions that attention scores with, for a query at position i and a key at position j ≤ i.
///
/// All modes except the plain one score a key that is fewer than W positions back at its true distance. They score a
/// farther key with two other positions. One softmax runs over both kinds. Layers without rotary positions, and Gemma's
/// local layers, attend as in the plain model.
public enum AttentionMode: Sendable, Equatable {
    /// score(rope(q, i), rope(k, j)) for all keys: the model as it was trained.
    case plain
    /// Far keys: score(rope(q, ⌊i/G⌋ + shift), rope(k, ⌊j/G⌋)) (arXiv 2401.01325).
    case selfExtend(SelfExtend)
    /// Far keys: score(rope(q, W), rope(k, 0)), so that all of them are W away (Su, 2023: Rectified Rotary Position
    /// Embeddings).
    case reRoPE(ReRoPE)
    /// Far keys: score(rope(q, i/k + W − W/k), rope(k, j/k)) in real arithmetic, so that distances past W grow k times
    /// more slowly (Su, 2023).
    case leakyReRoPE(LeakyReRoPE)

    /// Self-Extend, or the plain mode without one.
    public init(_ selfExtend: SelfExtend?) {
        self = selfExtend.map(AttentionMode.selfExtend) ?? .plain
    }

    /// W: how many of the last keys, including the query's own, keep their true positions; nil: all.
    public var neighborWindow: Int? {
        switch self {
        case .plain: nil
        case .selfExtend(let mode): mode.neighborWindow
        case .reRoPE(let mode): mode.neighborWindow
        case .leakyReRoPE(let mode): mode.neighborWindow
        }
    }

    /// The most tokens for which every relative position stays within a context of `contextLength`, or the nearest
    /// `Int`.
    public func capacity(contextLength: Int) -> Int { method.capacity(contextLength: contextLength) }

    /// What the mode decides.
    package var method: any AttentionMethod {
        switch self {
        case .plain: .plain
        case .selfExtend(let method): method
        case .reRoPE(let method): method
        case .leakyReRoPE(let method): method
        }
    }

    /// Throws for settings that make no sense for a model.
    package func validate(contextLength: Int) throws(AttentionError) {
        try method.validate(contextLength: contextLength)
    }
}

/// Settings of ``AttentionMode/reRoPE(_:)``.
public struct ReRoPE: Sendable, Equatable {
    /// W: how many of the last keys keep their true positions. At least 1 and less than the model's context.
    public var neighborWindow: Int
    /// b of the query scale max(1, ln(i + 1) / ln b); nil: no scale.
    public var queryScaleBase: Float?

    /// ReRoPE with a window.
    public init(neighborWindow: Int, queryScaleBase: Float? = nil) {
        self.neighborWindow = neighborWindow
        self.queryScaleBase = queryScaleBase
    }
}

extension ReRoPE: NeighborMethod {
    package func farQueryPosition(_: Int, pairBlock: Int) -> Float { Float(neighborWindow) }
    package func keyPosition(_: Int, pairBlock: Int) -> Float { 0 }
    package func queryScale(_ position: Int) -> Float { logarithmicScale(position, base: queryScaleBase) }
    package func capacity(contextLength: Int) -> Int { .max }

    package func validate(contextLength: Int) throws(AttentionError) {
        try validateWindow(neighborWindow, contextLength: contextLength)
        try validateQueryScale(base: queryScaleBase)
    }
}

/// Settings of ``AttentionMode/leakyReRoPE(_:)``.
public struct LeakyReRoPE: Sendable, Equatable {
    /// k: past the window, distances grow k times more slowly. At least 1.
    public var slowdown: Double
    /// W: how many of the last keys keep their true positions. At least 1 and less than the model's context.
    public var neighborWindow: Int
    /// b of the query scale max(1, ln(i + 1) / ln b); nil: no scale.
    public var queryScaleBase: Float?

    /// Leaky ReRoPE with a slowdown and a window.
    public init(slowdown: Double, neighborWindow: Int, queryScaleBase: Float? = nil) {
        self.slowdown = slowdown
        self.neighborWindow = neighborWindow
        self.queryScaleBase = queryScaleBase
    }

    /// (L − W) · k + W, or the nearest `Int` if that doesn't fit, which happens only with settings that no session
    /// accepts.
    public func capacity(contextLength: Int) -> Int {
        let window = Double(neighborWindow)
        let reach = ((Double(contextLength) - window) * slowdown + window).rounded(.down)
        return Int(exactly: reach) ?? (reach < 0 ? .min : .max)
    }
}

extension LeakyReRoPE: NeighborMethod {
    package func farQueryPosition(_ position: Int, pairBlock: Int) -> Float {
        let window = Double(neighborWindow)
        return Float(Double(position) / slowdown + (window - window / slowdown))
    }

    package func keyPosition(_ position: Int, pairBlock: Int) -> Float { Float(Double(position) / slowdown) }
    package func queryScale(_ position: Int) -> Float { logarithmicScale(position, base: queryScaleBase) }

    package func validate(contextLength: Int) throws(AttentionError) {
        try validateWindow(neighborWindow, contextLength: contextLength)
        try validateQueryScale(base: queryScaleBase)
        guard slowdown >= 1, slowdown <= 1_048_576 else {
            throw .invalidOption(InvalidOption("slowdown", slowdown, between: 1, and: 1_048_576))
        }
    }
}

/// max(1, ln(i + 1) / ln b), or 1 without a base.
func logarithmicScale(_ position: Int, base: Float?) -> Float {
    guard let base else { return 1 }
    return max(1, Float(log(Double(position + 1)) / log(Double(base))))
}

/// Throws for a window that is empty or leaves no position of the context for far keys.
func validateWindow(_ window: Int, contextLength: Int) throws(AttentionError) {
    guard window >= 1, window < contextLength else {
        throw .invalidOption(
            InvalidOption(
                "neighbor window", window,
                allowed: "at least 1 and less than the model's context length of \(contextLength)"))
    }
}

/// Throws for a base whose logarithm isn't positive.
func validateQueryScale(base: Float?) throws(AttentionError) {
    guard let base else { return }
    guard base > 1, base.isFinite else {
        throw .invalidOption(InvalidOption("query scale base", base, allowed: "finite and greater than 1"))
    }
}
