import CLongLM

/// GGUF's Q8_0, 8.5 bits a number: blocks of 32 with a 16-bit scale d; d · code, with signed bytes for codes.
/// The codes here have 128 added.
enum Q80Storage: QuantizedStorage {
    @inline(always) static var blockLength: Int { 32 }
    @inline(always) static var blockByteCount: Int { 34 }
    @inline(always) static var groupLength: Int { 32 }
    @inline(always) static var scalePlace: QuantizedScalePlace { .beginning }
    @inline(always) static var codeOffset: Float { 128 }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        word(quad, of: block, at: row).flipped(0x8080_8080)
    }
}
