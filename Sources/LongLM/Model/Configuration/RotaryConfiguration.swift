import Foundation
import SIMDKernels

/// Rotary positions: a position turns each pair of components by its own frequency. This says which frequencies.
public struct RotaryConfiguration: Sendable, Equatable {
    /// θ of the frequencies 1/θ^(2k/R).
    public let theta: Double
    /// R: how many components of a head are rotated. The others stay as they are.
    public let dimension: Int
    /// How the frequencies are scaled for texts longer than those of the first training.
    public let scaling: RotaryScaling
    /// What an attention method multiplies cosines and sines by, beside what the scaling does.
    package var attentionFactor = 1.0

    /// The frequencies of all k < R/2 for texts of up to `length` tokens, and the factor for cosines and sines.
    ///
    /// They are computed in 32-bit arithmetic and in the order of transformers: at position ten thousand, the last bit of a
    /// frequency changes the angle visibly.
    package func frequencies(length: Int) -> RotaryFrequencies {
        var frequencies = scaledFrequencies(length: length)
        if attentionFactor != 1 { frequencies.factor *= Float(attentionFactor) }
        return frequencies
    }

    private func scaledFrequencies(length: Int) -> RotaryFrequencies {
        switch scaling {
        case .none: RotaryFrequencies(inverse: unscaled(theta: theta))
        case .linear(let factor): RotaryFrequencies(inverse: unscaled(theta: theta).map { $0 / Float(factor) })
        case .dynamic(let factor, let contextLength):
            RotaryFrequencies(
                inverse: unscaled(
                    theta: dynamicTheta(factor: factor, contextLength: contextLength, length: length)))
        case .llama3(let scaling): RotaryFrequencies(inverse: unscaled(theta: theta).map(scaling.scale))
        case .divided(let divisors):
            RotaryFrequencies(inverse: zip(unscaled(theta: theta), divisors).map { $0 / Float($1) })
        case .yarn(let scaling):
            RotaryFrequencies(
                inverse: scaling.scale(powers(theta: theta), theta: theta), factor: Float(scaling.attentionFactor))
        case .longRoPE(let scaling):
            RotaryFrequencies(
                inverse: zip(scaling.factors(length: length), powers(theta: theta)).map { 1 / (Float($0) * $1) },
                factor: Float(scaling.attentionFactor))
        }
    }

    /// The largest frequency whose angles can be computed at every position. Models have none above 1.
    private static let largestFrequency = Float(largestAngle) / Float(ModelConfiguration.largestSize)

    /// Whether cosines and sines can be computed of all frequencies at every position.
    var isUsable: Bool {
        // No text is longer than the second length.
        [1, ModelConfiguration.largestSize].allSatisfy { length in
            let frequencies = frequencies(length: length)
            return frequencies.factor.isFinite
                && frequencies.inverse.allSatisfy { $0 >= 0 && $0 <= Self.largestFrequency }
        }
    }

    /// Whether ``frequencies(length:)`` depends on the length.
    package var dependsOnLength: Bool {
        switch scaling {
        case .dynamic, .longRoPE: true
        case .none, .linear, .llama3, .divided, .yarn: false
        }
    }

    /// 1 / θ^(2k/R).
    private func unscaled(theta: Double) -> [Float] { powers(theta: theta).map { 1 / $0 } }

    /// θ^(2k/R), rounded to 32 bits.
    private func powers(theta: Double) -> [Float] {
        (0..<(dimension / 2)).map { k in Float(pow(theta, Double(Float(2 * k) / Float(dimension)))) }
    }

    /// θ · (s · n/L − (s − 1))^(R/(R − 2)) for a text of n > L tokens.
    private func dynamicTheta(factor: Double, contextLength: Int, length: Int) -> Double {
        if length <= contextLength || dimension <= 2 { return theta }
        let growth = factor * Double(length) / Double(contextLength) - (factor - 1)
        return theta * pow(growth, Double(dimension) / Double(dimension - 2))
    }
}

/// The frequencies of all pairs of components, by which a position is multiplied.
package struct RotaryFrequencies {
    /// [R/2].
    package let inverse: [Float]
    /// The factor for cosines and sines.
    package var factor: Float = 1
}

