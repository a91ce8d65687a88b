import CLongLM

/// GGUF's IQ4_NL, 4.5 bits a number: blocks of 32 with a 16-bit scale d; d times one of sixteen values.
/// Words are as in ``Q40Storage``. The codes here are the values with 128 added.
enum IQ4NLStorage: NibbleStorage {
    @inline(always) static var blockLength: Int { 32 }
    @inline(always) static var blockByteCount: Int { 18 }
    @inline(always) static var groupLength: Int { 32 }
    @inline(always) static var scalePlace: QuantizedScalePlace { .beginning }
    @inline(always) static var codeOffset: Float { 128 }
    @inline(always) static var isIQ4: Bool { true }

    @inline(always)
    static func place(span: Int, quad: Int) -> (word: Int, shift: Int) { (quad % 4, quad / 4 * 4) }
}
