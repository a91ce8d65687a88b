/// IEEE half-precision numbers.
enum Float16Storage: PairStorage {
    @inline(always)
    static func lanes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, column: Int, _: Widen.Type
    ) -> Lanes {
        let words = block.lanes(at: row)
        return column == 0 ? Widen.lowerHalves(words) : Widen.upperHalves(words)
    }

    /// Widens columns of a panel: row r of column c goes to `target[c · 32 + r]`.
    ///
    /// - Parameters:
    ///   - words: Those of the first column, whose numbers are in the lower halves.
    ///   - columnCount: How many columns.
    @inline(always)
    static func widen<Widen: Widening>(
        _ words: UnsafePointer<Float>, columnCount: Int, into target: UnsafeMutablePointer<Float>, _: Widen.Type
    ) {
        let width = PackedMatrix.panelWidth
        for column in Steps(from: 0, to: columnCount, by: 2) {
            let block = words + column / 2 * width
            for row in Steps(from: 0, to: width, by: laneCount) {
                let numbers = target + column * width + row
                numbers.store(lanes(block, at: row, column: 0, Widen.self), at: 0)
                if column + 1 < columnCount { numbers.store(lanes(block, at: row, column: 1, Widen.self), at: width) }
            }
        }
    }

    /// One number, widened exactly. (`Float16` doesn't exist on every platform.)
    static func widen(_ bits: UInt16) -> Float {
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
