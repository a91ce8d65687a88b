import SIMDKernels

/// How a sequence runs, with nothing left open: what a session's options mean for its model.
struct SequenceOptions: Equatable {
    let attention: AttentionMode
    let threadCount: Int
    /// The most tokens of the sequence.
    var capacity: Int
    let cacheFormat: CacheFormat
    /// The length for which frequencies are computed that depend on one.
    let frequencyLength: Int
    /// The most tokens of a pass of the sequence alone.
    var rowLimit: Int
}
