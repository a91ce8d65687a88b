/// Llama 3.1's scaling: long wavelengths multiplied by F, short ones kept, and a ramp between (2024: `apply_scaling` in
/// github.com/meta-llama/llama-models; the kind `llama3` of transformers).
///
/// A pair of components with frequency f turns once in 2π/f positions, its wavelength. Wavelengths above L/low have their
/// frequencies divided by F, and those below L/high stay. Between the two, the frequency is (1 − s) · f/F + s · f, where
/// s = (L · f/(2π) − low)/(high − low). Otherwise, this is plain attention. It is meant for F · L tokens of a model trained
/// for L, and takes no memory beyond the plain model's. Llama 3.1 and 3.2 were trained further with this scaling and have
/// it in their own files; here it is for models that weren't.
public struct Llama3FrequencyScaling: Sendable, Equatable {
    /// F, from 1 to 2²⁰.
    public var factor: Double
    /// How often a pair turns within L positions, at most, if its frequency is divided by F. Greater than 0.
    public var lowFrequencyFactor: Double
    /// How often a pair turns within L positions, at least, if its frequency stays. Greater than the low factor.
    public var highFrequencyFactor: Double

    /// Llama 3.1's scaling by a factor; the other two are those of Llama 3.1 by default.
    public init(factor: Double, lowFrequencyFactor: Double = 1, highFrequencyFactor: Double = 4) {
        self.factor = factor
        self.lowFrequencyFactor = lowFrequencyFactor
        self.highFrequencyFactor = highFrequencyFactor
    }
}

extension Llama3FrequencyScaling: FrequencyMethod {
    package func rotary(_ own: RotaryConfiguration, contextLength: Int) -> RotaryConfiguration {
        RotaryConfiguration(
            theta: own.theta, dimension: own.dimension,
            scaling: .llama3(
                Llama3Scaling(
                    factor: factor, lowFrequencyFactor: lowFrequencyFactor, highFrequencyFactor: highFrequencyFactor,
                    originalContextLength: contextLength)))
    }

    package func capacity(contextLength: Int) -> Int { reach(factor: factor, contextLength: contextLength) }

    package func validate(contextLength: Int) throws(AttentionError) {
        try validate(factor: factor)
        guard lowFrequencyFactor > 0, lowFrequencyFactor < .infinity else {
            throw .invalidOption(
                InvalidOption("low frequency factor", lowFrequencyFactor, allowed: "finite and greater than 0"))
        }
        // The ramp is computed in 32 bits, where it must have a width.
        guard Float(highFrequencyFactor) > Float(lowFrequencyFactor), highFrequencyFactor < .infinity else {
            throw .invalidOption(
                InvalidOption(
                    "high frequency factor", highFrequencyFactor,
                    allowed: "finite and greater than the low frequency factor of \(lowFrequencyFactor)"))
        }
    }

    package static var name: String { "llama3" }
    package static var title: String { "Llama 3.1's scaling" }
    package static var form: String { "llama3:F:low:high, such as llama3:8:1:4" }
    package var mode: AttentionMode { .llama3(self) }
    package var settings: String {
        [factor, lowFrequencyFactor, highFrequencyFactor].map(settingText).joined(separator: ":")
    }

    package init?(_ settings: inout SettingsReader) {
        guard let factor = settings.number(), let low = settings.number(), let high = settings.number() else {
            return nil
        }
        self.init(factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high)
    }

    /// F is N/L, rounded up to eighths, and at least 1. The other two are Llama 3.1's.
    package static func recommended(length: Int, trainedContext: Int) -> Llama3FrequencyScaling {
        Llama3FrequencyScaling(factor: recommendedFactor(length: length, trainedContext: trainedContext))
    }
}
