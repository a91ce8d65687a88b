import CLongLM

/// What products are computed in.
public enum Precision: String, Sendable, CaseIterable {
    /// 32-bit fused multiply-adds; numbers stored in 16 bits are widened exactly. The same bits on every instruction set
    /// that has a fused multiply-add.
    case float32
    /// Both factors are rounded to bfloat16, and two products at a time are added to a 32-bit sum (AVX-512 BF16's
    /// `VDPBF16PS`). Twice as fast; results have about three significant digits, and are the same for every number of
    /// threads and division of the rows.
    case bfloat16
}

/// Activations [rowCount, columnCount] in the order in which a product reads them: tiles of as many rows as the
/// register tile has, column after column, then smaller tiles for what is left; a single row as it is.
public struct PackedInput {
    let pointer: UnsafePointer<Float>
    /// M.
    public let rowCount: Int
    /// K.
    public let columnCount: Int
    /// What products with it are computed in.
    public let precision: Precision
}

extension GEMM {
    /// The floats of memory that the packed form of a [rowCount, columnCount] input needs on any instruction set.
    public static func packedInputFloatCount(rowCount: Int, columnCount: Int) -> Int {
        // The smallest tile has up to three rows too many; words of two numbers may hold one too many.
        (rowCount + 3) * (columnCount + 1)
    }

    /// This worker's share of packing `input` [rowCount, columnCount], row-major, for products.
    /// All workers call it with the same arguments and meet at a barrier before the product.
    ///
    /// - Parameters:
    ///   - input: The activations; must stay in place until the products are done (one row is used where it is).
    ///   - precision: What the products are computed in; ``Precision/bfloat16`` only where
    ///     ``InstructionSet/hasBFloat16Products`` says so.
    ///   - packed: Memory of ``packedInputFloatCount(rowCount:columnCount:)`` floats.
    @inline(never)
    public static func packInput(
        _ input: UnsafePointer<Float>, rowCount: Int, columnCount: Int, precision: Precision = .float32,
        into packed: UnsafeMutablePointer<Float>, worker: Worker
    ) -> PackedInput {
        if rowCount == 1 && precision == .float32 {
            return PackedInput(pointer: input, rowCount: 1, columnCount: columnCount, precision: precision)
        }
        // Whole tiles, so that no two workers write one.
        let tileRows = worker.instructionSet.tileRows
        let tiles = worker.share(of: (rowCount + tileRows - 1) / tileRows)
        let rows = min(tiles.lowerBound * tileRows, rowCount)..<min(tiles.upperBound * tileRows, rowCount)
        if !rows.isEmpty {
            var arguments = PackRowsArguments(
                source: UnsafeRawPointer(input), rowStride: columnCount * 4, rows: rows, columnCount: columnCount,
                form: precision == .bfloat16 ? .roundedPairs : .words, isSingleRow: rowCount == 1, isPanel: false,
                target: packed)
            longlm_run_pack_rows(worker.instructionSet.number, &arguments)
        }
        return PackedInput(
            pointer: UnsafePointer(packed), rowCount: rowCount, columnCount: columnCount, precision: precision)
    }

    /// Packs rows of a weight matrix into panels.
    @inline(never)
    static func packPanels(_ arguments: PackRowsArguments, on instructionSet: InstructionSet) {
        withUnsafePointer(to: arguments) { longlm_run_pack_rows(instructionSet.number, $0) }
    }
}

extension InstructionSet {
    /// MR of the register tile in use.
    var tileRows: Int {
        #if arch(x86_64)
            self == .avx512 ? AVX512Target.Tile.rows : BaselineTarget.Tile.rows
        #else
            BaselineTarget.Tile.rows
        #endif
    }
}

struct PackRowsArguments {
    enum Form {
        /// 32-bit words, moved as they are.
        case words
        /// Pairs of 16-bit numbers, moved as they are.
        case pairs
        /// Floats, rounded to pairs of bfloat16 numbers.
        case roundedPairs
    }

    /// Row 0.
    let source: UnsafeRawPointer
    /// In bytes.
    let rowStride: Int
    let rows: Range<Int>
    /// Numbers of a row.
    let columnCount: Int
    let form: Form
    /// One row is kept as it is instead of in a tile.
    let isSingleRow: Bool
    /// Panels of 32 rows instead of tiles. Rows that are missing in the last one become zeros.
    let isPanel: Bool
    /// Where row 0 goes.
    let target: UnsafeMutablePointer<Float>

    @inline(always)
    var wordCount: Int { form == .words ? columnCount : (columnCount + 1) / 2 }
}

