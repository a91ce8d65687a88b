import CLongLM

/// GGUF's Q4_1, 5 bits a number: blocks of 32 with a 16-bit scale d and minimum m, which are word 0; d · code + m.
/// The words of codes follow as in ``Q40Storage``.
enum Q41Storage: NibbleStorage {
    @inline(always) static var blockLength: Int { 32 }
    @inline(always) static var blockByteCount: Int { 20 }
    @inline(always) static var groupLength: Int { 32 }

    @inline(always)
    static func place(span: Int, quad: Int) -> (word: Int, shift: Int) { (1 + quad % 4, quad / 4 * 4) }

    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        Widen.lowerHalves(word(0, of: block, at: row))
    }

    @inline(always)
    static func minima<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        Widen.upperHalves(word(0, of: block, at: row))
    }
}
