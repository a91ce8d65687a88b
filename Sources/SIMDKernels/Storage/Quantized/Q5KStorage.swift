import CLongLM

/// GGUF's Q5_K, 5.5 bits a number: blocks of 256 with a 16-bit scale d and minimum dmin, which are word 0, and a 6-bit
/// scale s and minimum m for every 32 columns; (d · s) · code − dmin · m.
///
/// Words 1 to 3 hold s and m (see ``SixBitScales``). Words 4 to 11 hold the fifth bits of the codes: bit g of
/// byte c is that of column c of group g. The lower four bits follow as in ``Q4KStorage``.
enum Q5KStorage: QuantizedStorage {
    @inline(always) static var blockLength: Int { 256 }
    @inline(always) static var blockByteCount: Int { 176 }
    @inline(always) static var groupLength: Int { 32 }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        let low = word(12 + span / 2 * 8 + quad, of: block, at: row).masked(shift: span % 2 * 4, 0x0f0f_0f0f)
        return low.joined(with: word(4 + quad, of: block, at: row), shift: span, 0x0101_0101, to: 4)
    }

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
