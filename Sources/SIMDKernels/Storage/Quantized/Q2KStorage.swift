import CLongLM

/// GGUF's Q2_K, 2.625 bits a number: blocks of 256 with a 16-bit scale d and minimum dmin, and a 4-bit scale s and
/// minimum m for every 16 columns; (d · s) · code − dmin · m.
///
/// Words 0 to 3 hold s and m in the lower and upper halves of their bytes. From word 4 on, 8 words hold the codes of 128
/// columns, those of columns 32r… at bit 2r of each byte. Word 20 holds d and dmin.
enum Q2KStorage: QuantizedStorage {
    @inline(always) static var blockLength: Int { 256 }
    @inline(always) static var blockByteCount: Int { 84 }
    @inline(always) static var groupLength: Int { 16 }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        word(4 + span / 4 * 8 + quad, of: block, at: row).masked(shift: span % 4 * 2, 0x0303_0303)
    }

    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        let scales = word(group / 4, of: block, at: row).masked(shift: 0, 0x0f0f_0f0f)
        return Widen.lowerHalves(word(20, of: block, at: row))
            * scales.byteAsFloat(group % 4)
    }

    @inline(always)
    static func minima<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        let minima = word(group / 4, of: block, at: row).masked(shift: 4, 0x0f0f_0f0f)
        return
            -(Widen.upperHalves(word(20, of: block, at: row))
            * minima.byteAsFloat(group % 4))
    }
}
