import CLongLM

/// The exact products of a single row with two panels of quantised weights, which are widened in registers.
///
/// Two panels at a time, because the sums of one panel would wait for each other. The products go to scratch memory.
struct QuantizedRowProduct<Target: KernelTarget>: QuantizedVisitor {
    let arguments: ProductArguments
    let first: UnsafePointer<Float>
    let second: UnsafePointer<Float>

    @inline(always)
    init(arguments: ProductArguments, first: UnsafePointer<Float>, second: UnsafePointer<Float>) {
        self.arguments = arguments
        self.first = first
        self.second = second
    }

    @inline(always)
    func visit<Storage: QuantizedStorage>(_: Storage.Type) {
        var chains = (
            Chain<Storage, Target>(row: 0), Chain<Storage, Target>(row: laneCount), Chain<Storage, Target>(row: 0),
            Chain<Storage, Target>(row: laneCount)
        )
        var input = arguments.input
        for index in Steps(from: 0, to: arguments.depth / Storage.blockLength, by: 1) {
            let block = first + index * Storage.blockWordCount
            let other = second + index * Storage.blockWordCount
            for span in Steps(from: 0, to: Storage.blockLength / 32, by: 1) {
                Storage.fetchAhead(block, span: span)
                Storage.fetchAhead(other, span: span)
                for half in 0..<2 {
                    if half == 0 || Storage.groupLength == 16 {
                        let group = span * 32 / Storage.groupLength + half
                        chains.0.begin(block, group: group)
                        chains.1.begin(block, group: group)
                        chains.2.begin(other, group: group)
                        chains.3.begin(other, group: group)
                    }
                    for place in Steps(from: 0, to: 4, by: 1) {
                        let quad = 4 * half &+ place
                        chains.0.add(block, input, span: span, quad: quad)
                        chains.1.add(block, input, span: span, quad: quad)
                        chains.2.add(other, input, span: span, quad: quad)
                        chains.3.add(other, input, span: span, quad: quad)
                        input += 4
                    }
                }
            }
        }
        arguments.scratch.store(chains.0.sum, at: 0)
        arguments.scratch.store(chains.1.sum, at: laneCount)
        arguments.scratch.store(chains.2.sum, at: 2 * laneCount)
        arguments.scratch.store(chains.3.sum, at: 3 * laneCount)
    }
}

/// Sums of sixteen rows, with the scales of the group of columns that is being added.
private struct Chain<Storage: QuantizedStorage, Target: KernelTarget> {
    let row: Int
    private(set) var sum = Lanes(repeating: 0)
    private var scale = Lanes(repeating: 0)
    private var addend = Lanes(repeating: 0)

    @inline(always)
    init(row: Int) { self.row = row }

    /// Loads the scales of a group.
    @inline(always)
    mutating func begin(_ block: UnsafePointer<Float>, group: Int) {
        scale = Storage.scales(block, at: row, group: group, Target.Widen.self)
        addend = Storage.addends(block, at: row, group: group, scale: scale, Target.Widen.self)
    }

    /// Adds the products of four columns.
    @inline(always)
    mutating func add(_ block: UnsafePointer<Float>, _ input: UnsafePointer<Float>, span: Int, quad: Int) {
        let numbers = Storage.numbers(block, at: row, span: span, quad: quad, Target.Widen.self)
        add(input[0], numbers.first)
        add(input[1], numbers.second)
        add(input[2], numbers.third)
        add(input[3], numbers.fourth)
    }

    @inline(always)
    private mutating func add(_ factor: Float, _ number: Lanes) {
        let value = Target.Arithmetic.multiplyAdd(number, scale, addend)
        sum = Target.Arithmetic.multiplyAdd(Lanes(repeating: factor), value, sum)
    }
}

/// The products of a single row of quantised activations with a panel. They go to scratch memory.
struct QuantizedCodeRowProduct<Target: CodeTarget>: QuantizedVisitor {
    let arguments: ProductArguments
    let panel: UnsafePointer<Float>
    let target: UnsafeMutablePointer<Float>

