import SIMDKernels

/// An attention method that attends as the plain model does, but with other rotary frequencies.
///
/// It needs no memory beyond the plain model's, and its cost is the same. Sliding windows stay as they are.
package protocol FrequencyMethod: NamedMethod {
    /// What takes the place of a model's own frequencies, which have no scaling.
    func rotary(_ own: RotaryConfiguration, contextLength: Int) -> RotaryConfiguration
}

extension FrequencyMethod {
    package var zones: [AttentionZone] { PlainAttention.plain.zones }
    package func queryPosition(_ position: Int, zone: Int, pairBlock: Int) -> Float { Float(position) }
    package func keyPosition(_ position: Int, pairBlock: Int) -> Float { Float(position) }

    package func rotary(of model: ModelConfiguration) -> RotaryConfiguration {
        rotary(model.rotary, contextLength: model.contextLength)
    }

    package func validate(for model: ModelConfiguration) throws(AttentionError) {
        try validateFrequencies(of: model)
    }

    /// Throws for settings out of range, and for a model whose frequencies are scaled already.
    func validateFrequencies(of model: ModelConfiguration) throws(AttentionError) {
        try validate(contextLength: model.contextLength)
        guard model.rotary.scaling == .none else {
            throw .scaledFrequencies(method: Self.title, scaling: model.rotary.scaling.name)
        }
    }

    /// Throws for a factor that no scaling has.
    func validate(factor: Double) throws(AttentionError) {
        guard factor >= 1, factor <= Double(largestFactor) else {
            throw .invalidOption(InvalidOption("factor of \(Self.title)", factor, between: 1, and: largestFactor))
        }
    }
}

private let largestFactor = 1_048_576

/// N/L, at least 1, rounded up to eighths, so that its text is short and F · L is a whole number or nearly so.
func recommendedFactor(length: Int, trainedContext: Int) -> Double {
    max(1, (8 * Double(length) / Double(trainedContext)).rounded(.up) / 8)
}

/// F · L, or the nearest `Int`.
func reach(factor: Double, contextLength: Int) -> Int {
    let reach = (Double(contextLength) * factor).rounded(.down)
    return Int(exactly: reach) ?? (reach < 0 ? .min : .max)
}

extension RotaryScaling {
    /// Its name in config.json, or what it is.
    fileprivate var name: String {
        switch self {
        case .none: "default"
        case .linear: "linear"
        case .dynamic: "dynamic"
        case .llama3: "llama3"
        case .divided: "a divisor for each frequency"
        case .yarn: "yarn"
        case .longRoPE: "longrope"
        }
    }
}
