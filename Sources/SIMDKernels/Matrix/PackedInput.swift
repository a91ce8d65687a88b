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
    /// Floats from the place of one row to the next; tiles begin at their first row's place.
    let rowStride: Int
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
    /// All workers call it with the same arguments and meet at a barrier before the product, unless
    /// ``Worker/rows(of:)`` says that each owns its rows. The team of the product has as many workers; up to four rows may
    /// be packed by ``Worker/alone`` too.
    ///
    /// - Parameters:
    ///   - input: The activations; must stay in place until the products are done (one row is used where it is).
    ///   - rowCount: M.
    ///   - columnCount: K.
    ///   - precision: What the products are computed in; ``Precision/bfloat16`` only where
    ///     ``InstructionSet/hasBFloat16Products`` says so.
    ///   - packed: Memory of ``packedInputFloatCount(rowCount:columnCount:)`` floats.
    ///   - rowStride: Floats from the place of one row to the next in `packed`, at least `columnCount`, which it is
    ///     unless said otherwise.
    ///   - worker: This worker.
    public static func packInput(
        _ input: UnsafePointer<Float>, rowCount: Int, columnCount: Int, precision: Precision = .float32,
        into packed: UnsafeMutablePointer<Float>, rowStride: Int? = nil, worker: Worker
    ) -> PackedInput {
        let rowStride = rowStride ?? columnCount
        precondition(rowStride >= columnCount, "a row has room")
        precondition(
            precision == .float32 || worker.instructionSet.hasBFloat16Products,
            "bfloat16 products need AVX-512 BF16")
        if rowCount == 1 && precision == .float32 {
            return PackedInput(
                pointer: input, rowStride: columnCount, rowCount: 1, columnCount: columnCount, precision: precision)
        }
        var arguments = PackRowsArguments(
            source: UnsafeRawPointer(input), rowStride: columnCount * 4, rows: 0..<0, columnCount: columnCount,
            form: precision == .bfloat16 ? .roundedPairs : .words, isSingleRow: rowCount == 1, isPanel: false,
            target: packed, targetStride: rowStride)
        let share = worker.rows(of: rowCount)
        if share.isOwned {
            share.forEachRange { rows in
                arguments.rows = rows
                packRows(arguments, on: worker.instructionSet)
            }
        } else {
            // Whole tiles, so that no two workers write one.
            let tileRows = worker.instructionSet.tileRows
            let tiles = worker.share(of: (rowCount + tileRows - 1) / tileRows)
            arguments.rows =
                lesser(tiles.lowerBound * tileRows, rowCount)..<lesser(tiles.upperBound * tileRows, rowCount)
            if !arguments.rows.isEmpty { packRows(arguments, on: worker.instructionSet) }
        }
        return PackedInput(
            pointer: UnsafePointer(packed), rowStride: rowStride, rowCount: rowCount, columnCount: columnCount,
            precision: precision)
    }

    /// Packs some rows of activations or weights.
    @inline(never)
    static func packRows(_ arguments: PackRowsArguments, on instructionSet: InstructionSet) {
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
    var rows: Range<Int>
    /// Numbers of a row.
    let columnCount: Int
    let form: Form
    /// One row is kept as it is instead of in a tile.
    let isSingleRow: Bool
    /// Panels of 32 rows instead of tiles. Rows that are missing in the last one become zeros.
    let isPanel: Bool
    /// Where row 0 goes.
    let target: UnsafeMutablePointer<Float>
    /// Words from the place of one row to the next.
    let targetStride: Int

    @inline(always)
    var wordCount: Int { form == .words ? columnCount : (columnCount + 1) / 2 }
}

@inline(always)
private func packRowsKernel<Target: KernelTarget>(_ arguments: PackRowsArguments, _: Target.Type) {
    let words = arguments.wordCount
    let end = arguments.rows.upperBound
    var row = arguments.rows.lowerBound
    if arguments.isSingleRow {
        // Only rounded: a row of floats is used where it is.
        let source = arguments.source.assumingMemoryBound(to: Float.self)
        let whole = arguments.columnCount / 2 / laneCount * laneCount
        for word in Steps(from: 0, to: whole, by: laneCount) {
            arguments.target.store(longlm_pair_bfloat16(source + 2 * word), at: word)
        }
        for word in Steps(from: whole, to: words, by: 1) { arguments.target[word] = loadWord(arguments, row: 0, word) }
        return
    }
    if arguments.isPanel {
        for first in Steps(from: row, to: end, by: PackedMatrix.panelWidth) {
            let panel = arguments.target + first * arguments.targetStride
            for half in Steps(from: 0, to: PackedMatrix.panelWidth, by: laneCount) {
                packStrip(
                    arguments, from: first + half,
                    count: end - first - half < 0 ? 0 : lesser(laneCount, end - first - half),
                    height: laneCount, targetStride: PackedMatrix.panelWidth, to: panel + half)
            }
        }
        return
    }
    // As the product passes its tiles over them.
    while row < end {
        let rest = end - row
        let target = arguments.target + row * arguments.targetStride
        if rest > Target.MediumTile.rows {
            packTile(arguments, from: row, count: rest, Target.Tile.self, to: target)
            row += Target.Tile.rows
        } else if rest > Target.SmallTile.rows {
            packTile(arguments, from: row, count: rest, Target.MediumTile.self, to: target)
            row += Target.MediumTile.rows
        } else {
            packTile(arguments, from: row, count: rest, Target.SmallTile.self, to: target)
            row += Target.SmallTile.rows
        }
    }
}

@inline(always)
private func packTile<Tile: MicroTile>(
    _ arguments: PackRowsArguments, from row: Int, count: Int, _: Tile.Type, to target: UnsafeMutablePointer<Float>
) {
    packStrip(
        arguments, from: row, count: lesser(count, Tile.rows), height: Tile.rows, targetStride: Tile.rows, to: target)
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
                source + word * 4, arguments.rowStride, count, target + word * targetStride, targetStride,
                height)
        case .roundedPairs:
            longlm_transpose_pairs(
                (source + word * 8).assumingMemoryBound(to: Float.self), arguments.rowStride / 4, count,
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
