import CLongLM

/// GGUF's Q3_K, 3.4375 bits a number: blocks of 256 with a 16-bit scale d, and a 6-bit scale s for every 16 columns;
/// d · (s − 32) · (code − 4).
///
/// Words 0 to 7 hold the third bits of the codes: bit g of byte c is that of column 32g + c. From word 8 on, the lower two bits
/// are as in ``Q2KStorage``. Words 24 and 25 hold the lower four bits of the scales, of the groups 0 to 7 in the lower halves of
/// their bytes and of 8 to 15 in the upper ones; word 26 holds the upper two bits, those of the groups 4r… at bit 2r of each byte.
enum Q3KStorage: QuantizedStorage {
    @inline(always) static var blockLength: Int { 256 }
    @inline(always) static var blockByteCount: Int { 110 }
    @inline(always) static var groupLength: Int { 16 }
    @inline(always) static var scalePlace: QuantizedScalePlace { .end }
    @inline(always) static var codeOffset: Float { 4 }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        let low = word(8 + span / 4 * 8 + quad, of: block, at: row).masked(shift: span % 4 * 2, 0x0303_0303)
        return low.joined(with: word(quad, of: block, at: row), shift: span, 0x0101_0101, to: 2)
    }

    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        let lower = word(24 + group / 4 % 2, of: block, at: row).masked(shift: group / 8 * 4, 0x0f0f_0f0f)
        let scales = lower.joined(with: word(26, of: block, at: row), shift: group / 4 * 2, 0x0303_0303, to: 4)
        return loneScales(block, at: row, Widen.self)
            * (scales.byteAsFloat(group % 4) - 32)
    }
}