    @inline(always)
    init(arguments: ProductArguments, panel: UnsafePointer<Float>, target: UnsafeMutablePointer<Float>) {
        self.arguments = arguments
        self.panel = panel
        self.target = target
    }

    @inline(always)
    func visit<Storage: QuantizedStorage>(_: Storage.Type) {
        var upper = CodeChain<Storage, Target>(row: 0)
        var lower = CodeChain<Storage, Target>(row: laneCount)
        var input = arguments.input
        for index in Steps(from: 0, to: arguments.depth / Storage.blockLength, by: 1) {
            let block = panel + index * Storage.blockWordCount
            for span in Steps(from: 0, to: Storage.blockLength / 32, by: 1) {
                Storage.fetchAhead(block, span: span)
                upper.add(block, input, span: span)
                lower.add(block, input, span: span)
                input += QuantizedInput.wordCount
            }
        }
        target.store(upper.sum, at: 0)
        target.store(lower.sum, at: laneCount)
    }
}

/// Sums of sixteen rows, as ``CodeTile`` adds them.
private struct CodeChain<Storage: QuantizedStorage, Target: CodeTarget> {
    let row: Int
    private(set) var sum = Lanes(repeating: 0)

    @inline(always)
    init(row: Int) { self.row = row }

    /// Adds the products of 32 columns.
    @inline(always)
    mutating func add(_ block: UnsafePointer<Float>, _ input: UnsafePointer<Float>, span: Int) {
        if Storage.groupLength == 16 {
            for half in 0..<2 {
                var integers = Lanes(repeating: input[QuantizedInput.halfCorrections + half])
                addDots(from: 4 * half, count: 4, to: &integers, block, input, span: span)
                finish(integers, block, input, group: 2 * span + half, sum: QuantizedInput.halfSums + half)
            }
        } else {
            var integers = Lanes(repeating: input[QuantizedInput.correction])
            addDots(from: 0, count: 8, to: &integers, block, input, span: span)
            finish(integers, block, input, group: span, sum: QuantizedInput.sum)
        }
    }

    /// Adds the products of some quads.
    @inline(always)
    private func addDots(
        from first: Int, count: Int, to integers: inout Lanes, _ block: UnsafePointer<Float>,
        _ input: UnsafePointer<Float>, span: Int
    ) {
        for index in Steps(from: 0, to: count, by: 1) {
            let quad = first &+ index
            let codes = Storage.raisedCodes(block, at: row, span: span, quad: quad, Target.Widen.self)
            integers = Target.Codes.dot(codes, Lanes(repeating: input[quad]), integers)
        }
    }

    /// Adds a group's products times its scales, and its minimum.
    @inline(always)
    private mutating func finish(
        _ integers: Lanes, _ block: UnsafePointer<Float>, _ input: UnsafePointer<Float>, group: Int, sum place: Int
    ) {
        let scale = Storage.scales(block, at: row, group: group, Target.Widen.self) * input[QuantizedInput.scale]
        sum = Target.Arithmetic.multiplyAdd(integers.integersAsFloats, scale, sum)
        if Storage.hasMinimum {
            let minimum = Storage.raisedMinima(block, at: row, group: group, Target.Widen.self)
            sum = Target.Arithmetic.multiplyAdd(Lanes(repeating: input[place]), minimum, sum)
        }
    }
}

extension QuantizedStorage {
    /// Fetches as much as 32 columns take, 8 KiB ahead. Blocks are long and read slowly, so that the processor's own
    /// prefetching falls behind.
    @inline(always)
    fileprivate static func fetchAhead(_ block: UnsafePointer<Float>, span: Int) {
        let count = blockWordCount / (blockLength / 32)
        for word in Steps(from: 0, to: count, by: laneCount) {
            longlm_prefetch_far(block, 4 * (span * count + word) + 8192)
        }
    }
}
