/// Layers of attention and then a feed-forward block, each of which reads the normalised stream and adds to it.
struct SequentialDecoder {
    let weights: DecoderWeights

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
            pass.addFeedForward(layer.feedForward, norm: layer.feedForwardOutputNorm)
        }
        if pass.isCancelled(before: weights.layers.count) { return }
        pass.projectLogits(weights.finalNorm, weights.vocabularyProjection)
    }
}
