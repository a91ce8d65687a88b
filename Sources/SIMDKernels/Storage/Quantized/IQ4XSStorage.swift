import CLongLM

/// GGUF's IQ4_XS, 4.25 bits a number: blocks of 256 with a 16-bit scale d, and a 6-bit scale for every 32 columns;
/// d · (s − 32) times one of sixteen values.
///
/// Word 0 holds d and the upper two bits of the scales, word 1 their lower four bits. From word 2 on, four words a group
/// are as in ``IQ4NLStorage``.
enum IQ4XSStorage: NibbleStorage {
    @inline(always) static var blockLength: Int { 256 }
    @inline(always) static var blockByteCount: Int { 136 }
    @inline(always) static var groupLength: Int { 32 }
    @inline(always) static var codeOffset: Float { 128 }
    @inline(always) static var isIQ4: Bool { true }

    @inline(always)
    static func place(span: Int, quad: Int) -> (word: Int, shift: Int) { (2 + span * 4 + quad % 4, quad / 4 * 4) }

    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        let first = word(0, of: block, at: row)
        let lower = word(1, of: block, at: row).masked(shift: 4 * group, 0xf)
        let scale = lower.joined(with: first, shift: 16 + 2 * group, 3, to: 4)
        return Widen.lowerHalves(first) * (scale.byteAsFloat(0) - 32)
    }
}
