import SIMDKernels

/// One worker's part of a forward pass: a decoder as a list of steps.
///
/// A step's call names what it reads and what it writes. The steps stand in `Steps/`; how their work is shared out among
/// workers is the ``PassSchedule``'s affair.
struct ForwardPass {
    let configuration: ModelConfiguration
    let precision: Precision
    let workspace: Workspace
    let pass: Pass
    var schedule: PassSchedule

    /// Runs the whole decoder.
    ///
    /// - Parameters:
    ///   - decoder: The weights.
    ///   - cancellation: Asked before each layer.
    ///   - output: Where its results go. They are unchanged when the pass is cancelled.
    func run(_ decoder: DecoderWeights, _ cancellation: PassCancellation, output: PassOutput) {
        embed(pass.tokens, by: decoder.embedding, into: hidden)
        fill(rotations)
        for (index, layer) in decoder.layers.enumerated() {
            if cancellation.isRequested(before: index) { return }
            cancellation.poll(in: index, by: schedule.worker)
            switch decoder.blockOrder {
            case .sequential: runSequential(layer, at: index)
            case .parallel: runParallel(layer, at: index)
            }
        }
        if cancellation.isRequested(before: decoder.layers.count) { return }
        if let states = output.hiddenStates { self.output(hidden, normalizedBy: decoder.finalNorm, into: states) }
        if let scoring = output.scoring {
            score(scoring, of: hidden, normalizedBy: decoder.finalNorm, onto: decoder.vocabularyProjection)
        }
        if let logits = output.logits {
            projectLogits(
                pass.logitRows, of: hidden, normalizedBy: decoder.finalNorm, onto: decoder.vocabularyProjection,
                into: logits)
        }
    }

    /// Attention, and then a feed-forward block that reads what attention has added to.
    private func runSequential(_ layer: DecoderLayer, at index: Int) {
        normalize(hidden, by: layer.attentionNorm, into: normed)
        project(normed, onto: layer.attention, into: heads)
        rotate(heads, normalizedBy: layer.attention, by: rotations, into: queries, andCachesOf: index)
        attend(queries, toCachesOf: index, into: attended)
        add(attended, through: layer.attention.output, normalizedBy: layer.attentionOutputNorm, to: hidden)
        if let norm = layer.feedForwardNorm { normalize(hidden, by: norm, into: normed) }
        addFeedForward(layer.feedForward, of: normed, normalizedBy: layer.feedForwardOutputNorm, to: hidden)
    }

    /// Attention and a feed-forward block that read the same stream, normalised once or each in its own way.
    private func runParallel(_ layer: DecoderLayer, at index: Int) {
        normalize(hidden, by: layer.attentionNorm, into: normed)
        project(normed, onto: layer.attention, into: heads)
        // Before attention is added to the stream.
        if let norm = layer.feedForwardNorm { normalize(hidden, by: norm, into: normed) }
        rotate(heads, normalizedBy: layer.attention, by: rotations, into: queries, andCachesOf: index)
        attend(queries, toCachesOf: index, into: attended)
        add(attended, through: layer.attention.output, normalizedBy: layer.attentionOutputNorm, to: hidden)
        addFeedForward(layer.feedForward, of: normed, normalizedBy: layer.feedForwardOutputNorm, to: hidden)
    }

    // What the steps read and write.
    private var hidden: Activations { workspace.hidden }
    private var normed: Activations { workspace.normed(schedule) }
    private var heads: ProjectedHeads { workspace.heads }
    private var rotations: Rotations { workspace.rotations }
    private var queries: [Activations] { workspace.queries }
    private var attended: Activations { workspace.attended }
}
