import CLongLM

/// GGUF's IQ4_NL, 4.5 bits a number: blocks of 32 with a 16-bit scale d; d times one of sixteen values.
/// Words are as in ``Q40Storage``. The codes here are the values with 128 added.
enum IQ4NLStorage: QuantizedStorage {
    @inline(always) static var blockLength: Int { 32 }
    @inline(always) static var blockByteCount: Int { 18 }
    @inline(always) static var groupLength: Int { 32 }
    @inline(always) static var scalePlace: QuantizedScalePlace { .beginning }
    @inline(always) static var codeOffset: Float { 128 }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        Widen.iq4Codes(
            longlm_mask_bits(
                word(quad % 4, of: block, at: row), UInt32(truncatingIfNeeded: quad / 4 * 4), 0x0f0f_0f0f))
    }

    @inline(always)
    static func numbers<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> QuadNumbers {
        Widen.iq4Values(
            word(quad % 4, of: block, at: row),
            from: UInt32(truncatingIfNeeded: quad / 4 * 4))
    }

    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        loneScales(block, at: row, Widen.self)
    }
}
