import CLongLM

/// Packs rows of 32-bit words into panels. A word holds one number, or two 16-bit numbers of neighboring columns.
enum WordPanel {
    /// Arranges up to 32 rows as a panel: word w of row r goes to `panel[w · 32 + r]`. Missing rows become zeros.
    ///
    /// - Parameters:
    ///   - rowCount: At least 1.
    ///   - wordCount: The words of a row, including a last one that isn't complete.
    ///   - wholeWordCount: The words that lie completely within a row.
    ///   - square: Transposes sixteen words of some rows, from a given word on: (first row, row count, word, target).
    ///   - word: One word of a row: (row, word).
    @inline(always)
    static func pack(
        rowCount: Int, wordCount: Int, wholeWordCount: Int, into panel: UnsafeMutablePointer<Float>,
        square: (Int, Int, Int, UnsafeMutablePointer<Float>) -> Void, word: (Int, Int) -> Float
    ) {
        let width = PackedMatrix.panelWidth
        let whole = wholeWordCount / laneCount * laneCount
        for half in Steps(from: 0, to: width, by: laneCount) {
            let count = rowCount - half < 0 ? 0 : lesser(laneCount, rowCount - half)
            // Squares of sixteen words are transposed in registers, as long as each can be read without leaving its
            // row.
            for first in Steps(from: 0, to: whole, by: laneCount) {
                square(half, count, first, panel + first * width + half)
            }
            for index in Steps(from: whole, to: wordCount, by: 1) {
                for row in Steps(from: 0, to: laneCount, by: 1) {
                    panel[index * width + half + row] = row < count ? word(half + row, index) : 0
                }
            }
        }
    }

    /// Packs rows of words that are copied unchanged.
    ///
    /// - Parameters:
    ///   - rowByteCount: Bytes from one row to the next.
    ///   - word: One word of a row: (row, word).
    @inline(always)
    static func packWords(
        _ rows: UnsafeRawPointer, rowByteCount: Int, rowCount: Int, wordCount: Int,
        into panel: UnsafeMutablePointer<Float>, word: (Int, Int) -> Float
    ) {
        pack(
            rowCount: rowCount, wordCount: wordCount, wholeWordCount: rowByteCount / 4, into: panel,
            square: { first, count, index, target in
                longlm_transpose_words(
                    rows + first * rowByteCount + index * 4, rowByteCount, count, target, PackedMatrix.panelWidth,
                    laneCount)
            }, word: word)
    }

    /// Packs rows of 16-bit numbers, two to a word. A last column without a neighbor gets a zero.
    @inline(always)
    static func packPairs(
        _ rows: UnsafeRawPointer, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>
    ) {
        let rowByteCount = columnCount * 2
        packWords(
            rows, rowByteCount: rowByteCount, rowCount: rowCount, wordCount: (columnCount + 1) / 2, into: panel
        ) { row, index in
            let source = rows + row * rowByteCount + index * 4
            let upper = 2 * index + 1 < columnCount ? longlm_load_half_word(source + 2) : 0
            return Float(bitPattern: longlm_load_half_word(source) | upper << 16)
        }
    }
}
