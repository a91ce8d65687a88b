import CLongLM

/// Packs some panels of a weight matrix.
struct PackWeightsArguments: Kernel {
    /// Row 0.
    let source: UnsafeRawPointer
    let sourceFormat: WeightFormat
    /// Bytes from one row of the source to the next.
    let rowByteCount: Int
    /// N.
    let rowCount: Int
    /// K.
    let columnCount: Int
    let storedFormat: WeightFormat
    /// Whether the rows are floats to be rounded, rather than numbers to be stored unchanged.
    let rounds: Bool
    /// Words from one panel to the next.
    let panelWordCount: Int
    let panels: Range<Int>
    /// Panel 0.
    let target: UnsafeMutablePointer<Float>

    static var number: LongLMKernel { .packWeights }

    /// Packs the panels. Rows of another format are first widened, one panel at a time.
    func pack(on instructionSet: InstructionSet) {
        if panels.isEmpty { return }
        if !rounds { return run(on: instructionSet) }
        let width = PackedMatrix.panelWidth
        let widen = sourceFormat.storage.widen
        withUnsafeTemporaryAllocation(of: Float.self, capacity: width * columnCount) { widened in
            guard let floats = widened.baseAddress else { return }
            for panel in panels {
                let first = panel * width
                let count = min(width, rowCount - first)
                for row in 0..<count {
                    widen(source + (first + row) * rowByteCount, columnCount, floats + row * columnCount)
                }
                if WeightQuantizer.quantizes(storedFormat) {
                    quantize(floats, rowCount: count, panel: panel, instructionSet)
                } else {
                    packPanel(UnsafeRawPointer(floats), .float32, rowCount: count, panel: panel, instructionSet)
                }
            }
        }
    }

    /// Packs rows of one panel: floats that are rounded, or rows of the packed format.
    private func packPanel(
        _ rows: UnsafeRawPointer, _ format: WeightFormat, rowCount: Int, panel: Int, _ instructionSet: InstructionSet
    ) {
        let arguments = PackWeightsArguments(
            source: rows, sourceFormat: format, rowByteCount: format.rowByteCount(columnCount: columnCount),
            rowCount: rowCount, columnCount: columnCount, storedFormat: storedFormat, rounds: format != storedFormat,
            panelWordCount: panelWordCount, panels: 0..<1, target: target + panel * panelWordCount)
        arguments.run(on: instructionSet)
    }

    /// Quantises the floats of one panel and packs them.
    private func quantize(
        _ floats: UnsafePointer<Float>, rowCount: Int, panel: Int, _ instructionSet: InstructionSet
    ) {
        let rowByteCount = storedFormat.rowByteCount(columnCount: columnCount)
        withUnsafeTemporaryAllocation(byteCount: rowCount * rowByteCount, alignment: 16) { rows in
            guard let bytes = rows.baseAddress else { return }
            for row in 0..<rowCount {
                WeightQuantizer.quantize(
                    floats + row * columnCount, columnCount: columnCount, to: storedFormat, bytes + row * rowByteCount)
            }
            packPanel(UnsafeRawPointer(bytes), storedFormat, rowCount: rowCount, panel: panel, instructionSet)
        }
    }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) { storedFormat.visit(PanelPacker(arguments: self)) }
}

private struct PanelPacker: WeightStorageVisitor {
    let arguments: PackWeightsArguments

    @inline(always)
    init(arguments: PackWeightsArguments) { self.arguments = arguments }

    @inline(always)
    func visit<Storage: WeightStorage>(_: Storage.Type) {
        let width = PackedMatrix.panelWidth
        for panel in Steps(from: arguments.panels.lowerBound, to: arguments.panels.upperBound, by: 1) {
            let source = arguments.source + panel * width * arguments.rowByteCount
            let count = lesser(width, arguments.rowCount - panel * width)
            let target = arguments.target + panel * arguments.panelWordCount
            if !arguments.rounds {
                Storage.pack(source, rowCount: count, columnCount: arguments.columnCount, into: target)
            } else if Storage.roundsFloats {
                Storage.packRounded(
                    source.assumingMemoryBound(to: Float.self), rowCount: count, columnCount: arguments.columnCount,
                    into: target)
            }
        }
    }
}