@inline(always)
private func packRowsKernel<Target: KernelTarget>(_ arguments: PackRowsArguments, _: Target.Type) {
    let words = arguments.wordCount
    let end = arguments.rows.upperBound
    var row = arguments.rows.lowerBound
    if arguments.isSingleRow {
        for word in Steps(from: 0, to: words, by: 1) { arguments.target[word] = loadWord(arguments, row: 0, word) }
        return
    }
    if arguments.isPanel {
        for first in Steps(from: row, to: end, by: PackedMatrix.panelWidth) {
            let panel = arguments.target + first * words
            for half in Steps(from: 0, to: PackedMatrix.panelWidth, by: laneCount) {
                packStrip(
                    arguments, from: first + half, count: max(0, min(laneCount, end - first - half)),
                    height: laneCount, targetStride: PackedMatrix.panelWidth, to: panel + half)
            }
        }
        return
    }
    while row + Target.Tile.rows <= end {
        packStrip(
            arguments, from: row, count: Target.Tile.rows, height: Target.Tile.rows, targetStride: Target.Tile.rows,
            to: arguments.target + row * words)
        row += Target.Tile.rows
    }
    while row < end {
        packStrip(
            arguments, from: row, count: min(Target.SmallTile.rows, end - row), height: Target.SmallTile.rows,
            targetStride: Target.SmallTile.rows, to: arguments.target + row * words)
        row += Target.SmallTile.rows
    }
}

/// Packs `count` ≤ `height` ≤ 16 rows, and zeros for those that are missing: word w of row r goes to
/// `target + w · targetStride + r`.
@inline(always)
private func packStrip(
    _ arguments: PackRowsArguments, from row: Int, count: Int, height: Int, targetStride: Int,
    to target: UnsafeMutablePointer<Float>
) {
    let source = arguments.source + row * arguments.rowStride
    let words = arguments.wordCount
    // Squares of 16 words are transposed in registers as long as reading one stays inside of a row.
    let whole = (arguments.form == .words ? words : arguments.columnCount / 2) / laneCount * laneCount
    for word in Steps(from: 0, to: whole, by: laneCount) {
        switch arguments.form {
        case .words, .pairs:
            longlm_transpose_words(
                source + word * 4, arguments.rowStride, count, laneCount, target + word * targetStride, targetStride,
                height)
        case .roundedPairs:
            longlm_transpose_pairs(
                (source + word * 8).assumingMemoryBound(to: Float.self), arguments.rowStride / 4, count, laneCount,
                target + word * targetStride, targetStride, height)
        }
    }
    for word in Steps(from: whole, to: words, by: 1) {
        for stripRow in Steps(from: 0, to: height, by: 1) {
            target[word * targetStride + stripRow] =
                stripRow < count ? loadWord(arguments, row: row + stripRow, word) : 0
        }
    }
}

/// One word of a row; the second number of the last one may be missing and is then zero.
@inline(always)
private func loadWord(_ arguments: PackRowsArguments, row: Int, _ word: Int) -> Float {
    let source = arguments.source + row * arguments.rowStride
    let hasSecond = 2 * word + 1 < arguments.columnCount
    switch arguments.form {
    case .words: return source.loadUnaligned(fromByteOffset: word * 4, as: Float.self)
    case .pairs:
        let first = UInt32(source.loadUnaligned(fromByteOffset: word * 4, as: UInt16.self))
        let second = hasSecond ? UInt32(source.loadUnaligned(fromByteOffset: word * 4 + 2, as: UInt16.self)) : 0
        return Float(bitPattern: first | second << 16)
    case .roundedPairs:
        let floats = source.assumingMemoryBound(to: Float.self) + 2 * word
        let pair = Lanes32(
            near: Lanes(repeating: floats[0]), far: Lanes(repeating: hasSecond ? floats[1] : 0))
        return longlm_round_bfloat16_words(pair.near, pair.far)[0]
    }
}

@c @implementation
func longlm_pack_rows_baseline(_ arguments: UnsafeRawPointer) {
    packRowsKernel(arguments.assumingMemoryBound(to: PackRowsArguments.self).pointee, BaselineTarget.self)
}

#if arch(x86_64)
    @c @implementation
    func longlm_pack_rows_avx2(_ arguments: UnsafeRawPointer) {
        packRowsKernel(arguments.assumingMemoryBound(to: PackRowsArguments.self).pointee, AVX2Target.self)
    }

    @c @implementation
    func longlm_pack_rows_avx512(_ arguments: UnsafeRawPointer) {
        packRowsKernel(arguments.assumingMemoryBound(to: PackRowsArguments.self).pointee, AVX512Target.self)
    }
#endif
