import Foundation

/// NTK-aware scaling: θ · F^(R/(R − 2)) in place of θ, so that the lowest frequency is divided by F and the highest stays
/// (bloc97, 2023: NTK-Aware Scaled RoPE). R is the number of rotated components of a head.
///
/// Plain attention with these frequencies. It is meant for F · L tokens of a model trained for L, and takes no memory
/// beyond the plain model's. Frequencies between the lowest and the highest are divided by less than F, so some positions
/// of such a text turn farther than those of the training did.
public struct NTKAwareScaling: Sendable, Equatable {
    /// F, from 1 to 2²⁰.
    public var factor: Double

    /// NTK-aware scaling by a factor.
    public init(factor: Double) { self.factor = factor }
}

extension NTKAwareScaling: FrequencyMethod {
    package func rotary(_ own: RotaryConfiguration, contextLength: Int) -> RotaryConfiguration {
        own.stretched(by: factor)
    }

    package func capacity(contextLength: Int) -> Int { reach(factor: factor, contextLength: contextLength) }
    package func validate(contextLength: Int) throws(AttentionError) { try validate(factor: factor) }

    package static var name: String { "ntk" }
    package static var title: String { "NTK-aware scaling" }
    package static var form: String { "ntk:F, such as ntk:4" }
    package var mode: AttentionMode { .ntkAware(self) }
    package var settings: String { settingText(factor) }

    package init?(_ settings: inout SettingsReader) {
        guard let factor = settings.number() else { return nil }
        self.init(factor: factor)
    }

    /// F is N/L, rounded up to eighths, and at least 1.
    package static func recommended(length: Int, trainedContext: Int) -> NTKAwareScaling {
        NTKAwareScaling(factor: recommendedFactor(length: length, trainedContext: trainedContext))
    }
}

extension RotaryConfiguration {
    /// The frequencies of θ · F^(R/(R − 2)). With a single pair, whose frequency is 1, nothing changes.
    func stretched(by factor: Double) -> RotaryConfiguration {
        guard dimension > 2 else { return self }
        let exponent = Double(dimension) / Double(dimension - 2)
        return RotaryConfiguration(theta: theta * pow(factor, exponent), dimension: dimension, scaling: scaling)
    }
}
