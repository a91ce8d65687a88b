/// How tokens are chosen, as numbers: what a model's files recommend, or what a user sets.
///
/// ``options(tokenLimit:seed:)`` makes a ``Sampler`` and a ``LogitProcessor`` of them.
public struct SamplingSettings: Sendable, Equatable {
    /// What logits are divided by. 0 stands for the most probable token each time, without chance.
    public var temperature: Float
    /// Only this many most probable tokens; nil: all.
    public var topK: Int?
    /// Only the most probable tokens that together reach this probability; nil: all.
    public var topP: Float?
    /// Only tokens at least this fraction as probable as the most probable one; nil: all.
    public var minP: Float?
    /// What the positive logits of recent tokens are divided by, and negative ones multiplied by; nil: nothing changes.
    public var repetitionPenalty: Float?
    /// How many of the last tokens the penalty counts.
    public var repetitionWindow: Int

    /// Settings; the defaults take the most probable token each time.
    public init(
        temperature: Float = 0, topK: Int? = nil, topP: Float? = nil, minP: Float? = nil,
        repetitionPenalty: Float? = nil, repetitionWindow: Int = 64
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.repetitionWindow = repetitionWindow
    }

    /// Generation options with these settings.
    ///
    /// - Parameters:
    ///   - tokenLimit: The most tokens to produce.
    ///   - seed: The start of the random numbers. The same seed gives the same text; it has no effect at temperature 0.
    /// - Throws: ``InvalidOption`` for a setting outside of its range. At temperature 0 the filters are not looked at.
    public func options(tokenLimit: Int = 256, seed: UInt64 = 0) throws(InvalidOption) -> GenerationOptions {
        var options = GenerationOptions(tokenLimit: tokenLimit)
        if temperature != 0 {
            options.sampler = try ProbabilitySampler(
                temperature: temperature, topK: topK, topP: topP, minP: minP, seed: seed)
        }
        if let repetitionPenalty {
            options.processors = [try RepetitionPenalty(repetitionPenalty, window: repetitionWindow)]
        }
        return options
    }
}