/// How a checkpoint reaches positions beyond those of its first training: `rope_type` of `rope_scaling` or
/// `rope_parameters`.
public enum RotaryScaling: Sendable, Equatable {
    /// `default`: not at all.
    case none
    /// `linear`: all frequencies divided by the factor (Chen et al., 2023).
    case linear(factor: Double)
    /// `dynamic`: θ grows with the text's length n > L, to θ · (s · n/L − (s − 1))^(R/(R − 2)). The length is a session's
    /// ``SessionOptions/capacity``, so that a token's logits don't depend on what comes after it.
    case dynamic(factor: Double, contextLength: Int)
    /// `llama3`: low frequencies divided by the factor, high ones left, and a ramp between.
    case llama3(Llama3Scaling)
    /// Each frequency divided by a number of its own. GGUF files store Llama 3's scaling in this form.
    case divided(by: [Double])
    /// `yarn` (Peng et al., 2023).
    case yarn(YaRNScaling)
    /// `longrope` (Ding et al., 2024): a factor for each frequency. There are two sets of factors, and a session's
    /// ``SessionOptions/capacity`` decides which is used.
    case longRoPE(LongRoPEScaling)
}

/// The scaling of Llama 3.1. It depends on how the wavelength 2π/f compares with the context length L₀ of the first
/// training.
public struct Llama3Scaling: Sendable, Equatable {
    /// The divisor of low frequencies.
    public let factor: Double
    /// Frequencies with a wavelength above L₀ divided by this are low.
    public let lowFrequencyFactor: Double
    /// Frequencies with a wavelength below L₀ divided by this are high.
    public let highFrequencyFactor: Double
    /// L₀.
    public let originalContextLength: Int

    func scale(_ frequency: Float) -> Float {
        let original = Float(originalContextLength)
        let wavelength = 2 * Float.pi / frequency
        if wavelength < original / Float(highFrequencyFactor) { return frequency }
        if wavelength > original / Float(lowFrequencyFactor) { return frequency / Float(factor) }
        let smooth =
            (original / wavelength - Float(lowFrequencyFactor)) / Float(highFrequencyFactor - lowFrequencyFactor)
        return (1 - smooth) * (frequency / Float(factor)) + smooth * frequency
    }
}

/// YaRN: frequencies that turn often within the context length L₀ of the first training stay, and those that turn rarely
/// are divided by the factor. Between the two there is a ramp over k.
public struct YaRNScaling: Sendable, Equatable {
    /// The divisor of low frequencies.
    public let factor: Double
    /// What cosines and sines are multiplied by: 0.1 · ln(factor) + 1 unless the file says otherwise.
    public let attentionFactor: Double
    /// A frequency with more turns than this within L₀ stays.
    public let betaFast: Double
    /// A frequency with fewer turns than this within L₀ is divided by the factor.
    public let betaSlow: Double
    /// Whether the ramp's ends are rounded outwards to whole k.
    public let truncates: Bool
    /// L₀.
    public let originalContextLength: Int

    /// The frequencies for θ^(2k/R).
    func scale(_ powers: [Float], theta: Double) -> [Float] {
        let dimension = Double(2 * powers.count)
        /// The k, as a real number, whose frequency turns this often.
        func index(turns: Double) -> Double {
            dimension * log(Double(originalContextLength) / (turns * 2 * .pi)) / (2 * log(theta))
        }
        var (low, high) = (index(turns: betaFast), index(turns: betaSlow))
        if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        low = max(low, 0)
        high = min(high, dimension - 1)
        // A ramp of no width would divide by 0.
        if low == high { high += 0.001 }
        return powers.enumerated().map { k, power in
            let ramp = min(max((Float(k) - Float(low)) / Float(high - low), 0), 1)
            let kept = 1 - ramp
            return 1 / (Float(factor) * power) * (1 - kept) + 1 / power * kept
        }
    }
}

