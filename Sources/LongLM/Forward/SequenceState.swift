import SIMDKernels

/// What a sequence brings to a forward pass: its cache, and the positions that its scores are taken between.
final class SequenceState {
    let attention: AttentionMode
    let frequencies: RotaryFrequencies
    let localFrequencies: RotaryFrequencies?
    let cache: KeyValueCache
    /// Where workers that share out the segments of a head leave their partial results.
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
