import CLongLM

/// GGUF's Q5_1, 6 bits a number: blocks of 32 with a 16-bit scale d and minimum m, which are word 0; d · code + m.
/// Words follow as in ``Q50Storage``.
enum Q51Storage: QuantizedStorage {
    @inline(always) static var blockLength: Int { 32 }
    @inline(always) static var blockByteCount: Int { 24 }
    @inline(always) static var groupLength: Int { 32 }

    @inline(always)
    static func arrange(_ block: UnsafeMutablePointer<Float>) { FifthBits.arrange(block + PackedMatrix.panelWidth) }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        FifthBits.codes(
            low: word(2 + quad % 4, of: block, at: row), fifth: word(1, of: block, at: row), quad: quad)
    }

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
