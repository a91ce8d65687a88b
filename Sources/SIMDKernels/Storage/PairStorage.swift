/// A format of 16-bit numbers. A word holds those of two neighboring columns, the earlier one in the lower half.
protocol PairStorage: WeightStorage, PanelStorage {
    /// One number, widened exactly.
    static func widen(_ bits: UInt16) -> Float
}

extension PairStorage {
    @inline(always) static var blockLength: Int { 2 }
    @inline(always) static var blockWordCount: Int { PackedMatrix.panelWidth }

    static func rowByteCount(columnCount: Int) -> Int { columnCount * 2 }

    @inline(always)
    static func pack(
        _ rows: UnsafeRawPointer, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>
    ) {
        WordPanel.packPairs(rows, rowCount: rowCount, columnCount: columnCount, into: panel)
    }

    static func widen(_ row: UnsafeRawPointer, columnCount: Int, into output: UnsafeMutablePointer<Float>) {
        for column in 0..<columnCount {
            output[column] = widen(row.loadUnaligned(fromByteOffset: column * 2, as: UInt16.self))
        }
    }

    static func copyRow(
        _ row: Int, of panel: UnsafePointer<Float>, columnCount: Int, to output: UnsafeMutablePointer<Float>
    ) {
        for column in 0..<columnCount {
            let word = panel[column / 2 * PackedMatrix.panelWidth + row].bitPattern
            output[column] = widen(UInt16(truncatingIfNeeded: column % 2 == 0 ? word : word >> 16))
        }
    }
}
