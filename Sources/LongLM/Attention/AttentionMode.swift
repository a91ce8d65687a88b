/// How a model reads texts longer than those of its training, or the plain model: the list of methods.
///
/// Two kinds of methods are here. Some score keys between other positions than the true ones, for a query at position i
/// and a key at position j ≤ i: ``selfExtend(_:)``, ``reRoPE(_:)``, ``leakyReRoPE(_:)``, ``string(_:)``, ``dpe(_:)``,
/// ``dualChunk(_:)`` and ``laMPE(_:)``. One softmax runs over all scores, and sliding windows are switched off. The others
/// attend as the plain model does, but with other rotary frequencies: ``linear(_:)``, ``ntkAware(_:)``,
/// ``dynamicNTK(_:)``, ``yarn(_:)`` and ``llama3(_:)``. Layers without rotary positions and Gemma 3's local layers are left
/// alone by all of them, and Gemma 2's local layers by those that only move positions.
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
    /// Far keys: score(rope(q, i − S + W), rope(k, j)), so that positions that training showed seldom are replaced by
    /// frequent ones (arXiv 2410.18745).
    case string(STRING)
    /// Far keys: as Self-Extend, with a group size for each block of rotary frequencies (arXiv 2504.18857).
    case dpe(DPE)
    /// Positions within chunks, which differ for keys of the query's own chunk, of the one before, and of older ones (arXiv
    /// 2402.17463).
    case dualChunk(DualChunkAttention)
    /// Far keys: all positions of a text of N tokens are mapped to U of them (Length-aware Multi-grained Positional Encoding,
    /// github.com/scar-on/LaMPE).
    case laMPE(LaMPE)
    /// All frequencies divided by a factor (arXiv 2306.15595).
    case linear(LinearScaling)
    /// A greater base of the frequencies, by a factor (bloc97, 2023).
    case ntkAware(NTKAwareScaling)
    /// A greater base of the frequencies, by a length (emozilla, 2023).
    case dynamicNTK(DynamicNTKScaling)
    /// Low frequencies divided by a factor, and high ones kept (arXiv 2309.00071).
    case yarn(YaRN)
    /// Frequencies of long wavelengths divided by a factor, and those of short ones kept (the code of Llama 3.1, 2024).
    case llama3(Llama3FrequencyScaling)

    /// Self-Extend, or the plain mode without one.
    public init(_ selfExtend: SelfExtend?) {
        self = selfExtend.map(AttentionMode.selfExtend) ?? .plain
    }

    /// The method.
    package var method: any NamedMethod {
        switch self {
        case .plain: .plain
        case .selfExtend(let method): method
        case .reRoPE(let method): method
        case .leakyReRoPE(let method): method
        case .string(let method): method
        case .dpe(let method): method
        case .dualChunk(let method): method
        case .laMPE(let method): method
        case .linear(let method): method
        case .ntkAware(let method): method
        case .dynamicNTK(let method): method
        case .yarn(let method): method
        case .llama3(let method): method
        }
    }

    /// All methods that have a name in texts.
    package static let methods: [any NamedMethod.Type] = [
        PlainAttention.self, SelfExtend.self, ReRoPE.self, LeakyReRoPE.self, STRING.self, DPE.self,
        DualChunkAttention.self, LaMPE.self, LinearScaling.self, NTKAwareScaling.self, DynamicNTKScaling.self,
        YaRN.self, Llama3FrequencyScaling.self,
    ]

    /// W of the methods that keep the last W keys, the query's own included, at their true positions, in a ring beside all
    /// other keys; nil: the method has no ring.
    public var neighborWindow: Int? { method.ringWindow }

    /// The most tokens for which every relative position stays within a context of `contextLength`, or the nearest
    /// `Int`; for methods that change frequencies, the most tokens that they are meant for.
    public func capacity(contextLength: Int) -> Int { method.capacity(contextLength: contextLength) }

    /// Throws for settings that make no sense for a model.
    package func validate(for model: ModelConfiguration) throws(AttentionError) {
        try method.validate(for: model)
    }

    /// Throws for settings that make no sense for a context.
    package func validate(contextLength: Int) throws(AttentionError) {
        try method.validate(contextLength: contextLength)
    }
}
