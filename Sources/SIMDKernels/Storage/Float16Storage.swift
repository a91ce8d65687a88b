/// IEEE half-precision numbers.
enum Float16Storage: PairStorage {
    @inline(always)
    static func lanes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, column: Int, _: Widen.Type
    ) -> Lanes {
        let words = block.lanes(at: row)
        return column == 0 ? Widen.lowerHalves(words) : Widen.upperHalves(words)
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
