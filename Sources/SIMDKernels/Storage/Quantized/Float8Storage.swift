import CLongLM

/// Floats of 8 bits with 4 of exponent (E4M3), 9 bits a number: blocks of 32 columns with a 32-bit scale, which is word 0.
///
/// With seven zero bits behind it and its sign in front, a code is a half-precision number: 2⁻⁸ times the number that it
/// stands for. So the scale in a block is 2⁸ times that of the checkpoint. The two codes that stand for no number count as
/// ±480; a checkpoint that has one is refused.
enum Float8Storage: QuantizedStorage {
    @inline(always) static var blockLength: Int { 32 }
    @inline(always) static var blockByteCount: Int { 36 }
    @inline(always) static var groupLength: Int { 32 }
    @inline(always) static var hasMinimum: Bool { false }

    /// The codes as they are. They are no integers, so there are no code products of them.
    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes { word(1 + quad, of: block, at: row) }

    @inline(always)
    static func numbers<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> QuadNumbers {
        let words = word(1 + quad, of: block, at: row)
        let even = halves(words, from: 0)
        let odd = halves(words, from: 8)
        return QuadNumbers(
            first: Widen.lowerHalves(even), second: Widen.lowerHalves(odd), third: Widen.upperHalves(even),
            fourth: Widen.upperHalves(odd))
    }

    /// Every other byte as a half-precision number.
    @inline(always)
    private static func halves(_ words: Lanes, from shift: Int) -> Lanes {
        let magnitudes = Lanes(repeating: 0).joined(with: words, shift: shift, 0x007f_007f, to: 7)
        return magnitudes.joined(with: words, shift: shift, 0x0080_0080, to: 8)
    }

    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes { word(0, of: block, at: row) }
}
