/// Leaky ReRoPE: past W, distances grow k times more slowly (Jianlin Su, 2023).
///
/// A key fewer than W positions back is scored at its true distance. A farther key is scored between the positions
/// i/k + W − W/k and j/k, in real arithmetic. Far keys and the last W keys are kept as two copies.
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

extension LeakyReRoPE: NamedMethod {
    package static var name: String { "leaky-rerope" }
    package static var title: String { "Leaky ReRoPE" }
    package static var form: String { "leaky-rerope:k:W, such as leaky-rerope:4:1024" }
    package var mode: AttentionMode { .leakyReRoPE(self) }
    package var settings: String { "\(settingText(slowdown)):\(neighborWindow)" + scaleText(queryScaleBase) }

    package init?(_ settings: inout SettingsReader) {
        guard let slowdown = settings.number(), let window = settings.integer() else { return nil }
        self.init(slowdown: slowdown, neighborWindow: window, queryScaleBase: settings.scaleBase())
    }

    /// k and W are Self-Extend's G and W.
    package static func recommended(length: Int, trainedContext: Int) throws(AttentionError) -> LeakyReRoPE {
        let plan = try SelfExtendPlan(length: length, trainedContext: trainedContext).selfExtend
        return LeakyReRoPE(slowdown: Double(plan.groupSize), neighborWindow: plan.neighborWindow)
    }
}
