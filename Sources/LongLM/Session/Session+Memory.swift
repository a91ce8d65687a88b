import SIMDKernels

// What a session takes of memory, and what it reserves.
extension Session {
    /// Reserves the memory of a full session.
    static func reserve(
        _ model: LanguageModel, _ options: SequenceOptions, workspaceByteCount: Int
    ) throws(SessionError) -> MemoryReservation {
        let configuration = model.configuration
        let (capacity, cacheFormat) = (options.capacity, options.cacheFormat)
        let cacheByteCount = configuration.cacheByteCount(
            length: capacity, neighborWindow: options.attention.method.ringWindow, cacheFormat: cacheFormat)
        let partialFloatCount = TwoPassAttention.partialFloatCount(
            shape: configuration.attentionShape(cacheFormat: cacheFormat), length: capacity)
        let need =
            cacheByteCount + workspaceByteCount + tokenByteCount(length: capacity)
            + (partialFloatCount + configuration.vocabularySize) * MemoryLayout<Float>.stride
        do {
            return try model.memory.reserve(need, for: .session(length: capacity, cacheFormat: cacheFormat))
        } catch { throw .memory(error) }
    }

    /// Reserves memory beside the session's own, until the last reference to the reservation is gone.
    func reserveMemory(
        _ byteCount: Int, for purpose: MemoryShortage.Purpose
    ) throws(SessionError) -> MemoryReservation {
        do throws(MemoryShortage) {
            return try model.memory.reserve(byteCount, for: purpose)
        } catch { throw .memory(error) }
    }

    /// The memory that keys and values take now, in bytes, including those that a fork shares.
    public var cacheByteCount: Int { cache.byteCount }

    /// The memory that the session has allocated, in bytes: keys and values (including those that a fork shares),
    /// activations, tokens and logits. Keys, values and tokens grow by segments of 512 positions. A truncation gives no
    /// memory back. Tables of a few kilobytes are not counted.
    public var memoryByteCount: Int {
        cache.byteCount + state.partials.byteCount + workspace.byteCount
            + Self.tokenByteCount(length: longestLength) + logits.count * MemoryLayout<Float>.stride
            + lookahead.byteCount
    }

    /// Tells the reservation how much memory has been taken.
    func noteMemory() {
        // Don't look at the logits: a pass may be writing them.
        let logitByteCount = longestLength == 0 ? 0 : model.configuration.vocabularySize * MemoryLayout<Float>.stride
        reservation.usedByteCount =
            cache.ownByteCount + state.partials.byteCount + workspace.writtenByteCount(rowCount: largestPass)
            + Self.tokenByteCount(length: longestLength) + logitByteCount
    }

    /// The memory of a list of `length` tokens. It grows by segments, like the cache, so that most tokens allocate
    /// nothing.
    static func tokenByteCount(length: Int) -> Int {
        AttentionShape.segmentCount(length: length) * AttentionShape.segmentLength * MemoryLayout<Int>.stride
    }
}
