/// Layers whose attention and feed-forward block read the same stream, normalised once or each in its own way, and are
/// both added to it.
struct ParallelDecoder {
    let weights: DecoderWeights

    func forward(_ pass: ForwardPass) {
        pass.embed(weights.embedding)
        for (index, layer) in weights.layers.enumerated() {
            if pass.isCancelled(before: index) { return }
            pass.normalize(layer.attentionNorm)
            pass.projectAttention(layer.attention)
            // Before attention is added to the stream.
            if let norm = layer.feedForwardNorm { pass.normalize(norm) }
            pass.rotateAndCache(layer.attention, layer: index)
            pass.attend(layer: index)
            pass.addAttended(layer.attention.output, norm: layer.attentionOutputNorm)
            pass.addFeedForward(layer.feedForward, norm: layer.feedForwardOutputNorm)
        }
        if pass.isCancelled(before: weights.layers.count) { return }
        pass.projectLogits(weights.finalNorm, weights.vocabularyProjection)
    }
}
