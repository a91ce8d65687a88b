/// Layers of attention and then a feed-forward block, each of which reads the normalised stream and adds to it.
struct SequentialDecoder: Architecture {
    let weights: DecoderWeights

    /// - Parameter weights: With a ``DecoderLayer/feedForwardNorm`` in every layer.
    init(weights: DecoderWeights) {
        precondition(
            weights.layers.allSatisfy { $0.feedForwardNorm != nil }, "the second block reads what the first one wrote")
        self.weights = weights
    }

    func forward(_ pass: ForwardPass) {
        pass.embed(weights.embedding)
        for (index, layer) in weights.layers.enumerated() {
            if pass.isCancelled(before: index) { return }
            pass.normalize(layer.attentionNorm)
            pass.projectAttention(layer.attention)
            pass.rotateAndCache(layer.attention, layer: index)
            pass.attend(layer: index)
            pass.addAttended(layer.attention.output, norm: layer.attentionOutputNorm)
            if let norm = layer.feedForwardNorm { pass.normalize(norm) }
            pass.projectInside(layer.feedForward)
            pass.addInside(layer.feedForward.down, norm: layer.feedForwardOutputNorm)
        }
        if pass.isCancelled(before: weights.layers.count) { return }
        pass.projectLogits(weights.finalNorm, weights.vocabularyProjection)
    }
}
