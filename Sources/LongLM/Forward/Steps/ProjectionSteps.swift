import SIMDKernels

extension ForwardPass {
    /// output = normalised input.
    func normalize(_ input: Activations, by norm: Norm, into output: Activations) {
        norm.normalization.apply(
            input.floats, rowCount: schedule.rowCount, columnCount: input.columnCount, into: output.floats,
            worker: schedule.shortStepWorker)
        schedule.endShortStep()
    }

    /// Projects onto queries, keys and values.
    func project(_ input: Activations, onto attention: AttentionWeights, into heads: ProjectedHeads) {
        let packed = pack(input, for: attention.query, attention.key, attention.value)
        multiply(packed, by: attention.query, into: heads.queries)
        multiply(packed, by: attention.key, into: heads.keys)
        multiply(packed, by: attention.value, into: heads.values)
        schedule.endStep()
    }

    /// output += projected input, normalised first if there is a norm.
    func add(_ input: Activations, through projection: Linear, normalizedBy norm: Norm?, to output: Activations) {
        let packed = pack(input, for: projection)
        guard let norm else {
            multiply(packed, by: projection, into: output, adding: true)
            schedule.endStep()
            return
        }
        multiply(packed, by: projection, into: workspace.projected)
        schedule.endStep()
        norm.normalization.apply(
            workspace.projected.floats, rowCount: schedule.rowCount, columnCount: output.columnCount,
            into: output.floats, adding: true, worker: schedule.worker)
        schedule.endStep()
    }

    /// The input in the form that products with some projections read. Those of one input have one precision: in
    /// `Precision.int8`, they are multiplied as integers if all of them are quantised.
    func pack(_ input: Activations, for projections: Linear...) -> PackedInput {
        let isReadByAll = projections.allSatisfy { self.precision.precision(for: $0.weight.format) == self.precision }
        let inputPrecision = isReadByAll ? self.precision : .float32
        let packed = GEMM.packInput(
            input.floats, rowCount: schedule.rowCount, columnCount: input.columnCount, precision: inputPrecision,
            into: workspace.packed(schedule), rowStride: workspace.packedRowStride, worker: schedule.shortStepWorker)
        schedule.endShortStep()
        return packed
    }

    /// This worker's share of output = activation(input · weightsᵀ + bias), or output += the same. The step isn't ended.
    func multiply(
        _ input: PackedInput, by projection: Linear, activation: Activation = .identity, into output: Activations,
        adding: Bool = false
    ) {
        GEMM.multiply(
            input, by: projection.weight, bias: projection.biasPointer, activation: activation, into: output.floats,
            adding: adding, scratch: workspace.scratch(schedule.worker), worker: schedule.worker)
    }
}

extension Linear {
    var biasPointer: UnsafePointer<Float>? { bias.map { UnsafePointer($0.floats) } }
}
