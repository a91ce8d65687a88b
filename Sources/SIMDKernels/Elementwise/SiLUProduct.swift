import CLongLM

/// The gate of a SwiGLU feed-forward block (Shazeer, 2020).
public enum SiLUProduct {
    /// This worker's share of gate ← silu(gate) · up, element by element, with silu(x) = x / (1 + e^−x).
    ///
    /// - Parameters:
    ///   - gate: [count]; overwritten.
    ///   - up: [count].
    @inline(never)
    public static func apply(
        gate: UnsafeMutablePointer<Float>, up: UnsafePointer<Float>, count: Int, worker: Worker
    ) {
        let vectors = worker.share(of: (count + laneCount - 1) / laneCount)
        let range = (vectors.lowerBound * laneCount)..<min(vectors.upperBound * laneCount, count)
        var arguments = SiLUProductArguments(gate: gate, up: up, range: range)
        longlm_run_silu_product(worker.instructionSet.number, &arguments)
    }
}

struct SiLUProductArguments {
    let gate: UnsafeMutablePointer<Float>
    let up: UnsafePointer<Float>
    let range: Range<Int>
}

@inline(always)
private func siluProductKernel<Target: KernelTarget>(_ arguments: SiLUProductArguments, _: Target.Type) {
    let gate = arguments.gate
    let range = arguments.range
    var index = range.lowerBound
    while index + laneCount <= range.upperBound {
        let activated = Exponential.silu(gate.lanes(at: index), Target.Arithmetic.self)
        gate.store(activated * arguments.up.lanes(at: index), at: index)
        index += laneCount
    }
    let rest = range.upperBound - index
    if rest > 0 {
        let activated = Exponential.silu(
            UnsafePointer(gate).partialLanes(at: index, count: rest), Target.Arithmetic.self)
        gate.storePartial(activated * arguments.up.partialLanes(at: index, count: rest), at: index, count: rest)
    }
}

@c @implementation
func longlm_silu_product_baseline(_ arguments: UnsafeRawPointer) {
    siluProductKernel(arguments.load(as: SiLUProductArguments.self), BaselineTarget.self)
}

#if arch(x86_64)
    @c @implementation
    func longlm_silu_product_avx2(_ arguments: UnsafeRawPointer) {
        siluProductKernel(arguments.load(as: SiLUProductArguments.self), AVX2Target.self)
    }

    @c @implementation
    func longlm_silu_product_avx512(_ arguments: UnsafeRawPointer) {
        siluProductKernel(arguments.load(as: SiLUProductArguments.self), AVX512Target.self)
    }
#endif
