/// ReRoPE: all far keys are met at the distance W (Jianlin Su, 2023: Rectified Rotary Position Embeddings).
///
/// A key fewer than W positions back is scored at its true distance. A farther key is scored between the positions W and
/// 0. So no text is too long, but far keys have no order. Far keys and the last W keys are kept as two copies.
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

extension ReRoPE: NamedMethod {
    package static var name: String { "rerope" }
    package static var title: String { "ReRoPE" }
    package static var form: String { "rerope:W, such as rerope:1024" }
    package var mode: AttentionMode { .reRoPE(self) }
    package var settings: String { "\(neighborWindow)" + scaleText(queryScaleBase) }

    package init?(_ settings: inout SettingsReader) {
        guard let window = settings.integer() else { return nil }
        self.init(neighborWindow: window, queryScaleBase: settings.scaleBase())
    }

    /// W is half of the context, as in the author's experiments.
    package static func recommended(length: Int, trainedContext: Int) -> ReRoPE {
        ReRoPE(neighborWindow: max(1, trainedContext / 2))
    }
}
