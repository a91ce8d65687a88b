import SIMDKernels

extension ForwardPass {
    /// Normalises heads where the model does, rotates queries and keys to their positions, and stores keys and values in
    /// the caches of their sequences.
    ///
    /// - Parameters:
    ///   - heads: Queries and keys are normalised in place.
    ///   - weights: With the norms of single heads.
    ///   - rotations: Of all rows.
    ///   - queries: The rotated queries of each zone.
    ///   - layer: Whose caches get the keys and values.
    func rotate(
        _ heads: ProjectedHeads, normalizedBy weights: AttentionWeights, by rotations: Rotations,
        into queries: [Activations], andCachesOf layer: Int
    ) {
        schedule.forEachRow(of: configuration.keyValueHeadCount) { row, keyHeads in
            let step = RotationOfRow(
                row: row, run: pass.run(ofRow: row), keyHeads: keyHeads, headDimension: configuration.headDimension,
                sharingCount: configuration.queryHeadCount / configuration.keyValueHeadCount,
                worker: schedule.worker, rotatedKey: workspace.scratch(schedule.worker))
            step.normalize(heads.queries, step.queryHeads, weights.queryNorm)
            step.normalize(heads.keys, keyHeads, weights.keyNorm)
            step.rotate(heads, by: rotations, layer, configuration, into: queries)
        }
        // Attention reads the keys and values of all rows.
        schedule.endStepForAllRows()
    }

    /// Attends every query to the keys and values of its sequence, up to its own position.
    func attend(_ queries: [Activations], toCachesOf layer: Int, into attended: Activations) {
        let scratch = workspace.scratch(schedule.worker)
        if pass.runs.count == 1 {
            // All rows are this run's, so that workers go on with those that they own.
            let sequence = pass.runs[0].sequence
            TwoPassAttention.attend(
                attentionInput(pass.runs[0], queries, layer, attended), shape: sequence.cache.shape, scratch: scratch,
                partials: sequence.partials.floats, worker: schedule.worker)
            schedule.endStep()
            return
        }
        // Each run is shared out by itself: by its rows if they are many, by heads and segments if they are few. That is
        // another division than the pass's, so all workers meet at the end.
        forEachRun(queries, layer, attended) { input, sequence, worker in
            TwoPassAttention.attendSegments(
                input, shape: sequence.cache.shape, scratch: scratch, partials: sequence.partials.floats, worker: worker
            )
        }
        schedule.endStepForAllRows()
        forEachRun(queries, layer, attended) { input, sequence, worker in
            TwoPassAttention.mergeSegments(
                input, shape: sequence.cache.shape, scratch: scratch, partials: sequence.partials.floats, worker: worker
            )
        }
        schedule.endStepForAllRows()
    }

    /// Calls `body` with the attention of each run. Workers are numbered otherwise in each, so that what is left over falls
    /// to all of them in turn.
    private func forEachRun(
        _ queries: [Activations], _ layer: Int, _ attended: Activations,
        _ body: (AttentionInput, SequenceState, Worker) -> Void
    ) {
        for (index, run) in pass.runs.enumerated() {
            body(
                attentionInput(run, queries, layer, attended), run.sequence, schedule.worker.renumbered(by: index))
        }
    }

    private func attentionInput(
        _ run: PassRun, _ queries: [Activations], _ layer: Int, _ attended: Activations
    ) -> AttentionInput {
        let (sequence, first) = (run.sequence, run.rows.lowerBound)
        let cache = sequence.cache
        let isExtended = configuration.isExtended(layer, of: sequence)
        return AttentionInput(
            zones: isExtended
                ? ZoneQueries(sequence.zones) { UnsafePointer(queries[$0].row(first)) }
                : ZoneQueries(queries[0].row(first)),
            rowCount: run.rows.count, firstPosition: run.firstPosition, segments: cache.segments(layer: layer),
            ring: cache.ring(layer: layer), ringPanelCount: cache.ringPanelCount,
            slidingWindow: isExtended ? 0 : configuration.layerAttention[layer].slidingWindow ?? 0,
            scoreCap: configuration.attentionSoftcap ?? 0, output: attended.row(first),
            precision: precision.reads(cache.shape.cacheFormat) ? precision : .float32)
    }
}

