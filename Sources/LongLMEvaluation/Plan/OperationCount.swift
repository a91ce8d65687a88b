import LongLM

extension ModelConfiguration {
    /// Multiplications and additions of a prefill into an empty session whose last token's logits are wanted. Of the
    /// feed-forward block three products are counted, as gated ones have.
    ///
    /// - Parameters:
    ///   - length: Tokens.
    ///   - attention: From which positions scores are taken: layers that it extends see past their sliding windows.
    package func operationCount(prefillOf length: Int, attention: AttentionMode = .plain) -> Double {
        let queryWidth = Double(queryHeadCount * headDimension)
        let keyWidth = Double(keyValueHeadCount * headDimension)
        let hidden = Double(hiddenSize)
        let weights = 2 * hidden * (queryWidth + keyWidth) + 3 * hidden * Double(intermediateSize)
        let pairs = layerAttention.reduce(0) { sum, layer in
            let isExtended = attention != .plain && layer.isExtended
            return sum + pairCount(length: length, window: isExtended ? nil : layer.slidingWindow)
        }
        return Double(layerCount) * 2 * weights * Double(length) + 4 * queryWidth * pairs
            + 2 * hidden * Double(vocabularySize)
    }
}

/// Pairs of a query and a key that it sees, when it sees at most `window` of them.
private func pairCount(length: Int, window: Int?) -> Double {
    let full = Double(min(length, window ?? length))
    return full * (full + 1) / 2 + (Double(length) - full) * full
}
