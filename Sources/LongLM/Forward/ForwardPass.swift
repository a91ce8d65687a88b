import SIMDKernels

/// The steps that forward passes are written in, on one worker of a team.
///
/// Every worker calls the same steps in the same order, and a step gives each its share. With many rows a worker's share
/// of every step are the same rows, so that it waits for others only where it needs their keys and values; with few, every
/// step ends at a barrier, but for those between two products that each worker does for itself when rows are very few.
struct ForwardPass {
    let configuration: ModelConfiguration
    let precision: Precision
    let workspace: Workspace
    /// One for all rows, or as many as there are rows: each row is then the next token of another sequence.
    let sequences: [PassSequence]
    let tokens: UnsafeBufferPointer<Int>
    /// The rows whose logits are wanted: none, the last or all.
    let logitRows: Range<Int>
    /// [logitRows.count, V].
    let logits: UnsafeMutablePointer<Float>
    let cancellation: PassCancellation
    let worker: Worker

    private var rowCount: Int { tokens.count }

    private func sequence(_ row: Int) -> SequenceState { sequences[sequences.count == 1 ? 0 : row].state }

    private func position(_ row: Int) -> Int {
        sequences.count == 1 ? sequences[0].firstPosition + row : sequences[row].firstPosition
    }

    /// Whether the pass is to end before a layer, or with their number before the logits. All workers get the same answer.
    func isCancelled(before layer: Int) -> Bool { cancellation.isRequested(before: layer) }

    /// Looks the tokens' embeddings up, scales them, and computes the rotations of their positions.
    func embed(_ embedding: PackedMatrix) {
        let scale = configuration.embeddingScale
        worker.rows(of: rowCount).forEachRow { row in
            let hidden = workspace.hidden.floats + row * configuration.hiddenSize
            embedding.copyRow(tokens[row], to: hidden)
            if scale != 1 { for column in 0..<configuration.hiddenSize { hidden[column] *= scale } }
            prepareRotations(row)
        }
        endStep()
    }

    private func prepareRotations(_ row: Int) {
        let position = position(row)
        let sequence = sequence(row)
        let (attention, frequencies) = (sequence.attention, sequence.frequencies)
        workspace.queryRotation.fill(row: row, position: attention.farQueryPosition(position), frequencies)
        workspace.queryFactors.floats[row] = configuration.attentionScale * attention.queryScale(position)
        if attention != .plain {
            workspace.keyRotation.fill(row: row, position: attention.farKeyPosition(position), frequencies)
            workspace.neighborRotation.fill(row: row, position: Float(position), frequencies)
        }
        if let localFrequencies = sequence.localFrequencies {
            workspace.localRotation.fill(row: row, position: Float(position), localFrequencies)
        }
    }

    /// Whether a layer scores near and far keys between different positions.
    private func isTwoPass(_ attention: AttentionMode, _ layer: Int) -> Bool {
        attention != .plain && configuration.layerAttention[layer].isExtended
    }

    /// Normalises the stream.
    func normalize(_ norm: Norm) {
        normalize(workspace.hidden.floats, norm, rowCount: rowCount)
    }

    private func normalize(_ input: UnsafePointer<Float>, _ norm: Norm, rowCount: Int) {
        norm.normalization.apply(
            input, rowCount: rowCount, columnCount: configuration.hiddenSize, into: normed(rowCount),
            worker: rowWorker(rowCount))
        if !isPrivate(rowCount) { endStep(rowCount) }
    }

    /// Whether rows are so few that every worker does the steps between two products for itself, instead of waiting for
    /// the one that does them.
    private func isPrivate(_ rowCount: Int) -> Bool { rowCount <= Workspace.privateRowLimit }

    private func rowWorker(_ rowCount: Int) -> Worker { isPrivate(rowCount) ? worker.alone : worker }

    /// Where the normalised stream is.
    private func normed(_ rowCount: Int) -> UnsafeMutablePointer<Float> {
        isPrivate(rowCount) ? workspace.privateNormed(worker) : workspace.normed.floats
    }

    /// Projects the normalised stream onto queries, keys and values.
    func projectAttention(_ attention: AttentionWeights) {
        let input = pack(normed(rowCount), columnCount: configuration.hiddenSize)
        multiply(input, attention.query, into: workspace.projectedQueries)
        multiply(input, attention.key, into: workspace.keys)
        multiply(input, attention.value, into: workspace.values)
        endStep()
    }

    /// Normalises heads where the model does, rotates queries and keys to their positions, and stores keys and values.
    func rotateAndCache(_ weights: AttentionWeights, layer: Int) {
        let share = worker.rows(of: rowCount)
        if share.isOwned {
            share.forEachRow {
                rotateAndCache(weights, row: $0, heads: 0..<configuration.keyValueHeadCount, layer: layer)
            }
        } else {
            // Few rows have more heads than rows to share out.
            let heads = worker.share(of: configuration.keyValueHeadCount)
            for row in 0..<rowCount { rotateAndCache(weights, row: row, heads: heads, layer: layer) }
        }
        if worker.index == 0 { cancellation.poll(in: layer) }
        // Attention reads the keys and values of all rows.
        worker.barrier()
    }

