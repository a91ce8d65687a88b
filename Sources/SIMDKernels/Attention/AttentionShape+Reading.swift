// What a cache holds, taken out again: the inverse of the functions that store it.
extension AttentionShape {
    /// Copies the key of one position out of its segment.
    ///
    /// - Parameters:
    ///   - position: The absolute position; only its place in the segment matters here.
    ///   - segment: Memory of ``segmentFloatCount`` floats.
    ///   - key: [Hkv, D], as it was stored: of a bfloat16 cache, the rounded numbers.
    public func loadKey(position: Int, segment: UnsafePointer<Float>, into key: UnsafeMutablePointer<Float>) {
        let place = position % Self.segmentLength
        gather(
            segment + place / Self.panelLength * panelFloatCount + place % Self.panelLength, headStride: headFloatCount,
            into: key)
    }

    /// Copies the neighbor key of one position out of a ring.
    ///
    /// - Parameters:
    ///   - position: The absolute position, whose key the ring still has.
    ///   - ring: Memory of ``ringFloatCount(panelCount:)`` floats.
    ///   - panelCount: The panels of the ring.
    ///   - key: [Hkv, D], as it was stored.
    public func loadNeighborKey(
        position: Int, ring: UnsafePointer<Float>, panelCount: Int, into key: UnsafeMutablePointer<Float>
    ) {
        let panel = position / Self.panelLength % panelCount
        gather(
            ring + panel * panelFloatCount + position % Self.panelLength, headStride: panelCount * panelFloatCount,
            into: key)
    }

    /// Copies the value of one position out of its segment.
    ///
    /// - Parameters:
    ///   - position: The absolute position; only its place in the segment matters here.
    ///   - segment: Memory of ``segmentFloatCount`` floats.
    ///   - value: [Hkv, D], as it was stored.
    public func loadValue(position: Int, segment: UnsafePointer<Float>, into value: UnsafeMutablePointer<Float>) {
        let place = position % Self.segmentLength
        for head in 0..<keyValueHeadCount {
            let row = segment + head * headFloatCount + keysFloatCount + place / perWord * valueStride
            let target = value + head * headDimension
            if cacheFormat == .float32 {
                target.update(from: row, count: headDimension)
            } else {
                let halves = UnsafeRawPointer(row).assumingMemoryBound(to: UInt16.self) + place % 2
                for d in 0..<headDimension { target[d] = Float(bitPattern: UInt32(halves[2 * d]) << 16) }
            }
        }
    }

    private func gather(_ panel: UnsafePointer<Float>, headStride: Int, into key: UnsafeMutablePointer<Float>) {
        for head in 0..<keyValueHeadCount {
            let source = panel + head * headStride
            let target = key + head * headDimension
            if cacheFormat == .float32 {
                for d in 0..<headDimension { target[d] = source[d * Self.panelLength] }
            } else {
                for word in 0..<(headDimension / 2) {
                    let pair = source[word * Self.panelLength].bitPattern
                    target[2 * word] = Float(bitPattern: pair << 16)
                    target[2 * word + 1] = Float(bitPattern: pair & 0xffff_0000)
                }
            }
        }
    }
}
