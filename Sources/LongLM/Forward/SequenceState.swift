import SIMDKernels

/// What one sequence brings to a forward pass: its keys and values, and between which positions its scores are taken.
final class SequenceState {
    let attention: AttentionMode
    let frequencies: RotaryFrequencies
    let localFrequencies: RotaryFrequencies?
    let cache: KeyValueCache
    /// Where the workers of a split attention leave their parts.
    let partials: AlignedBuffer

    init(_ configuration: ModelConfiguration, attention: AttentionMode, cache: KeyValueCache, capacity: Int) {
        self.attention = attention
        self.cache = cache
        frequencies = configuration.rotary.frequencies(length: capacity)
        localFrequencies = configuration.localRotary?.frequencies(length: capacity)
        partials = AlignedBuffer(
            floatCount: TwoPassAttention.partialFloatCount(shape: cache.shape, length: capacity))
    }
}