    /// - Parameter heads: Key-value heads, with the query heads that share them.
    private func rotateAndCache(_ weights: AttentionWeights, row: Int, heads: Range<Int>, layer: Int) {
        let position = position(row)
        let sequence = sequence(row)
        let cache = sequence.cache
        let segment = cache.segments(layer: layer)[position / AttentionShape.segmentLength]
        let sharing = configuration.queryHeadCount / configuration.keyValueHeadCount
        let queryHeads = (heads.lowerBound * sharing)..<(heads.upperBound * sharing)
        let query = workspace.projectedQueries.floats + row * configuration.queryWidth
        let rotatedQuery = workspace.queries.floats + row * configuration.queryWidth
        let key = workspace.keys.floats + row * configuration.keyWidth
        let rotatedKey = workspace.scratch(worker)
        normalizeHeads(query, queryHeads, weights.queryNorm)
        normalizeHeads(key, heads, weights.keyNorm)
        if isTwoPass(sequence.attention, layer) {
            let factor = workspace.queryFactors.floats[row]
            rotate(query, queryHeads, workspace.queryRotation, row, factor, into: rotatedQuery)
            rotate(
                query, queryHeads, workspace.neighborRotation, row, factor,
                into: workspace.neighborQueries.floats + row * configuration.queryWidth)
            rotate(key, heads, workspace.neighborRotation, row, 1, into: rotatedKey)
            cache.shape.storeNeighborKey(
                rotatedKey, position: position, ring: cache.ring(layer: layer), panelCount: cache.ringPanelCount,
                heads: heads)
            rotate(key, heads, workspace.keyRotation, row, 1, into: rotatedKey)
        } else {
            let rotation = plainRotation(sequence.attention, layer)
            rotate(query, queryHeads, rotation, row, configuration.attentionScale, into: rotatedQuery)
            rotate(key, heads, rotation, row, 1, into: rotatedKey)
        }
        cache.shape.storeKey(rotatedKey, position: position, segment: segment, heads: heads)
        cache.shape.storeValue(
            workspace.values.floats + row * configuration.keyWidth, position: position, segment: segment, heads: heads)
    }

    /// The rotations to true positions; nil: none.
    private func plainRotation(_ attention: AttentionMode, _ layer: Int) -> RotationTable? {
        switch configuration.layerAttention[layer].rotation {
        case .global: attention == .plain ? workspace.queryRotation : workspace.neighborRotation
        case .local: workspace.localRotation
        case .none: nil
        }
    }

    private func normalizeHeads(_ row: UnsafeMutablePointer<Float>, _ heads: Range<Int>, _ headNorm: HeadNorm?) {
        guard let headNorm else { return }
        let dimension = configuration.headDimension
        for (index, norm) in headNorm.norms.enumerated() where headNorm.norms.count == 1 || heads.contains(index) {
            // One norm is for all heads, or each is for its own.
            let normed = headNorm.norms.count == 1 ? heads : index..<(index + 1)
            let first = row + normed.lowerBound * dimension
            norm.normalization.apply(
                first, rowCount: normed.count, columnCount: dimension, into: first, worker: worker.alone)
        }
    }

    private func rotate(
        _ input: UnsafePointer<Float>, _ heads: Range<Int>, _ rotation: RotationTable?, _ row: Int, _ factor: Float,
        into output: UnsafeMutablePointer<Float>
    ) {
        let first = heads.lowerBound * configuration.headDimension
        // Without a rotation nothing is read of the angles.
        let table = rotation ?? workspace.queryRotation
        Rotary.rotate(
            input + first, headCount: heads.count, headDimension: configuration.headDimension,
            rotaryDimension: rotation?.dimension ?? 0, cosines: table.cosines(row), sines: table.sines(row),
            factor: factor, into: output + first, instructionSet: worker.instructionSet)
    }

    /// Attends every query to the keys and values up to its own position.
    func attend(layer: Int) {
        let scratch = workspace.scratch(worker)
        if sequences.count == 1 {
            let state = sequences[0].state
            TwoPassAttention.attend(
                attentionInput(state, rows: 0..<rowCount, layer: layer), shape: state.cache.shape, scratch: scratch,
                partials: state.partials.floats, worker: worker)
            endStep()
            return
        }
        forEachSequence(layer) { input, state, worker in
            TwoPassAttention.attendSegments(
                input, shape: state.cache.shape, scratch: scratch, partials: state.partials.floats, worker: worker)
        }
        worker.barrier()
        forEachSequence(layer) { input, state, worker in
            TwoPassAttention.mergeSegments(
                input, shape: state.cache.shape, scratch: scratch, partials: state.partials.floats, worker: worker)
        }
        worker.barrier()
    }

    /// Calls `body` with the attention of each row, a sequence of its own.
    private func forEachSequence(_ layer: Int, _ body: (AttentionInput, SequenceState, Worker) -> Void) {
        for row in 0..<rowCount {
            let state = sequences[row].state
            body(attentionInput(state, rows: row..<(row + 1), layer: layer), state, worker.renumbered(by: row))
        }
    }