/// LongRoPE: every frequency is divided by a factor of its own.
public struct LongRoPEScaling: Sendable, Equatable {
    /// [R/2]: the factors for texts of up to L₀ tokens.
    public let shortFactors: [Double]
    /// [R/2]: the factors for longer texts.
    public let longFactors: [Double]
    /// What cosines and sines are multiplied by: √(1 + ln(L/L₀) / ln L₀) unless the file says otherwise.
    public let attentionFactor: Double
    /// L₀.
    public let originalContextLength: Int

    func factors(length: Int) -> [Double] { length > originalContextLength ? longFactors : shortFactors }
}

extension RotaryConfiguration {
    /// Reads `rope_theta`, the partial rotation, and `rope_parameters` or `rope_scaling`.
    ///
    /// - Parameter layerType: The type of layer whose rotation this is. `rope_parameters` may hold a part for each type.
    init(
        _ reader: ConfigurationReader, _ defaults: FamilyDefaults, headDimension: Int, contextLength: Int,
        layerType: String = "full_attention"
    ) throws(ModelError) {
        var parameters = try reader.object("rope_parameters")
        if let nested = parameters, nested.has(layerType) { parameters = try nested.object(layerType) }
        // The older form has one scaling, which is for the layers that see everything. Where a file has both forms,
        // transformers takes the older one.
        let older = layerType == "full_attention" ? try reader.object("rope_scaling") : nil
        let source = older ?? parameters

        let outerTheta = try reader.number(defaults.ropeThetaKey, alsoSpelled: defaults.newerRopeThetaKey)
        let newerTheta = try parameters?.number("rope_theta")
        theta = try source?.number("rope_theta") ?? newerTheta ?? outerTheta ?? defaults.ropeTheta
        guard theta.isFinite, theta >= 1, theta <= 1e30 else {
            throw reader.invalid(defaults.ropeThetaKey, "is \(theta); it must be at least 1")
        }
        let newerPart = try parameters?.number("partial_rotary_factor")
        let innerPart = try source?.number("partial_rotary_factor") ?? newerPart
        dimension = try Self.dimension(reader, defaults, innerPart, headDimension: headDimension)
        guard let source, let kind = try Self.kind(source) else {
            // rope_parameters may have no rope_type: transformers then takes the default. rope_scaling must have one, unless
            // it is empty.
            if let older, !older.isEmpty { throw reader.invalid("rope_scaling", "has no rope_type") }
            scaling = .none
            return
        }
        let outerLength = try reader.size("original_max_position_embeddings")
        let innerLength = try source.size("original_max_position_embeddings")
        let originalLength = outerLength ?? defaults.originalContextLength ?? innerLength ?? contextLength
        switch defaults.longRoPENames.contains(kind) ? "longrope" : kind {
        case "default": scaling = .none
        case "linear": scaling = .linear(factor: try Self.factor(source))
        case "dynamic": scaling = .dynamic(factor: try Self.factor(source), contextLength: contextLength)
        case "llama3": scaling = .llama3(try Llama3Scaling(source, originalLength))
        case "yarn":
            guard theta > 1 else {
                throw reader.invalid(defaults.ropeThetaKey, "is \(theta); yarn needs more than 1")
            }
            scaling = .yarn(try YaRNScaling(source, originalLength))
        case "longrope":
            scaling = .longRoPE(
                try LongRoPEScaling(
                    source, originalLength, contextLength: contextLength, frequencyCount: dimension / 2))
        default: throw reader.unsupported(older == nil ? "rope_parameters" : "rope_scaling", kind)
        }
        // As in transformers, what belongs to another kind changes nothing.
        try source.refuseAllUnread(except: Self.keysOfKinds)
    }

    /// The keys that one kind of scaling has and others lack.
    private static let keysOfKinds: Set = [
        "attention_factor", "beta_fast", "beta_slow", "factor", "high_freq_factor", "long_factor", "low_freq_factor",
        "mscale", "mscale_all_dim", "original_max_position_embeddings", "short_factor", "truncate",
    ]

