/// Self-Extend: how a model attends past the context it was trained on (arXiv 2401.01325).
///
/// A key fewer than `neighborWindow` positions back is scored at its true distance. A farther key is scored between
/// floor-divided positions: the query at ⌊i/G⌋ + shift and the key at ⌊j/G⌋, so that no relative position exceeds what
/// the model was trained on.
public struct SelfExtend: Sendable, Equatable {
    /// How far a grouped query is shifted so that neighbor and grouped positions meet.
    public enum Shift: String, Sendable, CaseIterable {
        /// W − ⌊W/G⌋, as in the paper (equation 4) and in LongLM's Mistral, Qwen2 and Phi code.
        case floor
        /// W − W/G in real arithmetic, as in LongLM's Llama and Gemma code: a fractional rotary position when G does
        /// not divide W.
        case fractional
    }

    /// G: how many neighboring positions share one grouped position. At least 1; 1 is the plain model.
    public var groupSize: Int
    /// W: how many of the last keys, including the query's own, keep their true positions. At least 1.
    public var neighborWindow: Int
    /// How the grouped query is shifted.
    public var shift: Shift
    /// b of the query scale max(1, ln(i + 1) / ln b), which LongLM calls `scale_base`; nil: no scale.
    public var queryScaleBase: Float?

    /// Self-Extend; by default, with the paper's shift and no query scale.
    public init(groupSize: Int, neighborWindow: Int, shift: Shift = .floor, queryScaleBase: Float? = nil) {
        self.groupSize = groupSize
        self.neighborWindow = neighborWindow
        self.shift = shift
        self.queryScaleBase = queryScaleBase
    }

    /// The most tokens for which every relative position stays within a context of `contextLength`: (L − W) · G + W, or
    /// the nearest `Int` if that doesn't fit, which happens only with settings that no session accepts.
    public func capacity(contextLength: Int) -> Int {
        let window = Int128(neighborWindow)
        return Int(clamping: (Int128(contextLength) - window) * Int128(groupSize) + window)
    }

    /// What is added to ⌊i/G⌋ for the grouped query.
    package var groupedQueryShift: Float {
        switch shift {
        case .floor: Float(neighborWindow - neighborWindow / groupSize)
        case .fractional: Float(Double(neighborWindow) - Double(neighborWindow) / Double(groupSize))
        }
    }
}

extension SelfExtend: NeighborMethod {
    /// ⌊i/G⌋ + shift.
    package func farQueryPosition(_ position: Int, pairBlock: Int) -> Float {
        Float(position / groupSize) + groupedQueryShift
    }

    /// ⌊j/G⌋.
    package func keyPosition(_ position: Int, pairBlock: Int) -> Float { Float(position / groupSize) }

    /// What a query is multiplied by: max(1, ln(i + 1) / ln b), or 1 without a base.
    package func queryScale(_ position: Int) -> Float {
        logarithmicScale(position, base: queryScaleBase)
    }

    /// Throws for settings that make no sense for a model.
    package func validate(contextLength: Int) throws(AttentionError) {
        guard (1...Self.maximumGroupSize).contains(groupSize) else {
            throw .invalidOption(InvalidOption("group size", groupSize, between: 1, and: Self.maximumGroupSize))
        }
        try validateWindow(neighborWindow, contextLength: contextLength)
        try validateQueryScale(base: queryScaleBase)
    }

    private static let maximumGroupSize = 1 << 20
}

extension SelfExtend: NamedMethod {
    package static var name: String { "self-extend" }
    package static var title: String { "Self-Extend" }
    package static var form: String { "self-extend:G:W or G:W, such as 4:1024" }
    package var mode: AttentionMode { .selfExtend(self) }

    package var settings: String {
        "\(groupSize):\(neighborWindow)" + (shift == .floor ? "" : ":\(shift.rawValue)") + scaleText(queryScaleBase)
    }

    package init?(_ settings: inout SettingsReader) {
        guard let groupSize = settings.integer(), let window = settings.integer() else { return nil }
        self.init(
            groupSize: groupSize, neighborWindow: window, shift: settings.word(Shift.self) ?? .floor,
            queryScaleBase: settings.scaleBase())
    }
}
