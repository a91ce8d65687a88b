import CLongLM

/// A format of blocks in which a number is a code of a few bits times a scale, plus a minimum in some formats.
///
/// A format is one conformance in a file of its own. It also needs a case and two lines in ``WeightFormat``.
///
/// A panel holds the blocks of a file as they are, word by word: word w of row r is at `block[w · 32 + r]`. Where a 16-bit
/// scale makes a block's length odd, those of the rows r and r + 16 follow in one word. So a matrix takes as many bytes as
/// in the file.
///
/// A number's value is fma(scale, code, minimum), or fma(scale, code, −scale · offset). The product of a scale and a code
/// is exact in 32-bit floats for every format of GGUF, so these are the bits that gguf-py computes in steps.
protocol QuantizedStorage: WeightStorage {
    /// The bytes of a block in a file.
    static var blockByteCount: Int { get }

    /// Where a block has a 16-bit scale outside of its words: at its beginning, at its end, or nowhere.
    static var scalePlace: QuantizedScalePlace { get }

    /// How many columns share a scale: 16 or 32.
    static var groupLength: Int { get }

    /// What a code has more than the number that it stands for. It is 0 in formats with a minimum.
    static var codeOffset: Float { get }

    /// Whether there are minima.
    static var hasMinimum: Bool { get }

    /// Whether codes take all eight bits of a byte. Code products then take them to have 128 added.
    static var codesAreRaised: Bool { get }

    /// Rearranges the words of a packed block, for a format whose bits lie inconveniently.
    static func arrange(_ block: UnsafeMutablePointer<Float>)

    /// The codes of four neighboring columns, for sixteen rows: a word a row, a byte a column.
    ///
    /// - Parameters:
    ///   - block: The block's first word.
    ///   - row: 0 or 16, the first of the rows.
    ///   - span: Which 32 columns of the block.
    ///   - quad: Which four of these, from 0 to 7.
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes

    /// The same codes as floats.
    static func numbers<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> QuadNumbers

    /// The scales of a group, for sixteen rows; by default, those outside of the words.
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes

    /// What is added to the products of a group, for sixteen rows. Called only if ``hasMinimum`` is true.
    static func minima<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes

    /// The same for code products, in which a code may stand for another number.
    static func raisedMinima<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes
}

/// Where a block in a file has a 16-bit scale outside of its words.
enum QuantizedScalePlace {
    case beginning
    case end
    case nowhere
}

/// Work for the storage that a quantised format selects.
protocol QuantizedVisitor {
    func visit<Storage: QuantizedStorage>(_: Storage.Type)
}

extension QuantizedStorage {
    @inline(always) static var codeOffset: Float { 0 }

    @inline(always) static var hasMinimum: Bool { codeOffset == 0 }

    @inline(always) static var scalePlace: QuantizedScalePlace { .nowhere }

    @inline(always) static func arrange(_ block: UnsafeMutablePointer<Float>) {}

    @inline(always)
    static func numbers<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> QuadNumbers {
        QuadNumbers(bytes: codes(block, at: row, span: span, quad: quad, Widen.self))
    }

    @inline(always)
    static func scales<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes { loneScales(block, at: row, Widen.self) }

    @inline(always)
    static func minima<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes { Lanes(repeating: 0) }

    @inline(always) static var codesAreRaised: Bool { codeOffset == 128 }