    /// R for families that rotate a part of a head, and D for all others.
    private static func dimension(
        _ reader: ConfigurationReader, _ defaults: FamilyDefaults, _ innerPart: Double?, headDimension: Int
    ) throws(ModelError) -> Int {
        guard let key = defaults.partialRotaryKey else {
            guard innerPart ?? 1 == 1 else {
                throw reader.unsupported("partial_rotary_factor", "\(innerPart ?? 1)")
            }
            return headDimension
        }
        let outerPart = try reader.number(key, alsoSpelled: defaults.newerPartialRotaryKey)
        let part = innerPart ?? outerPart ?? defaults.partialRotaryFactor
        let dimension = Int(exactly: (Double(headDimension) * part).rounded(.towardZero)) ?? 0
        guard dimension >= 2, dimension <= headDimension, dimension % 2 == 0 else {
            throw reader.invalid(
                key, "is \(part); it must leave an even number of the \(headDimension) components to rotate")
        }
        return dimension
    }

    private static func kind(_ source: ConfigurationReader) throws(ModelError) -> String? {
        // Both are read, so that neither is refused as unknown.
        let older = try source.string("type")
        return try source.string("rope_type") ?? older
    }

    fileprivate static func factor(_ source: ConfigurationReader) throws(ModelError) -> Double {
        guard let factor = try source.positive("factor") else { throw source.invalid("factor", "is missing") }
        guard factor >= 1, factor <= 1_048_576 else {
            throw source.invalid("factor", "is \(factor); it must be between 1 and 1048576")
        }
        return factor
    }
}

extension Llama3Scaling {
    fileprivate init(_ source: ConfigurationReader, _ originalLength: Int) throws(ModelError) {
        factor = try RotaryConfiguration.factor(source)
        guard let low = try source.positive("low_freq_factor") else {
            throw source.invalid("low_freq_factor", "is missing")
        }
        guard let high = try source.positive("high_freq_factor") else {
            throw source.invalid("high_freq_factor", "is missing")
        }
        guard high > low else {
            throw source.invalid("high_freq_factor", "is \(high); it must be greater than low_freq_factor \(low)")
        }
        lowFrequencyFactor = low
        highFrequencyFactor = high
        originalContextLength = originalLength
    }
}

extension YaRNScaling {
    fileprivate init(_ source: ConfigurationReader, _ originalLength: Int) throws(ModelError) {
        let factor = try RotaryConfiguration.factor(source)
        self.factor = factor
        let scale = try source.positive("mscale")
        let scaleOfAll = try source.positive("mscale_all_dim")
        func attentionScale(_ weight: Double) -> Double { factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1 }
        if let stated = try source.positive("attention_factor") {
            attentionFactor = stated
        } else if let scale, let scaleOfAll {
            attentionFactor = attentionScale(scale) / attentionScale(scaleOfAll)
        } else {
            attentionFactor = attentionScale(1)
        }
        betaFast = try source.positive("beta_fast") ?? 32
        betaSlow = try source.positive("beta_slow") ?? 1
        truncates = try source.bool("truncate") ?? true
        originalContextLength = originalLength
    }
}

extension LongRoPEScaling {
    fileprivate init(
        _ source: ConfigurationReader, _ originalLength: Int, contextLength: Int, frequencyCount: Int
    ) throws(ModelError) {
        func factors(_ key: String) throws(ModelError) -> [Double] {
            guard let factors = try source.numbers(key) else { throw source.invalid(key, "is missing") }
            guard factors.count == frequencyCount else {
                throw source.invalid(key, "has \(factors.count) numbers; it must have \(frequencyCount)")
            }
            guard factors.allSatisfy({ Float($0) > 0 && Float($0).isFinite }) else {
                throw source.invalid(key, "has a number that isn't positive")
            }
            return factors
        }
        shortFactors = try factors("short_factor")
        longFactors = try factors("long_factor")
        originalContextLength = originalLength
        let stated = try source.positive("attention_factor")
        let factor = try source.positive("factor") ?? Double(contextLength) / Double(originalLength)
        attentionFactor =
            stated
            ?? (factor <= 1 || originalLength <= 1 ? 1 : (1 + log(factor) / log(Double(originalLength))).squareRoot())
    }
}

extension ModelConfiguration {
    /// Whether the frequencies of any layer depend on the length of a text.
    var frequenciesDependOnLength: Bool { rotary.dependsOnLength || localRotary?.dependsOnLength == true }
}
