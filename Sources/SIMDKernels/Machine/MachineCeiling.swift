import CLongLM

/// What a machine can do at most: loops that do nothing but multiply and add in registers, or read memory. Benchmarks
/// divide by them.
public enum MachineCeiling {
    /// Operations of one call of ``multiplyAdd(steps:precision:scratch:worker:)`` on one worker.
    public static func operationCount(steps: Int, precision: Precision) -> Int {
        // Rows and columns of the tile, and a multiplication and an addition in each.
        steps * 12 * 32 * 2 * (precision == .bfloat16 ? 2 : 1)
    }

    /// The floats of scratch memory that one worker needs.
    public static let scratchFloatCount = 12 * 32

    /// Multiplies and adds in registers, in the tile of the GEMM: enough chains to hide the latency of an instruction.
    ///
    /// - Parameters:
    ///   - steps: Steps of every chain.
    ///   - precision: ``Precision/bfloat16`` only where ``InstructionSet/hasBFloat16Products`` says so.
    ///   - scratch: This worker's own memory of ``scratchFloatCount`` floats.
    ///   - worker: The worker, all of which do the same.
    @inline(never)
    public static func multiplyAdd(
        steps: Int, precision: Precision = .float32, scratch: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        precondition(
            precision == .float32 || worker.instructionSet.hasBFloat16Products,
            "bfloat16 products need AVX-512 BF16")
        scratch.update(repeating: 0x1p-20, count: scratchFloatCount)
        var arguments = CeilingArguments(steps: steps, memory: UnsafePointer(scratch), scratch: scratch)
        #if arch(x86_64)
            if precision == .bfloat16 {
                longlm_call_peak_avx512bf16(&arguments)
                return
            }
        #endif
        longlm_run_peak(worker.instructionSet.number, &arguments)
    }

    /// Reads this worker's share of `memory` once.
    ///
    /// - Parameters:
    ///   - memory: [count].
    ///   - count: Floats.
    ///   - scratch: This worker's own memory of ``scratchFloatCount`` floats.
    ///   - worker: This worker.
    @inline(never)
    public static func read(
        _ memory: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        let share = worker.share(of: count / CeilingArguments.readStride)
        var arguments = CeilingArguments(
            steps: share.count, memory: memory + share.lowerBound * CeilingArguments.readStride, scratch: scratch)
        longlm_run_read(worker.instructionSet.number, &arguments)
    }
}

struct CeilingArguments {
    /// Floats that one step of reading takes.
    @inline(always) static var readStride: Int { 64 }

    let steps: Int
    let memory: UnsafePointer<Float>
    /// Where the results go, so that the work isn't dropped.
    let scratch: UnsafeMutablePointer<Float>
}

@inline(always)
private func peakKernel<Target: KernelTarget>(_ arguments: CeilingArguments, _: Target.Type) {
    // As many products whatever the shape of the tile.
    for _ in Steps(from: 0, to: 12 * 32 / (Target.Tile.rows * Target.Tile.columns), by: 1) {
        var tile = Target.Tile()
        let columns = Target.Tile.Columns(arguments.memory)
        // Every row has a factor of its own, or the compiler would compute equal rows once.
        for _ in Steps(from: 0, to: arguments.steps, by: 1) { tile.step(arguments.memory, 1, columns) }
        tile.store(to: arguments.scratch, stride: Target.Tile.columns)
    }
}

@inline(always)
private func readKernel(_ arguments: CeilingArguments) {
    var sums = Lanes32(repeating: 0)
    var others = Lanes32(repeating: 0)
    var source = arguments.memory
    for _ in Steps(from: 0, to: arguments.steps, by: 1) {
        sums.near += source.lanes(at: 0)
        sums.far += source.lanes(at: 16)
        others.near += source.lanes(at: 32)
        others.far += source.lanes(at: 48)
        source += CeilingArguments.readStride
    }
    sums.store(to: arguments.scratch)
    others.store(to: arguments.scratch + 32)
}

@c @implementation
func longlm_peak_baseline(_ arguments: UnsafeRawPointer) {
    peakKernel(arguments.assumingMemoryBound(to: CeilingArguments.self).pointee, BaselineTarget.self)
}

@c @implementation
func longlm_read_baseline(_ arguments: UnsafeRawPointer) {
    readKernel(arguments.assumingMemoryBound(to: CeilingArguments.self).pointee)
}

#if arch(x86_64)
    @c @implementation
    func longlm_peak_avx2(_ arguments: UnsafeRawPointer) {
        peakKernel(arguments.assumingMemoryBound(to: CeilingArguments.self).pointee, AVX2Target.self)
    }

    @c @implementation
    func longlm_peak_avx512(_ arguments: UnsafeRawPointer) {
        peakKernel(arguments.assumingMemoryBound(to: CeilingArguments.self).pointee, AVX512Target.self)
    }

    @c @implementation
    func longlm_peak_avx512bf16(_ arguments: UnsafeRawPointer) {
        peakKernel(arguments.assumingMemoryBound(to: CeilingArguments.self).pointee, AVX512BFloat16Target.self)
    }

    @c @implementation
    func longlm_read_avx2(_ arguments: UnsafeRawPointer) {
        readKernel(arguments.assumingMemoryBound(to: CeilingArguments.self).pointee)
    }

    @c @implementation
    func longlm_read_avx512(_ arguments: UnsafeRawPointer) {
        readKernel(arguments.assumingMemoryBound(to: CeilingArguments.self).pointee)
    }
#endif
