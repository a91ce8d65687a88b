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
    let cache: KeyValueCache
    let selfExtend: SelfExtend?
    let inverseFrequencies: [Float]
    let tokens: UnsafeBufferPointer<Int>
    /// The position of the first token.
    let firstPosition: Int
    /// The rows whose logits are wanted: none, the last or all.
    let logitRows: Range<Int>
    /// [logitRows.count, V].
    let logits: UnsafeMutablePointer<Float>
    let worker: Worker

    private var rowCount: Int { tokens.count }

    /// Looks the tokens' embeddings up, and computes the rotations of their positions.
    func embed(_ embedding: PackedMatrix) {
        worker.rows(of: rowCount).forEachRow { row in
            embedding.copyRow(tokens[row], to: workspace.hidden.floats + row * configuration.hiddenSize)
            prepareRotations(row)
        }
        endStep()
    }

    private func prepareRotations(_ row: Int) {
        let position = firstPosition + row
        let factor = 1 / Float(configuration.headDimension).squareRoot()
        if let selfExtend {
            workspace.queryRotation.fill(
                row: row, position: selfExtend.groupedQueryPosition(position), inverseFrequencies: inverseFrequencies)
            workspace.keyRotation.fill(
                row: row, position: selfExtend.groupedKeyPosition(position), inverseFrequencies: inverseFrequencies)
            workspace.neighborRotation.fill(
                row: row, position: Float(position), inverseFrequencies: inverseFrequencies)
            workspace.queryFactors.floats[row] = factor * selfExtend.queryScale(position)
        } else {
            workspace.queryRotation.fill(row: row, position: Float(position), inverseFrequencies: inverseFrequencies)
            workspace.queryFactors.floats[row] = factor
        }
    }

    /// Normalises the stream.
    func normalize(_ weight: AlignedBuffer) {
        normalize(workspace.hidden.floats, weight, rowCount: rowCount)
    }

    private func normalize(_ input: UnsafePointer<Float>, _ weight: AlignedBuffer, rowCount: Int) {
        RMSNorm.normalize(
            input, weight: weight.floats, epsilon: configuration.normEpsilon, rowCount: rowCount,
            columnCount: configuration.hiddenSize, into: normed(rowCount), worker: rowWorker(rowCount))
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
    func projectAttention(_ query: PackedMatrix, _ key: PackedMatrix, _ value: PackedMatrix) {
        let input = pack(normed(rowCount), columnCount: configuration.hiddenSize)
        multiply(input, query, into: workspace.projectedQueries)
        multiply(input, key, into: workspace.keys)
        multiply(input, value, into: workspace.values)
        endStep()
    }

    /// Rotates queries and keys to their positions, and stores keys and values.
    func rotateAndCache(layer: Int) {
        let share = worker.rows(of: rowCount)
        if share.isOwned {
            share.forEachRow { rotateAndCache(row: $0, heads: 0..<configuration.keyValueHeadCount, layer: layer) }
        } else {
            // Few rows have more heads than rows to share out.
            let heads = worker.share(of: configuration.keyValueHeadCount)
            for row in 0..<rowCount { rotateAndCache(row: row, heads: heads, layer: layer) }
        }
        // Attention reads the keys and values of all rows.
        worker.barrier()
    }

    /// - Parameter heads: Key-value heads, with the query heads that share them.
    private func rotateAndCache(row: Int, heads: Range<Int>, layer: Int) {
        let position = firstPosition + row
        let segment = cache.segments(layer: layer)[position / AttentionShape.segmentLength]
        let sharing = configuration.queryHeadCount / configuration.keyValueHeadCount
        let queryHeads = (heads.lowerBound * sharing)..<(heads.upperBound * sharing)
        let queryWidth = configuration.queryHeadCount * configuration.headDimension
        let keyWidth = configuration.keyValueHeadCount * configuration.headDimension
        let query = workspace.projectedQueries.floats + row * queryWidth
        let key = workspace.keys.floats + row * keyWidth
        let rotatedKey = workspace.scratch(worker)
        let factor = workspace.queryFactors.floats[row]
        rotate(
            query, queryHeads, workspace.queryRotation, row, factor, into: workspace.queries.floats + row * queryWidth)
        if selfExtend != nil {
            rotate(
                query, queryHeads, workspace.neighborRotation, row, factor,
                into: workspace.neighborQueries.floats + row * queryWidth)
            rotate(key, heads, workspace.neighborRotation, row, 1, into: rotatedKey)
            cache.shape.storeNeighborKey(
                rotatedKey, position: position, ring: cache.ring(layer: layer), panelCount: cache.ringPanelCount,
                heads: heads)
        }
        rotate(
            key, heads, selfExtend == nil ? workspace.queryRotation : workspace.keyRotation, row, 1, into: rotatedKey)
        cache.shape.storeKey(rotatedKey, position: position, segment: segment, heads: heads)
        cache.shape.storeValue(
            workspace.values.floats + row * keyWidth, position: position, segment: segment, heads: heads)
    }

    private func rotate(
        _ input: UnsafePointer<Float>, _ heads: Range<Int>, _ rotation: RotationTable, _ row: Int, _ factor: Float,
        into output: UnsafeMutablePointer<Float>
    ) {
        let first = heads.lowerBound * configuration.headDimension
        Rotary.rotate(
            input + first, headCount: heads.count, headDimension: configuration.headDimension,
            cosines: rotation.cosines(row), sines: rotation.sines(row), factor: factor, into: output + first,
            instructionSet: worker.instructionSet)
    }

    /// Attends every query to the keys and values up to its own position.
    func attend(layer: Int) {
        let queries = workspace.queries.floats
        let input = AttentionInput(
            queries: queries, neighborQueries: selfExtend == nil ? queries : workspace.neighborQueries.floats,
            rowCount: rowCount, firstPosition: firstPosition, segments: cache.segments(layer: layer),
            neighborRing: cache.ring(layer: layer), ringPanelCount: cache.ringPanelCount,
            neighborWindow: selfExtend?.neighborWindow ?? 0, output: workspace.attended.floats,
            precision: cache.shape.cacheType == .bfloat16 ? precision : .float32)
        TwoPassAttention.attend(
            input, shape: cache.shape, scratch: workspace.scratch(worker), partials: workspace.partials.floats,
            worker: worker)
        endStep()
    }

    /// Adds the projection of what was attended to the stream.
    func projectAttended(_ output: PackedMatrix) {
        let input = pack(workspace.attended.floats, columnCount: output.columnCount)
        multiply(input, output, into: workspace.hidden, adding: true)
        endStep()
    }

    /// Projects the normalised stream onto gate and up, and gates: silu(gate) · up.
    func projectGated(_ gate: PackedMatrix, _ up: PackedMatrix) {
        let input = pack(normed(rowCount), columnCount: configuration.hiddenSize)
        GEMM.multiplyGated(
            input, gate: gate, up: up, into: workspace.gated.floats, scratch: workspace.scratch(worker), worker: worker)
        endStep()
    }

    /// Adds the projection of what was gated to the stream.
    func projectDown(_ down: PackedMatrix) {
        let input = pack(workspace.gated.floats, columnCount: configuration.intermediateSize)
        multiply(input, down, into: workspace.hidden, adding: true)
        endStep()
    }

    /// Normalises the rows whose logits are wanted, and projects them onto the vocabulary.
    func projectLogits(_ norm: AlignedBuffer, _ vocabulary: PackedMatrix) {
        if logitRows.isEmpty { return }
        let width = configuration.hiddenSize
        // These rows are shared out anew.
        worker.barrier()
        normalize(workspace.hidden.floats + logitRows.lowerBound * width, norm, rowCount: logitRows.count)
        let input = pack(normed(logitRows.count), rowCount: logitRows.count, columnCount: width)
        GEMM.multiply(input, by: vocabulary, into: logits, scratch: workspace.scratch(worker), worker: worker)
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
        _ input: PackedInput, _ weights: PackedMatrix, into output: AlignedBuffer, adding: Bool = false
    ) {
        GEMM.multiply(
            input, by: weights, into: output.floats, adding: adding, scratch: workspace.scratch(worker), worker: worker)
    }
}
