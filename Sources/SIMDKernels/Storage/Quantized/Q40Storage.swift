import CLongLM

/// GGUF's Q4_0, 4.5 bits a number: blocks of 32 with a 16-bit scale d; d · (code − 8).
/// Word w holds the columns 4w… in the lower halves of its bytes and 16 + 4w… in the upper ones.
enum Q40Storage: QuantizedStorage {
    @inline(always) static var blockLength: Int { 32 }
    @inline(always) static var blockByteCount: Int { 18 }
    @inline(always) static var groupLength: Int { 32 }
    @inline(always) static var scalePlace: QuantizedScalePlace { .beginning }
    @inline(always) static var codeOffset: Float { 8 }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        longlm_mask_bits(word(quad % 4, of: block, at: row), UInt32(truncatingIfNeeded: quad / 4 * 4), 0x0f0f_0f0f)
    }

    @inline(always)
    static func numbers<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> QuadNumbers {
        Widen.nibbles(
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
