import SIMDKernels

/// What a sequence brings to a forward pass: its cache, and the positions that its scores are taken between.
final class SequenceState {
    let method: any AttentionMethod
    /// The method's.
    let zones: [AttentionZone]
    let frequencies: RotaryFrequencies
    let localFrequencies: RotaryFrequencies?
    let cache: KeyValueCache
    /// Where workers that share out the segments of a head leave their partial results.
    let partials: AlignedBuffer

    init(_ configuration: ModelConfiguration, _ options: SequenceOptions, cache: KeyValueCache) {
        method = options.attention.method
        zones = method.zones
        self.cache = cache
        frequencies = method.rotary(of: configuration).frequencies(length: options.frequencyLength)
        localFrequencies = configuration.localRotary?.frequencies(length: options.frequencyLength)
        partials = AlignedBuffer(
            floatCount: TwoPassAttention.partialFloatCount(shape: cache.shape, length: options.capacity))
    }
}
