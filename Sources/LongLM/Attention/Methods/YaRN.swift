import Foundation

/// YaRN without tuning: low frequencies divided by F, high ones kept, and a ramp between (Peng et al., 2023: arXiv
/// 2309.00071).
///
/// Frequencies that turn more than 32 times within L positions stay, and those that turn less than once are divided by F.
/// Cosines and sines are multiplied by 0.1 · ln F + 1, and so all scores by its square. Otherwise, this is plain attention.
/// It is meant for F · L tokens of a model trained for L, and takes no memory beyond the plain model's.
public struct YaRN: Sendable, Equatable {
    /// F, from 1 to 2²⁰.
    public var factor: Double

    /// YaRN with a factor.
    public init(factor: Double) { self.factor = factor }
}

extension YaRN: FrequencyMethod {
    package func rotary(_ own: RotaryConfiguration, contextLength: Int) -> RotaryConfiguration {
        RotaryConfiguration(
            theta: own.theta, dimension: own.dimension,
            scaling: .yarn(
                YaRNScaling(
                    factor: factor, attentionFactor: 0.1 * log(factor) + 1, betaFast: 32, betaSlow: 1, truncates: true,
                    originalContextLength: contextLength)))
    }

    package func capacity(contextLength: Int) -> Int { reach(factor: factor, contextLength: contextLength) }
    package func validate(contextLength: Int) throws(AttentionError) { try validate(factor: factor) }

    package func validate(for model: ModelConfiguration) throws(AttentionError) {
        try validateFrequencies(of: model)
        // The ramp's ends are logarithms to the base θ.
        guard model.rotary.theta > 1 else {
            throw .invalidOption(
                InvalidOption("model's rope_theta", model.rotary.theta, allowed: "more than 1 for YaRN"))
        }
    }

    package static var name: String { "yarn" }
    package static var title: String { "YaRN" }
    package static var form: String { "yarn:F, such as yarn:4" }
    package var mode: AttentionMode { .yarn(self) }
    package var settings: String { settingText(factor) }

    package init?(_ settings: inout SettingsReader) {
        guard let factor = settings.number() else { return nil }
        self.init(factor: factor)
    }

    /// F is N/L, rounded up to eighths, and at least 1.
    package static func recommended(length: Int, trainedContext: Int) -> YaRN {
        YaRN(factor: recommendedFactor(length: length, trainedContext: trainedContext))
    }
}
