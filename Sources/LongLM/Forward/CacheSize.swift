import SIMDKernels

extension ModelConfiguration {
    /// The heads of the model's attention.
    func attentionShape(cacheFormat: CacheFormat) -> AttentionShape {
        AttentionShape(
            queryHeadCount: queryHeadCount, keyValueHeadCount: keyValueHeadCount, headDimension: headDimension,
            cacheFormat: cacheFormat)
    }

    /// The memory that a session's cache takes when it holds `length` tokens, in bytes.
    ///
    /// - Parameters:
    ///   - length: Between 0 and 2²⁴.
    ///   - neighborWindow: W, at least 1; its ring of neighbor keys is counted. nil: plain attention.
    ///   - cacheFormat: How keys and values are stored.
    public func cacheByteCount(
        length: Int, neighborWindow: Int? = nil, cacheFormat: CacheFormat = .float32
    ) -> Int {
        precondition((0...Positions.maximumCount).contains(length), "a session can have this length")
        let attentionShape = attentionShape(cacheFormat: cacheFormat)
        let segments = AttentionShape.segmentCount(length: length) * attentionShape.segmentFloatCount
        precondition(neighborWindow.map { $0 >= 1 } ?? true, "a window has positions")
        let ring = neighborWindow.map { window in
            let panels = KeyValueCache.ringPanelCount(
                shape: attentionShape, capacity: length, window: window)
            return attentionShape.ringFloatCount(panelCount: panels)
        }
        return layerCount * (segments + (ring ?? 0)) * MemoryLayout<Float>.stride
    }
}
