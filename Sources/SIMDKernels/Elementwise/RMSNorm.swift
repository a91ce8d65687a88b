import CLongLM

/// Root-mean-square normalisation (Zhang and Sennrich, 2019).
public enum RMSNorm {
    /// This worker's share of output = input / √(mean(input²) + epsilon) · weight, row by row.
    ///
    /// - Parameters:
    ///   - input: [rowCount, columnCount], row-major.
    ///   - weight: [columnCount].
    ///   - epsilon: Added to the mean of squares.
    ///   - output: [rowCount, columnCount]; may be `input` itself.
    @inline(never)
    public static func normalize(
        _ input: UnsafePointer<Float>, weight: UnsafePointer<Float>, epsilon: Float, rowCount: Int, columnCount: Int,
        into output: UnsafeMutablePointer<Float>, worker: Worker
    ) {
        let share = worker.rows(of: rowCount)
        var arguments = RMSNormArguments(
            input: input, weight: weight, epsilon: epsilon, columnCount: columnCount, rows: share.ranges, output: output
        )
        longlm_run_rms_norm(worker.instructionSet.number, &arguments)
    }
}

struct RMSNormArguments {
    let input: UnsafePointer<Float>
    let weight: UnsafePointer<Float>
    let epsilon: Float
    let columnCount: Int
    let rows: (Range<Int>, Range<Int>)
    let output: UnsafeMutablePointer<Float>
}

@inline(always)
private func rmsNormKernel<Target: KernelTarget>(_ arguments: RMSNormArguments, _: Target.Type) {
    for part in 0..<2 { normalize(part == 0 ? arguments.rows.0 : arguments.rows.1, arguments, Target.self) }
}

@inline(always)
private func normalize<Target: KernelTarget>(_ rows: Range<Int>, _ arguments: RMSNormArguments, _: Target.Type) {
    let count = arguments.columnCount
    let whole = count - count % laneCount
    for row in Steps(from: rows.lowerBound, to: rows.upperBound, by: 1) {
        let input = arguments.input + row * count
        let output = arguments.output + row * count
        var squares = Lanes(repeating: 0)
        for column in Steps(from: 0, to: whole, by: laneCount) {
            let x = input.lanes(at: column)
            squares = Target.Arithmetic.multiplyAdd(x, x, squares)
        }
        let rest = input.partialLanes(at: whole, count: count - whole)
        squares = Target.Arithmetic.multiplyAdd(rest, rest, squares)

        let scale = 1 / (squares.treeSum / Float(count) + arguments.epsilon).squareRoot()
        for column in Steps(from: 0, to: whole, by: laneCount) {
            output.store(input.lanes(at: column) * scale * arguments.weight.lanes(at: column), at: column)
        }
        for column in whole..<count { output[column] = input[column] * scale * arguments.weight[column] }
    }
}

@c @implementation
func longlm_rms_norm_baseline(_ arguments: UnsafeRawPointer) {
    rmsNormKernel(arguments.assumingMemoryBound(to: RMSNormArguments.self).pointee, BaselineTarget.self)
}

#if arch(x86_64)
    @c @implementation
    func longlm_rms_norm_avx2(_ arguments: UnsafeRawPointer) {
        rmsNormKernel(arguments.assumingMemoryBound(to: RMSNormArguments.self).pointee, AVX2Target.self)
    }

    @c @implementation
    func longlm_rms_norm_avx512(_ arguments: UnsafeRawPointer) {
        rmsNormKernel(arguments.assumingMemoryBound(to: RMSNormArguments.self).pointee, AVX512Target.self)
    }
#endif
