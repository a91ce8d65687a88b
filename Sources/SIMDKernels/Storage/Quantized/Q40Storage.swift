import CLongLM

/// GGUF's Q4_0, 4.5 bits a number: blocks of 32 with a 16-bit scale d; d · (code − 8).
/// Word w holds the columns 4w… in the lower halves of its bytes and 16 + 4w… in the upper ones.
enum Q40Storage: NibbleStorage {
    @inline(always) static var blockLength: Int { 32 }
    @inline(always) static var blockByteCount: Int { 18 }
    @inline(always) static var groupLength: Int { 32 }
    @inline(always) static var scalePlace: QuantizedScalePlace { .beginning }
    @inline(always) static var codeOffset: Float { 8 }

    @inline(always)
    static func place(span: Int, quad: Int) -> (word: Int, shift: Int) { (quad % 4, quad / 4 * 4) }
}
