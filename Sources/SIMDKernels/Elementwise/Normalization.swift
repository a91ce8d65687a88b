import CLongLM

/// How the rows of a matrix are normalised.
///
/// Pointers are not owned: they outlive every call.
public struct Normalization {
    /// The statistic by which a row is divided.
    public enum Kind: Sendable {
        /// √(mean(x²) + ε): root-mean-square normalisation (Zhang and Sennrich, 2019).
        case rootMeanSquare
        /// √(mean((x − mean(x))²) + ε), after the mean was taken off: layer normalisation (Ba et al., 2016).
        case layer
    }

    /// The statistic.
    public var kind: Kind
    /// [columnCount]: what the normalised row is multiplied by.
    public var weight: UnsafePointer<Float>
    /// [columnCount]: what is added after that; nil: nothing.
    public var bias: UnsafePointer<Float>?
    /// ε, added to the mean of squares.
    public var epsilon: Float

    /// All of the above.
    public init(
        _ kind: Kind, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>? = nil, epsilon: Float
    ) {
        self.kind = kind
        self.weight = weight
        self.bias = bias
        self.epsilon = epsilon
    }

    /// This worker's share of output = normalised(input), or output += normalised(input), row by row.
    ///
    /// - Parameters:
    ///   - input: [rowCount, columnCount], row-major.
    ///   - rowCount: Rows of the batch, of which this worker takes its own.
    ///   - columnCount: Numbers of a row.
    ///   - output: [rowCount, columnCount]; may be `input` itself.
    ///   - adding: Whether the result is added to what `output` holds.
    ///   - worker: This worker.
    public func apply(
        _ input: UnsafePointer<Float>, rowCount: Int, columnCount: Int, into output: UnsafeMutablePointer<Float>,
        adding: Bool = false, worker: Worker
    ) {
        let arguments = NormalizationArguments(
            normalization: self, input: input, columnCount: columnCount, rows: worker.rows(of: rowCount).ranges,
            output: output, adding: adding)
        arguments.run(on: worker.instructionSet)
    }
}

struct NormalizationArguments: Kernel {
    let normalization: Normalization
    let input: UnsafePointer<Float>
    let columnCount: Int
    let rows: (Range<Int>, Range<Int>)
    let output: UnsafeMutablePointer<Float>
    let adding: Bool

    static var number: LongLMKernel { .normalize }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        for range in 0..<2 { normalize(range == 0 ? rows.0 : rows.1, self, Target.self) }
    }
}

@inline(always)
private func normalize<Target: KernelTarget>(
    _ rows: Range<Int>, _ arguments: NormalizationArguments, _: Target.Type
) {
    let normalization = arguments.normalization
    let count = arguments.columnCount
    for row in Steps(from: rows.lowerBound, to: rows.upperBound, by: 1) {
        let input = arguments.input + row * count
        let output = arguments.output + row * count
        let mean = normalization.kind == .layer ? mean(input, count) : 0
        let variance = meanSquare(input, count, around: mean, Target.Arithmetic.self)
        let scale = 1 / (variance + normalization.epsilon).squareRoot()
        for column in Steps(from: 0, to: count, by: laneCount) {
            let present = lesser(laneCount, count - column)
            var lanes =
                (input.leadingLanes(at: column, count: present) - mean) * scale
                * normalization.weight.leadingLanes(at: column, count: present)
            if let bias = normalization.bias { lanes += bias.leadingLanes(at: column, count: present) }
            if arguments.adding { lanes += UnsafePointer(output).leadingLanes(at: column, count: present) }
            if present == laneCount {
                output.store(lanes, at: column)
            } else {
                output.storePartial(lanes, at: column, count: present)
            }
        }
    }
}

@inline(always)
private func mean(_ input: UnsafePointer<Float>, _ count: Int) -> Float {
    var sums = Lanes(repeating: 0)
    for column in Steps(from: 0, to: count, by: laneCount) {
        sums += input.leadingLanes(at: column, count: lesser(laneCount, count - column))
    }
    return sums.treeSum / Float(count)
}

/// mean((input − center)²).
@inline(always)
private func meanSquare<Arithmetic: MultiplyAdd>(
    _ input: UnsafePointer<Float>, _ count: Int, around center: Float, _: Arithmetic.Type
) -> Float {
    var squares = Lanes(repeating: 0)
    let whole = count - count % laneCount
    for column in Steps(from: 0, to: whole, by: laneCount) {
        let x = input.lanes(at: column) - center
        squares = Arithmetic.multiplyAdd(x, x, squares)
    }
    if whole < count {
        var x = Lanes(repeating: 0)
        for place in Steps(from: whole, to: count, by: 1) { x[place - whole] = input[place] - center }
        squares = Arithmetic.multiplyAdd(x, x, squares)
    }
    return squares.treeSum / Float(count)
}