    @inline(always)
    static func raisedMinima<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, _: Widen.Type
    ) -> Lanes { minima(block, at: row, group: group, Widen.self) }

    static var columnMultiple: Int { blockLength }

    static var quantized: (groupLength: Int, hasMinimum: Bool)? { (groupLength, hasMinimum) }

    /// The whole words of a block of one row.
    @inline(always) static var wordCount: Int { blockByteCount / 4 }

    @inline(always) static var blockWordCount: Int { blockByteCount * PackedMatrix.panelWidth / 4 }

    static func rowByteCount(columnCount: Int) -> Int { columnCount / blockLength * blockByteCount }

    /// Word `index` of sixteen rows.
    @inline(always)
    static func word(_ index: Int, of block: UnsafePointer<Float>, at row: Int) -> Lanes {
        block.lanes(at: index * PackedMatrix.panelWidth + row)
    }

    /// The scales that lie outside of the words, for sixteen rows.
    @inline(always)
    static func loneScales<Widen: Widening>(_ block: UnsafePointer<Float>, at row: Int, _: Widen.Type) -> Lanes {
        let words = block.lanes(at: wordCount * PackedMatrix.panelWidth)
        return row == 0 ? Widen.lowerHalves(words) : Widen.upperHalves(words)
    }

    @inline(always)
    static func pack(
        _ rows: UnsafeRawPointer, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>
    ) {
        let width = PackedMatrix.panelWidth
        let rowByteCount = columnCount / blockLength * blockByteCount
        let firstWord = scalePlace == .beginning ? 2 : 0
        let scale = scalePlace == .beginning ? 0 : blockByteCount - 2
        for index in Steps(from: 0, to: columnCount / blockLength, by: 1) {
            let source = rows + index * blockByteCount
            let words = source + firstWord
            let block = panel + index * blockWordCount
            WordPanel.pack(
                rowCount: rowCount, wordCount: wordCount, wholeWordCount: wordCount, into: block,
                square: { first, count, word, target in
                    longlm_transpose_words(
                        words + first * rowByteCount + word * 4, rowByteCount, count, target, width, laneCount)
                },
                word: { row, word in longlm_load_word(words + row * rowByteCount + word * 4) })
            if scalePlace != .nowhere {
                for row in Steps(from: 0, to: laneCount, by: 1) {
                    let lower = row < rowCount ? longlm_load_half_word(source + row * rowByteCount + scale) : 0
                    let other = row + laneCount
                    let upper = other < rowCount ? longlm_load_half_word(source + other * rowByteCount + scale) : 0
                    block[wordCount * width + row] = Float(bitPattern: lower | upper << 16)
                }
            }
            arrange(block)
        }
    }

    /// What is added to the product of a code and its scale, for sixteen rows.
    @inline(always)
    static func addends<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, group: Int, scale: Lanes, _: Widen.Type
    ) -> Lanes {
        if hasMinimum { return minima(block, at: row, group: group, Widen.self) }
        return codeOffset == 0 ? Lanes(repeating: 0) : scale * (0 - codeOffset)
    }

    /// Codes with 128 added to the numbers that they stand for, in place of ``codeOffset``.
    @inline(always)
    static func raisedCodes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        let codes = codes(block, at: row, span: span, quad: quad, Widen.self)
        if codesAreRaised { return codes }
        // No byte carries into the next: a code is below 64, and its offset at most 32.
        let missing = UInt32(128 - codeOffset)
        return codes.addingToWords(missing | missing << 8 | missing << 16 | missing << 24)
    }

    /// Widens 32 neighboring columns of a block: row r of column c goes to `target[c · 32 + r]`.
    ///
    /// - Parameters:
    ///   - block: The block's first word.
    ///   - column: The first of the columns within the block, a multiple of 32.
    @inline(always)
    static func widen<Arithmetic: MultiplyAdd, Widen: Widening>(
        _ block: UnsafePointer<Float>, from column: Int, into target: UnsafeMutablePointer<Float>, _: Arithmetic.Type,
        _: Widen.Type
    ) {
        let width = PackedMatrix.panelWidth
        for row in Steps(from: 0, to: width, by: laneCount) {
            var scale = Lanes(repeating: 0)
            var addend = scale
            for half in 0..<2 {
                if half == 0 || groupLength == 16 {
                    let group = column / groupLength + half
                    scale = scales(block, at: row, group: group, Widen.self)
                    addend = addends(block, at: row, group: group, scale: scale, Widen.self)
                }
                for quad in Steps(from: 4 * half, to: 4 * half + 4, by: 1) {
                    let numbers = numbers(block, at: row, span: column / 32, quad: quad, Widen.self)
                    let output = target + 4 * quad * width + row
                    output.store(Arithmetic.multiplyAdd(numbers.first, scale, addend), at: 0)
                    output.store(Arithmetic.multiplyAdd(numbers.second, scale, addend), at: width)
                    output.store(Arithmetic.multiplyAdd(numbers.third, scale, addend), at: 2 * width)
                    output.store(Arithmetic.multiplyAdd(numbers.fourth, scale, addend), at: 3 * width)
                }
            }
        }
    }

    static func copyRow(
        _ row: Int, of panel: UnsafePointer<Float>, columnCount: Int, to output: UnsafeMutablePointer<Float>
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 32 * PackedMatrix.panelWidth) { widened in
            guard let floats = widened.baseAddress else { return }
            for column in stride(from: 0, to: columnCount, by: 32) {
                // The product is exact, so it doesn't matter that the sum isn't fused with it.
                widen(
                    panel + column / blockLength * blockWordCount, from: column % blockLength, into: floats,
                    SeparateMultiplyAdd.self, AssembledHalves.self)
                for index in 0..<32 { output[column + index] = floats[index * PackedMatrix.panelWidth + row] }
            }
        }
    }

    static func widen(_ row: UnsafeRawPointer, columnCount: Int, into output: UnsafeMutablePointer<Float>) {
        let panel = AlignedBuffer(floatCount: columnCount / blockLength * blockWordCount)
        pack(row, rowCount: 1, columnCount: columnCount, into: panel.floats)
        copyRow(0, of: panel.floats, columnCount: columnCount, to: output)
    }
}
