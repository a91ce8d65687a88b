/// A quantised format of this engine's own: a block has a scale d and a minimum m as 32-bit floats, which are the words 0 and 1;
/// d · code + m, rounded once.
///
/// Checkpoints whose scales or zero points no format of GGUF holds are stored so. With a zero point z, m is −d · z.
protocol AffineStorage: QuantizedStorage {
    /// One code of a panel's block.
    static func code(_ block: UnsafePointer<Float>, row: Int, column: Int) -> UInt32
}

extension AffineStorage {
    @inline(always) static var groupLength: Int { 32 }

    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes { word(0, of: block, at: row) }

    @inline(always)
    static func minima<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes { word(1, of: block, at: row) }

    // The product of a 32-bit scale and a code needn't be exact, so the sum has to be fused with it.
    static func copyRow(
        _ row: Int, of panel: UnsafePointer<Float>, columnCount: Int, to output: UnsafeMutablePointer<Float>
    ) {
        for index in 0..<(columnCount / blockLength) {
            let block = panel + index * blockWordCount
            let (scale, minimum) = (block[row], block[PackedMatrix.panelWidth + row])
            for column in 0..<blockLength {
                let code = Float(code(block, row: row, column: column))
                output[index * blockLength + column] = minimum.addingProduct(scale, code)
            }
        }
    }
}

/// 4-bit codes, 5 bits a number: blocks of 64 columns.
/// Four words for each 32 columns are as in ``Q40Storage``.
enum Affine4Storage: AffineStorage, NibbleStorage {
    @inline(always) static var blockLength: Int { 64 }
    @inline(always) static var blockByteCount: Int { 40 }

    @inline(always)
    static func place(span: Int, quad: Int) -> (word: Int, shift: Int) { (2 + span * 4 + quad % 4, quad / 4 * 4) }

    static func code(_ block: UnsafePointer<Float>, row: Int, column: Int) -> UInt32 {
        let place = place(span: column / 32, quad: column % 32 / 4)
        let word = block[place.word * PackedMatrix.panelWidth + row].bitPattern
        return word >> UInt32(8 * (column % 4) + place.shift) & 15
    }
}

/// 8-bit codes, 10 bits a number: blocks of 32 columns. Codes of fewer bits are stored so as well, where no other format
/// holds their scales.
///
/// In code products, a code is 128 less, and the minimum m + d · 128.
enum Affine8Storage: AffineStorage {
    @inline(always) static var blockLength: Int { 32 }
    @inline(always) static var blockByteCount: Int { 40 }
    @inline(always) static var codesAreRaised: Bool { true }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes { word(2 + quad, of: block, at: row) }

    @inline(always)
    static func raisedMinima<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes {
        // The product is exact.
        word(1, of: block, at: row) + word(0, of: block, at: row) * 128
    }

    static func code(_ block: UnsafePointer<Float>, row: Int, column: Int) -> UInt32 {
        let word = block[(2 + column / 4) * PackedMatrix.panelWidth + row].bitPattern
        return word >> UInt32(8 * (column % 4)) & 255
    }
}
