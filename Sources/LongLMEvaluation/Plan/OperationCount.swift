import LongLM

extension ModelConfiguration {
    /// The multiplications and additions of a prefill into an empty session, with the logits of the last token alone.
    ///
    /// A feed-forward block counts as three products. That is right for gated blocks; those of GPT-NeoX and Phi have two.
    ///
    /// - Parameters:
    ///   - length: Tokens.
    ///   - attention: The attention mode. Layers that it extends have no sliding windows.
    package func operationCount(prefillOf length: Int, attention: AttentionMode = .plain) -> Double {
        let queryWidth = Double(queryHeadCount * headDimension)
        let keyWidth = Double(keyValueHeadCount * headDimension)
        let hidden = Double(hiddenSize)
        let weights = 2 * hidden * (queryWidth + keyWidth) + 3 * hidden * Double(intermediateSize)
        let pairs = layerAttention.reduce(0) { sum, layer in
            let isExtended = attention.method.movesPositions && layer.isExtended
            return sum + pairCount(length: length, window: isExtended ? nil : layer.slidingWindow)
        }
        return Double(layerCount) * 2 * weights * Double(length) + 4 * queryWidth * pairs
            + 2 * hidden * Double(vocabularySize)
    }
}

/// The pairs of a query and a key that it sees. A query sees at most `window` keys; nil: no limit.
private func pairCount(length: Int, window: Int?) -> Double {
    let full = Double(min(length, window ?? length))
    return full * (full + 1) / 2 + (Double(length) - full) * full
}
