/// Position interpolation: all frequencies divided by F (arXiv 2306.15595; the kind `linear` of transformers).
///
/// This is plain attention in which position i turns pairs of components as far as i/F did in the training. It is meant for
/// F · L tokens of a model trained for L, takes no memory beyond the plain model's, and blurs near positions as much as far
/// ones.
public struct LinearScaling: Sendable, Equatable {
    /// F, from 1 to 2²⁰.
    public var factor: Double

    /// Position interpolation by a factor.
    public init(factor: Double) { self.factor = factor }
}

extension LinearScaling: FrequencyMethod {
    package func rotary(_ own: RotaryConfiguration, contextLength: Int) -> RotaryConfiguration {
        RotaryConfiguration(theta: own.theta, dimension: own.dimension, scaling: .linear(factor: factor))
    }

    package func capacity(contextLength: Int) -> Int { reach(factor: factor, contextLength: contextLength) }
    package func validate(contextLength: Int) throws(AttentionError) { try validate(factor: factor) }

    package static var name: String { "linear" }
    package static var title: String { "position interpolation" }
    package static var form: String { "linear:F, such as linear:4" }
    package var mode: AttentionMode { .linear(self) }
    package var settings: String { settingText(factor) }

    package init?(_ settings: inout SettingsReader) {
        guard let factor = settings.number() else { return nil }
        self.init(factor: factor)
    }

    /// F is N/L, rounded up to eighths, and at least 1.
    package static func recommended(length: Int, trainedContext: Int) -> LinearScaling {
        LinearScaling(factor: recommendedFactor(length: length, trainedContext: trainedContext))
    }
}
