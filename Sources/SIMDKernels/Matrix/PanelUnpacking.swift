import CLongLM

extension ProductArguments {
    /// Widens columns of a panel of a quantised format to floats: row r of column c goes to `target[c · 32 + r]`.
    ///
    /// - Parameters:
    ///   - panel: The panel's first word.
    ///   - columns: A whole number of 32s, from a multiple of 32 on.
    @inline(always)
    func widen<Target: UnpackingTarget>(
        _ panel: UnsafePointer<Float>, columns: Range<Int>, into target: UnsafeMutablePointer<Float>, _: Target.Type
    ) {
        format.visit(quantized: PanelWidener<Target>(panel: panel, columns: columns, target: target))
    }

    /// Unpacks the codes and scales of columns of a panel, as ``CodeSpan`` arranges them.
    @inline(always)
    func unpackCodes<Target: UnpackingTarget>(
        _ panel: UnsafePointer<Float>, columns: Range<Int>, into target: UnsafeMutablePointer<Float>, _: Target.Type
    ) {
        format.visit(quantized: CodeUnpacker<Target>(panel: panel, columns: columns, target: target))
    }
}

extension ProductArguments {
    /// Fetches what will be read soon after some columns of a panel.
    @inline(always)
    func prefetch(_ panel: UnsafePointer<Float>, columns: Range<Int>) {
        // The same number of words for all columns, within a block.
        let first = columns.lowerBound * panelStride / depth
        let end = columns.upperBound * panelStride / depth
        for word in Steps(from: first, to: end, by: laneCount) {
            longlm_prefetch(panel + (word + prefetchDistance))
        }
    }

    /// Words from what is read to what is fetched meanwhile.
    @inline(always) private var prefetchDistance: Int { 2048 }
}

private struct PanelWidener<Target: UnpackingTarget>: QuantizedVisitor {
    let panel: UnsafePointer<Float>
    let columns: Range<Int>
    let target: UnsafeMutablePointer<Float>

    @inline(always)
    init(panel: UnsafePointer<Float>, columns: Range<Int>, target: UnsafeMutablePointer<Float>) {
        self.panel = panel
        self.columns = columns
        self.target = target
    }

    @inline(always)
    func visit<Storage: QuantizedStorage>(_: Storage.Type) {
        for column in Steps(from: columns.lowerBound, to: columns.upperBound, by: 32) {
            Storage.widen(
                panel + column / Storage.blockLength * Storage.blockWordCount, from: column % Storage.blockLength,
                into: target + (column - columns.lowerBound) * PackedMatrix.panelWidth, Target.Arithmetic.self,
                Target.Widen.self)
        }
    }
}

private struct CodeUnpacker<Target: UnpackingTarget>: QuantizedVisitor {
    let panel: UnsafePointer<Float>
    let columns: Range<Int>
    let target: UnsafeMutablePointer<Float>

    @inline(always)
    init(panel: UnsafePointer<Float>, columns: Range<Int>, target: UnsafeMutablePointer<Float>) {
        self.panel = panel
        self.columns = columns
        self.target = target
    }

    @inline(always)
    func visit<Storage: QuantizedStorage>(_: Storage.Type) {
        for column in Steps(from: columns.lowerBound, to: columns.upperBound, by: 32) {
            CodeSpan.unpack(
                panel + column / Storage.blockLength * Storage.blockWordCount, from: column % Storage.blockLength,
                into: target + (column - columns.lowerBound) / 32 * CodeSpan.wordCount, Storage.self, Target.Widen.self)
        }
    }
}
