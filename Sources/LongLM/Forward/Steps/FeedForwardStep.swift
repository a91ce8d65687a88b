import SIMDKernels

extension ForwardPass {
    /// output += the block's value for the input, normalised first if there is a norm.
    func addFeedForward(
        _ block: FeedForwardBlock, of input: Activations, normalizedBy norm: Norm?, to output: Activations
    ) {
        switch block {
        case .dense(let dense):
            let inside = workspace.inside
            project(input, onto: dense, into: inside)
            add(inside, through: dense.down, normalizedBy: norm, to: output)
        }
    }

    /// inside = activation(gate(input)) · up(input), or activation(up(input)) without a gate.
    private func project(_ input: Activations, onto dense: DenseFeedForward, into inside: Activations) {
        if let gate = dense.gate {
            let packed = pack(input, for: gate, dense.up)
            GEMM.multiplyGated(
                packed, gate: gate.weight, up: dense.up.weight, gateBias: gate.biasPointer,
                upBias: dense.up.biasPointer, activation: configuration.activation, into: inside.floats,
                scratch: workspace.scratch(schedule.worker), worker: schedule.worker)
        } else {
            multiply(pack(input, for: dense.up), by: dense.up, activation: configuration.activation, into: inside)
        }
        schedule.endStep()
    }
}
