import CLongLM

/// Unpacks columns of a panel of a quantised format. The product kernels call this kernel, so that the code for every format
/// is compiled once a target.
struct UnpackArguments: Kernel {
    /// What becomes of the numbers.
    enum Form {
        /// Floats: row r of column c goes to `target[c · 32 + r]`.
        case floats
        /// Codes and scales, as ``CodeSpan`` arranges them.
        case codes
    }

    let format: WeightFormat
    let form: Form
    /// The panel's first word.
    let panel: UnsafePointer<Float>
    /// A whole number of 32s, from a multiple of 32 on.
    let columns: Range<Int>
    let target: UnsafeMutablePointer<Float>
    /// Whether what follows in memory is fetched meanwhile, for a product that reads a panel once. Blocks are long and read
    /// slowly, so that the processor's own prefetching falls behind.
    let fetchesAhead: Bool

    static var number: LongLMKernel { .unpack }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        if form == .floats {
            format.visit(quantized: PanelWidener<Target>(arguments: self))
        } else {
            format.visit(quantized: CodeUnpacker<Target>(arguments: self))
        }
    }
}

/// How a product kernel calls the kernel that unpacks.
struct Unpacking {
    /// The kernel, for the target that runs the product.
    let kernel: LongLMUnpack
    /// Where a call's arguments stand meanwhile.
    let arguments: UnsafeMutablePointer<UnpackArguments>
}

extension ProductArguments {
    /// Unpacks columns of a panel.
    @inline(always)
    func unpack(
        _ panel: UnsafePointer<Float>, columns: Range<Int>, as form: UnpackArguments.Form,
        into target: UnsafeMutablePointer<Float>, fetchingAhead: Bool = false
    ) {
        unpacking.arguments.pointee = UnpackArguments(
            format: format, form: form, panel: panel, columns: columns, target: target,
            fetchesAhead: fetchingAhead)
        unpacking.kernel(unpacking.arguments)
    }
}

extension UnpackArguments {
    /// Where the block with a column begins.
    @inline(always)
    fileprivate func block<Storage: QuantizedStorage>(at column: Int, _: Storage.Type) -> UnsafePointer<Float> {
        panel + column / Storage.blockLength * Storage.blockWordCount
    }

    /// Fetches as much as 32 columns take, 8 KiB ahead.
    @inline(always)
    fileprivate func fetchAhead<Storage: QuantizedStorage>(at column: Int, _: Storage.Type) {
        if !fetchesAhead { return }
        let spanCount = Storage.blockLength / 32
        let place = block(at: column, Storage.self) + column / 32 % spanCount * Storage.blockWordCount / spanCount
        for word in Steps(from: 0, to: Storage.blockWordCount / spanCount, by: laneCount) {
            longlm_prefetch_far(place + (word + 2048))
        }
    }
}

private struct PanelWidener<Target: UnpackingTarget>: QuantizedVisitor {
    let arguments: UnpackArguments

    @inline(always)
    init(arguments: UnpackArguments) { self.arguments = arguments }

    @inline(always)
    func visit<Storage: QuantizedStorage>(_: Storage.Type) {
        let columns = arguments.columns
        for column in Steps(from: columns.lowerBound, to: columns.upperBound, by: 32) {
            arguments.fetchAhead(at: column, Storage.self)
            Storage.widen(
                arguments.block(at: column, Storage.self), from: column % Storage.blockLength,
                into: arguments.target + (column - columns.lowerBound) * PackedMatrix.panelWidth,
                Target.Arithmetic.self, Target.Widen.self)
        }
    }
}

private struct CodeUnpacker<Target: UnpackingTarget>: QuantizedVisitor {
    let arguments: UnpackArguments

    @inline(always)
    init(arguments: UnpackArguments) { self.arguments = arguments }

    @inline(always)
    func visit<Storage: QuantizedStorage>(_: Storage.Type) {
        let columns = arguments.columns
        for column in Steps(from: columns.lowerBound, to: columns.upperBound, by: 32) {
            arguments.fetchAhead(at: column, Storage.self)
            CodeSpan.unpack(
                arguments.block(at: column, Storage.self), from: column % Storage.blockLength,
                into: arguments.target + (column - columns.lowerBound) / 32 * CodeSpan.wordCount, Storage.self,
                Target.Widen.self)
        }
    }
}
