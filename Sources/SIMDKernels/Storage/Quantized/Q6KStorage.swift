import CLongLM

/// GGUF's Q6_K, 6.5625 bits a number: blocks of 256 with a 16-bit scale d, and a signed byte s for every 16 columns;
/// d · s · (code − 32).
///
/// Of each half of the columns, 16 words hold the lower four bits of the codes: of columns 0 to 63 in the lower halves of the
/// bytes, of 64 to 127 in the upper ones. From word 32 on, 8 words a half hold the upper two bits, those of columns 32r… at bit
/// 2r of each byte. Words 48 to 51 hold s.
enum Q6KStorage: QuantizedStorage {
    @inline(always) static var blockLength: Int { 256 }
    @inline(always) static var blockByteCount: Int { 210 }
    @inline(always) static var groupLength: Int { 16 }
    @inline(always) static var scalePlace: QuantizedScalePlace { .end }
    @inline(always) static var codeOffset: Float { 32 }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        let half = span / 4
        let low = word(16 * half + 8 * (span % 2) + quad, of: block, at: row).masked(
            shift: span % 4 / 2 * 4, 0x0f0f_0f0f)
        return low.joined(with: word(32 + 8 * half + quad, of: block, at: row), shift: span % 4 * 2, 0x0303_0303, to: 4)
    }

    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        let words = word(48 + group / 4, of: block, at: row)
        return loneScales(block, at: row, Widen.self)
            * words.signedByteAsFloat(group % 4)
    }
}
