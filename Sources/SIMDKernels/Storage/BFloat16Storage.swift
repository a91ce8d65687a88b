import CLongLM

/// bfloat16 numbers, the upper halves of 32-bit floats: two of neighboring k to a word, the earlier one in the lower half.
/// Rows of weights are packed and copied as in every ``PairStorage``.
enum BFloat16Storage: PairStorage {
    @inline(always)
    static func lanes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, column: Int, _: Widen.Type
    ) -> Lanes {
        let words = block.lanes(at: row)
        return column == 0 ? words.lowBFloat16 : words.highBFloat16
    }

    /// A number rounded to nearest, ties to even. A NaN stays a NaN.
    private static func bits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(bits >> 16) | 0x40 }
        return UInt16((bits + 0x7fff + (bits >> 16 & 1)) >> 16)
    }

    static func widen(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }
}

/// The same words, in the way that products of pairs read them: each step of a chain takes a whole word.
enum BFloat16Words: PanelStorage, CacheReading {
    typealias Keys = BFloat16Words
    typealias Values = BFloat16Words

    @inline(always) static var blockLength: Int { 1 }
    @inline(always) static var blockWordCount: Int { PackedMatrix.panelWidth }

    @inline(always)
    static func lanes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, column: Int, _: Widen.Type
    ) -> Lanes { block.lanes(at: row) }

    @inline(always)
    static func valueOffset(position: Int, stride: Int) -> Int {
        BFloat16Storage.valueOffset(position: position, stride: stride)
    }

    /// A word of one float, or of two neighboring ones, rounded to nearest and ties to even.
    @inline(always)
    static func rounded(_ numbers: UnsafePointer<Float>, count: Int) -> Float {
        longlm_round_bfloat16_words(Lanes(repeating: numbers[0]), Lanes(repeating: count > 1 ? numbers[1] : 0))[0]
    }
}

extension BFloat16Storage {
    @inline(always) static var roundsFloats: Bool { true }

    @inline(always)
    static func packRounded(
        _ rows: UnsafePointer<Float>, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>
    ) {
        WordPanel.pack(
            rowCount: rowCount, wordCount: (columnCount + 1) / 2, wholeWordCount: columnCount / 2, into: panel,
            square: { first, count, index, target in
                longlm_transpose_pairs(
                    rows + first * columnCount + 2 * index, columnCount, count, target, PackedMatrix.panelWidth,
                    laneCount)
            },
            word: { row, index in
                BFloat16Words.rounded(rows + row * columnCount + 2 * index, count: columnCount - 2 * index)
            })
    }
}

/// A word holds two components of a key, or the values of two neighboring positions.
extension BFloat16Storage: CacheStorage {
    typealias Keys = BFloat16Storage
    typealias Values = BFloat16Storage

    static func encode(_ numbers: UnsafePointer<Float>, headDimension: Int, to bytes: UnsafeMutableRawPointer) {
        for d in 0..<headDimension {
            bytes.storeBytes(of: bits(numbers[d]).littleEndian, toByteOffset: 2 * d, as: UInt16.self)
        }
    }

    static func decode(_ bytes: UnsafeRawPointer, headDimension: Int, to numbers: UnsafeMutablePointer<Float>) {
        for d in 0..<headDimension {
            numbers[d] = widen(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * d, as: UInt16.self)))
        }
    }

    @inline(always)
    static func valueOffset(position: Int, stride: Int) -> Int { position / 2 * stride }

    static func keyPanelWordCount(headDimension: Int) -> Int { headDimension / 2 * AttentionShape.panelLength }

    static func valueWordCount(count: Int, stride: Int) -> Int { count / 2 * stride }

    static func storeKey(
        _ key: UnsafePointer<Float>, headDimension: Int, in panel: UnsafeMutablePointer<Float>, place: Int
    ) {
        for word in 0..<(headDimension / 2) {
            let lower = UInt32(bits(key[2 * word]))
            let upper = UInt32(bits(key[2 * word + 1]))
            panel[word * AttentionShape.panelLength + place] = Float(bitPattern: lower | upper << 16)
        }
    }

    static func loadKey(
        _ key: UnsafeMutablePointer<Float>, headDimension: Int, from panel: UnsafePointer<Float>, place: Int
    ) {
        for word in 0..<(headDimension / 2) {
            let pair = panel[word * AttentionShape.panelLength + place].bitPattern
            key[2 * word] = Float(bitPattern: pair << 16)
            key[2 * word + 1] = Float(bitPattern: pair & 0xffff_0000)
        }
    }

    static func storeValue(
        _ value: UnsafePointer<Float>, headDimension: Int, in values: UnsafeMutablePointer<Float>, place: Int,
        stride: Int
    ) {
        // Only half of each word; the other half belongs to the neighboring position.
        let row = values + place / 2 * stride
        let halves = UnsafeMutableRawPointer(row).assumingMemoryBound(to: UInt16.self) + place % 2
        for d in 0..<headDimension { halves[2 * d] = bits(value[d]) }
        for d in headDimension..<stride { halves[2 * d] = 0 }
    }

    static func loadValue(
        _ value: UnsafeMutablePointer<Float>, headDimension: Int, from values: UnsafePointer<Float>, place: Int,
        stride: Int
    ) {
        let halves = UnsafeRawPointer(values + place / 2 * stride).assumingMemoryBound(to: UInt16.self) + place % 2
        for d in 0..<headDimension { value[d] = widen(halves[2 * d]) }
    }
}
