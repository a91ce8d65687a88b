import CLongLM

/// GGUF's Q5_0, 5.5 bits a number: blocks of 32 with a 16-bit scale d; d · (code − 16).
/// Word 0 holds the fifth bits of the codes, as ``FifthBits`` arranges them; words of the lower four bits follow as in
/// ``Q40Storage``.
enum Q50Storage: QuantizedStorage {
    @inline(always) static var blockLength: Int { 32 }
    @inline(always) static var blockByteCount: Int { 22 }
    @inline(always) static var groupLength: Int { 32 }
    @inline(always) static var scalePlace: QuantizedScalePlace { .beginning }
    @inline(always) static var codeOffset: Float { 16 }

    @inline(always)
    static func arrange(_ block: UnsafeMutablePointer<Float>) { FifthBits.arrange(block) }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        FifthBits.codes(
            low: word(1 + quad % 4, of: block, at: row), fifth: word(0, of: block, at: row), quad: quad)
    }
}

/// The fifth bits of the codes of 32 columns.
enum FifthBits {
    /// In a file, bit k belongs to column k. This moves it to where ``QuantizedStorage/codes(_:at:span:quad:_:)`` needs it: the
    /// bit of column 4q + b to bit 8b + q.
    ///
    /// - Parameter words: The words of 32 rows.
    @inline(always)
    static func arrange(_ words: UnsafeMutablePointer<Float>) {
        for row in Steps(from: 0, to: PackedMatrix.panelWidth, by: laneCount) {
            let bits = words.lanes(at: row)
            var arranged = Lanes(repeating: 0)
            for column in Steps(from: 0, to: 32, by: 1) {
                arranged = arranged.joined(with: bits, shift: column, 1, to: column % 4 * 8 + column / 4)
            }
            words.store(arranged, at: row)
        }
    }

    /// The codes of a quad.
    ///
    /// - Parameters:
    ///   - low: The word with the lower four bits, of two quads.
    ///   - fifth: The word that ``arrange(_:)`` has made.
    @inline(always)
    static func codes(low: Lanes, fifth: Lanes, quad: Int) -> Lanes {
        low.masked(shift: quad / 4 * 4, 0x0f0f_0f0f).joined(with: fifth, shift: quad, 0x0101_0101, to: 4)
    }
}
