// What a cache holds, taken out again: the inverse of the functions that store it.
extension AttentionShape {
    /// Copies the key of one position out of its segment.
    ///
    /// - Parameters:
    ///   - position: The absolute position; only its place in the segment matters here.
    ///   - segment: Memory of ``segmentFloatCount`` floats.
    ///   - key: [Hkv, D], as it was stored: of a bfloat16 cache, the rounded numbers.
    package func loadKey(position: Int, segment: UnsafePointer<Float>, into key: UnsafeMutablePointer<Float>) {
        let place = position % Self.segmentLength
        loadKey(
            key, from: segment + place / Self.panelLength * layout.panelFloatCount, headStride: layout.headFloatCount,
            place: place % Self.panelLength)
    }

    /// Copies the neighbor key of one position out of a ring.
    ///
    /// - Parameters:
    ///   - position: The absolute position, whose key the ring still has.
    ///   - ring: Memory of ``ringFloatCount(panelCount:)`` floats.
    ///   - panelCount: The panels of the ring.
    ///   - key: [Hkv, D], as it was stored.
    package func loadNeighborKey(
        position: Int, ring: UnsafePointer<Float>, panelCount: Int, into key: UnsafeMutablePointer<Float>
    ) {
        let panel = position / Self.panelLength % panelCount
        loadKey(
            key, from: ring + panel * layout.panelFloatCount, headStride: panelCount * layout.panelFloatCount,
            place: position % Self.panelLength)
    }

    /// Copies the value of one position out of its segment.
    ///
    /// - Parameters:
    ///   - position: The absolute position; only its place in the segment matters here.
    ///   - segment: Memory of ``segmentFloatCount`` floats.
    ///   - value: [Hkv, D], as it was stored.
    package func loadValue(position: Int, segment: UnsafePointer<Float>, into value: UnsafeMutablePointer<Float>) {
        let storage = cacheFormat.storage
        for head in 0..<keyValueHeadCount {
            storage.loadValue(
                value + head * headDimension, headDimension,
                segment + head * layout.headFloatCount + layout.keysFloatCount,
                position % Self.segmentLength, layout.valueStride)
        }
    }

    private func loadKey(
        _ key: UnsafeMutablePointer<Float>, from panel: UnsafePointer<Float>, headStride: Int, place: Int
    ) {
        let storage = cacheFormat.storage
        for head in 0..<keyValueHeadCount {
            storage.loadKey(key + head * headDimension, headDimension, panel + head * headStride, place)
        }
    }
}
