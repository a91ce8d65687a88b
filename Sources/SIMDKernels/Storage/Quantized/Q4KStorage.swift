import CLongLM

/// GGUF's Q4_K, 4.5 bits a number: blocks of 256 with a 16-bit scale d and minimum dmin, which are word 0, and a 6-bit
/// scale s and minimum m for every 32 columns; (d · s) · code − dmin · m.
///
/// Words 1 to 3 hold s and m (see ``SixBitScales``). From word 4 on, eight words hold the codes of two groups in the halves
/// of their bytes.
enum Q4KStorage: NibbleStorage {
    @inline(always) static var blockLength: Int { 256 }
    @inline(always) static var blockByteCount: Int { 144 }
    @inline(always) static var groupLength: Int { 32 }

    @inline(always)
    static func place(span: Int, quad: Int) -> (word: Int, shift: Int) { (4 + span / 2 * 8 + quad, span % 2 * 4) }

    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        SixBitScales.scales(block, at: row, group: group, Widen.self)
    }

    @inline(always)
    static func minima<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        SixBitScales.minima(block, at: row, group: group, Widen.self)
    }
}

/// The scales and minima of a block of Q4_K or Q5_K: d and dmin in word 0, and eight pairs of 6-bit numbers s and m in words 1
/// to 3.
///
/// Bytes 0 to 3 hold the scales and bytes 4 to 7 the minima of groups 0 to 3. Bytes 8 to 11 hold the lower four bits of those
/// of groups 4 to 7, the scale's in the lower half; their upper two bits are the upper bits of the first eight bytes.
enum SixBitScales {
    /// d · s of sixteen rows.
    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        Widen.lowerHalves(block.lanes(at: row)) * number(block, at: row, group: group, word: 1, shift: 0)
    }

    /// −dmin · m of sixteen rows.
    @inline(always)
    static func minima<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        -(Widen.upperHalves(block.lanes(at: row)) * number(block, at: row, group: group, word: 2, shift: 4))
    }

    @inline(always)
    private static func number(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, word: Int, shift: Int
    ) -> Lanes {
        let width = PackedMatrix.panelWidth
        let first = block.lanes(at: word * width + row)
        let byte = group % 4
        if group < 4 { return first.masked(shift: 0, 0x3f3f_3f3f).byteAsFloat(byte) }
        let lower = block.lanes(at: 3 * width + row).masked(shift: shift, 0x0f0f_0f0f)
        return lower.joined(with: first, shift: 6, 0x0303_0303, to: 4).byteAsFloat(byte)
    }
}
