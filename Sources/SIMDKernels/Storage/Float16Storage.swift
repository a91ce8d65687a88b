/// IEEE half-precision numbers: two of neighboring k to a word, the earlier one in the lower half.
enum Float16Storage: WeightStorage {
    @inline(always) static var blockLength: Int { 2 }
    @inline(always) static var blockWordCount: Int { PackedMatrix.panelWidth }

    @inline(always)
    static func lanes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, column: Int, _: Widen.Type
    ) -> Lanes {
        let words = block.lanes(at: row)
        return column == 0 ? Widen.lowerHalves(words) : Widen.upperHalves(words)
    }

    static func rowByteCount(columnCount: Int) -> Int { columnCount * 2 }

    @inline(always)
    static func pack(
        _ rows: UnsafeRawPointer, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>
    ) {
        WordPanel.packPairs(rows, rowCount: rowCount, columnCount: columnCount, into: panel)
    }

    /// Nobody needs it.
    @inline(always) static var roundsFloats: Bool { false }

    @inline(always)
    static func packRounded(
        _ rows: UnsafePointer<Float>, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>
    ) {
        preconditionFailure("floats are not rounded to half precision")
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

    /// One number, widened exactly. (`Float16` doesn't exist on every platform.)
    private static func widen(_ bits: UInt16) -> Float {
        let sign: Float = bits & 0x8000 == 0 ? 1 : -1
        let exponent = Int(bits >> 10) & 31
        let fraction = UInt32(bits & 0x3ff)
        switch exponent {
        case 0: return sign * Float(fraction) * 0x1p-24
        case 31: return Float(bitPattern: UInt32(bits & 0x8000) << 16 | 0x7f80_0000 | fraction << 13)
        default: return sign * Float(bitPattern: UInt32(exponent + 112) << 23 | fraction << 13)
        }
    }
}