/// Some heads of one row on their way from the projections to the rotated queries and the cache.
private struct RotationOfRow {
    let row: Int
    let run: PassRun
    /// Key-value heads; the query heads that share them go with them.
    let keyHeads: Range<Int>
    let headDimension: Int
    /// Query heads of a key-value head.
    let sharingCount: Int
    let worker: Worker
    /// This worker's memory for one row of keys.
    let rotatedKey: UnsafeMutablePointer<Float>

    var queryHeads: Range<Int> { (keyHeads.lowerBound * sharingCount)..<(keyHeads.upperBound * sharingCount) }

    /// Normalises heads in place; does nothing without a norm.
    func normalize(_ activations: Activations, _ heads: Range<Int>, _ headNorm: HeadNorm?) {
        guard let headNorm else { return }
        for (index, norm) in headNorm.norms.enumerated() where headNorm.norms.count == 1 || heads.contains(index) {
            // One norm is for all heads, or each is for its own.
            let normed = headNorm.norms.count == 1 ? heads : index..<(index + 1)
            let first = activations.row(row) + normed.lowerBound * headDimension
            norm.normalization.apply(
                first, rowCount: normed.count, columnCount: headDimension, into: first, worker: worker.alone)
        }
    }

    /// Rotates queries and keys for a layer, and stores keys and values.
    func rotate(
        _ heads: ProjectedHeads, by rotations: Rotations, _ layer: Int, _ configuration: ModelConfiguration,
        into queries: [Activations]
    ) {
        let (query, key, value) = (heads.queries.row(row), heads.keys.row(row), heads.values.row(row))
        let cache = run.sequence.cache
        let position = run.position(ofRow: row)
        let segment = cache.segments(layer: layer)[position / AttentionShape.segmentLength]
        switch rotations.positions(ofLayer: layer, configuration, run.sequence) {
        case .one(let rotation):
            rotateQuery(query, rotation, configuration.attentionScale, into: queries[0])
            rotateKey(key, rotation)
        case .zones(let count, let hasRing):
            let factor = rotations.queryFactor(row)
            for zone in 0..<count { rotateQuery(query, rotations.zoneQueries[zone], factor, into: queries[zone]) }
            if hasRing {
                rotateKey(key, rotations.own)
                cache.shape.storeNeighborKey(
                    rotatedKey, position: position, ring: cache.ring(layer: layer), panelCount: cache.ringPanelCount,
                    heads: keyHeads)
            }
            rotateKey(key, rotations.segmentKey)
        }
        cache.shape.storeKey(rotatedKey, position: position, segment: segment, heads: keyHeads)
        cache.shape.storeValue(value, position: position, segment: segment, heads: keyHeads)
    }

    /// Whether the cache keeps keys in few levels, among which a Hadamard transform spreads them better.
    private var transformsKeys: Bool { run.sequence.cache.shape.cacheFormat == .int8 }

    private func rotateQuery(
        _ query: UnsafePointer<Float>, _ rotation: RotationTable?, _ factor: Float, into queries: Activations
    ) {
        rotate(query, queryHeads, rotation, factor, into: queries.row(row))
        if transformsKeys {
            // The transforms of both would multiply products by the length of a block.
            let length = Float(Hadamard.blockLength(headDimension: headDimension))
            Hadamard.transform(
                queries.row(row) + queryHeads.lowerBound * headDimension, headCount: queryHeads.count,
                headDimension: headDimension, factor: 1 / length)
        }
    }

    private func rotateKey(_ key: UnsafePointer<Float>, _ rotation: RotationTable?) {
        rotate(key, keyHeads, rotation, 1, into: rotatedKey)
        if transformsKeys {
            Hadamard.transform(
                rotatedKey + keyHeads.lowerBound * headDimension, headCount: keyHeads.count,
                headDimension: headDimension)
        }
    }

    /// - Parameter rotation: nil: the heads are only multiplied by the factor.
    private func rotate(
        _ input: UnsafePointer<Float>, _ heads: Range<Int>, _ rotation: RotationTable?, _ factor: Float,
        into output: UnsafeMutablePointer<Float>
    ) {
        let first = heads.lowerBound * headDimension
        Rotary.rotate(
            input + first, headCount: heads.count, headDimension: headDimension,
            rotaryDimension: rotation?.dimension ?? 0,
            // Without a rotation nothing is read of the angles.
            cosines: rotation?.cosines(row) ?? output, sines: rotation?.sines(row) ?? output,
            factor: factor, into: output + first, instructionSet: worker.instructionSet)
    }
}
