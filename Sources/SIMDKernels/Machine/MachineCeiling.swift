import CLongLM

/// What a machine can do at most: loops that do nothing but multiply and add in registers, or read memory. Benchmarks
/// divide by them.
public enum MachineCeiling {
    /// Operations of one call of ``multiplyAdd(steps:precision:scratch:worker:)`` on one worker.
    public static func operationCount(steps: Int, precision: Precision) -> Int {
        // The accumulators of the largest tile, and a multiplication and an addition in each.
        steps * scratchFloatCount * 2 * precision.productsPerStep
    }

    /// The floats of scratch memory that one worker needs.
    public static var scratchFloatCount: Int { maximumTileRows * PackedMatrix.panelWidth }

    /// Multiplies and adds in registers, in the tile of the GEMM: enough chains to hide the latency of an instruction.
    ///
    /// - Parameters:
    ///   - steps: Steps of every chain.
    ///   - precision: One that ``InstructionSet/supports(_:)`` allows.
    ///   - scratch: This worker's own memory of ``scratchFloatCount`` floats.
    ///   - worker: The worker, all of which do the same.
    public static func multiplyAdd(
        steps: Int, precision: Precision = .float32, scratch: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        precondition(worker.instructionSet.supports(precision), "the processor computes in this precision")
        scratch.update(repeating: 0x1p-20, count: scratchFloatCount)
        if precision == .int8 {
            let arguments = CodePeakArguments(steps: steps, memory: UnsafePointer(scratch), scratch: scratch)
            return arguments.run(on: worker.instructionSet)
        }
        let arguments = PeakArguments(steps: steps, memory: UnsafePointer(scratch), scratch: scratch)
        arguments.run(on: worker.instructionSet, precision: precision)
    }

    /// Reads this worker's share of `memory` once.
    ///
    /// - Parameters:
    ///   - memory: [count].
    ///   - count: Floats.
    ///   - scratch: This worker's own memory of ``scratchFloatCount`` floats.
    ///   - worker: This worker.
    public static func read(
        _ memory: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        let share = worker.share(of: count / ReadArguments.stride)
        let arguments = ReadArguments(
            steps: share.count, memory: memory + share.lowerBound * ReadArguments.stride, scratch: scratch)
        arguments.run(on: worker.instructionSet)
    }
}

struct PeakArguments: Kernel {
    let steps: Int
    let memory: UnsafePointer<Float>
    /// Where the results go, so that the work isn't dropped.
    let scratch: UnsafeMutablePointer<Float>

    static var number: LongLMKernel { .peak }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        // As many products whatever the shape of the tile.
        for _ in Steps(from: 0, to: MachineCeiling.scratchFloatCount / (Target.Tile.rows * Target.Tile.columns), by: 1)
        {
            var tile = Target.Tile()
            let columns = Target.Tile.Columns(memory)
            // Every row has a factor of its own, or the compiler would compute equal rows once.
            for _ in Steps(from: 0, to: steps, by: 1) { tile.step(memory, 1, columns) }
            tile.store(to: scratch, stride: Target.Tile.columns)
        }
    }
}

struct ReadArguments: Kernel {
    /// Floats that one step reads.
    @inline(always) static var stride: Int { 64 }

    let steps: Int
    let memory: UnsafePointer<Float>
    /// Where the results go, so that the work isn't dropped.
    let scratch: UnsafeMutablePointer<Float>

    static var number: LongLMKernel { .read }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        var sums = Lanes32(repeating: 0)
        var others = Lanes32(repeating: 0)
        var source = memory
        for _ in Steps(from: 0, to: steps, by: 1) {
            sums.near += source.lanes(at: 0)
            sums.far += source.lanes(at: 16)
            others.near += source.lanes(at: 32)
            others.far += source.lanes(at: 48)
            source += Self.stride
        }
        sums.store(to: scratch)
        others.store(to: scratch + 32)
    }
}
