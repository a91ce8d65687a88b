import CLongLM

/// Unpacks columns of a panel. The kernels of several rows call this kernel, so that their tiles don't have a form of their own
/// for every quantised format, and don't convert half-precision numbers once for each tile.
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
    /// From a multiple of 32 on; of a quantised format, a whole number of 32s.
    let columns: Range<Int>
    let target: UnsafeMutablePointer<Float>

    static var number: LongLMKernel { .unpack }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        if form == .codes {
            format.visit(quantized: CodeUnpacker<Target>(arguments: self))
        } else if format.isQuantized {
            format.visit(quantized: PanelWidener<Target>(arguments: self))
        } else {
            // The only other format that is unpacked.
            Float16Storage.widen(
                panel + columns.lowerBound / 2 * PackedMatrix.panelWidth, columnCount: columns.length, into: target,
                Target.Widen.self)
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
        into target: UnsafeMutablePointer<Float>
    ) {
        // A trivial type, which need not be initialised. (`initialize` may stay a call.)
        unpacking.arguments.pointee = UnpackArguments(
            format: format, form: form, panel: panel, columns: columns, target: target)
        unpacking.kernel(unpacking.arguments)
    }
}

extension UnpackArguments {
    /// Where the block with a column begins.
    @inline(always)
    fileprivate func block<Storage: QuantizedStorage>(at column: Int, _: Storage.Type) -> UnsafePointer<Float> {
        panel + column / Storage.blockLength * Storage.blockWordCount
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
            CodeSpan.unpack(
                arguments.block(at: column, Storage.self), from: column % Storage.blockLength,
                into: arguments.target + (column - columns.lowerBound) / 32 * CodeSpan.wordCount, Storage.self,
                Target.Widen.self)
        }
    }
}