    /// - Parameter rows: Rows of one sequence.
    private func attentionInput(_ state: SequenceState, rows: Range<Int>, layer: Int) -> AttentionInput {
        let isTwoPass = isTwoPass(state.attention, layer)
        let cache = state.cache
        let first = rows.lowerBound * configuration.queryWidth
        let queries = workspace.queries.floats + first
        return AttentionInput(
            queries: queries, neighborQueries: isTwoPass ? workspace.neighborQueries.floats + first : queries,
            rowCount: rows.count, firstPosition: position(rows.lowerBound), segments: cache.segments(layer: layer),
            neighborRing: cache.ring(layer: layer), ringPanelCount: cache.ringPanelCount,
            neighborWindow: isTwoPass ? state.attention.neighborWindow ?? 0 : 0,
            slidingWindow: isTwoPass ? 0 : configuration.layerAttention[layer].slidingWindow ?? 0,
            scoreCap: configuration.attentionSoftcap ?? 0, output: workspace.attended.floats + first,
            precision: cache.shape.cacheFormat == .bfloat16 ? precision : .float32)
    }

    /// Adds the projection of what was attended to the stream.
    func addAttended(_ output: Linear, norm: Norm?) {
        add(workspace.attended.floats, output, norm)
    }

    /// Projects the normalised stream onto the inside of a feed-forward block.
    private func projectInside(_ feedForward: DenseFeedForward) {
        let input = pack(normed(rowCount), columnCount: configuration.hiddenSize)
        if let gate = feedForward.gate {
            GEMM.multiplyGated(
                input, gate: gate.weight, up: feedForward.up.weight, gateBias: gate.biasPointer,
                upBias: feedForward.up.biasPointer, activation: configuration.activation,
                into: workspace.gated.floats, scratch: workspace.scratch(worker), worker: worker)
        } else {
            multiply(input, feedForward.up, activation: configuration.activation, into: workspace.gated)
        }
        endStep()
    }

    /// Adds a feed-forward block's output to the stream.
    func addFeedForward(_ block: FeedForwardBlock, norm: Norm?) {
        switch block {
        case .dense(let dense):
            projectInside(dense)
            add(workspace.gated.floats, dense.down, norm)
        }
    }

    /// Adds a projection to the stream, normalised first if there is a norm.
    private func add(_ input: UnsafePointer<Float>, _ projection: Linear, _ norm: Norm?) {
        let packed = pack(input, columnCount: projection.weight.columnCount)
        guard let norm else {
            multiply(packed, projection, into: workspace.hidden, adding: true)
            endStep()
            return
        }
        multiply(packed, projection, into: workspace.projected)
        endStep()
        norm.normalization.apply(
            workspace.projected.floats, rowCount: rowCount, columnCount: configuration.hiddenSize,
            into: workspace.hidden.floats, adding: true, worker: worker)
        endStep()
    }

    /// Normalises the rows whose logits are wanted, and projects them onto the vocabulary.
    func projectLogits(_ norm: Norm, _ vocabulary: Linear) {
        if logitRows.isEmpty { return }
        let width = configuration.hiddenSize
        // These rows are shared out anew.
        worker.barrier()
        normalize(workspace.hidden.floats + logitRows.lowerBound * width, norm, rowCount: logitRows.count)
        let input = pack(normed(logitRows.count), rowCount: logitRows.count, columnCount: width)
        GEMM.multiply(
            input, by: vocabulary.weight, bias: vocabulary.biasPointer,
            activation: configuration.logitSoftcap.map(Activation.softCap) ?? .identity, into: logits,
            scratch: workspace.scratch(worker), worker: worker)
    }

    private func pack(_ input: UnsafePointer<Float>, rowCount: Int? = nil, columnCount: Int) -> PackedInput {
        let rowCount = rowCount ?? self.rowCount
        let isPrivate = isPrivate(rowCount)
        let packed = GEMM.packInput(
            input, rowCount: rowCount, columnCount: columnCount, precision: precision,
            into: isPrivate
                ? workspace.privatePacked(worker, hiddenSize: configuration.hiddenSize) : workspace.packed.floats,
            rowStride: workspace.packedRowStride, worker: rowWorker(rowCount))
        if !isPrivate { endStep(rowCount) }
        return packed
    }

    /// Meets the other workers, unless each goes on with its own rows.
    private func endStep(_ rowCount: Int? = nil) {
        if !worker.rows(of: rowCount ?? self.rowCount).isOwned { worker.barrier() }
    }

    private func multiply(
        _ input: PackedInput, _ projection: Linear, activation: Activation = .identity, into output: AlignedBuffer,
        adding: Bool = false
    ) {
        GEMM.multiply(
            input, by: projection.weight, bias: projection.biasPointer, activation: activation, into: output.floats,
            adding: adding, scratch: workspace.scratch(worker), worker: worker)
    }
}

extension Linear {
    fileprivate var biasPointer: UnsafePointer<Float>? { bias.map { UnsafePointer($0.floats) } }
}
