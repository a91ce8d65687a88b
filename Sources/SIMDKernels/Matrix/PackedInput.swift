import CLongLM

/// Activations [rowCount, columnCount] in the order in which a product reads them: tiles of as many rows as the target's
/// largest tile has, column after column, then smaller tiles for the rows that are left over. A single row stays as it is.
public struct PackedInput {
    let pointer: UnsafePointer<Float>
    /// Floats from one row's place to the next. A tile begins at the place of its first row.
    let rowStride: Int
    /// M.
    public let rowCount: Int
    /// K.
    public let columnCount: Int
    /// The arithmetic of products with it.
    public let precision: Precision
}

extension GEMM {
    /// The floats of memory that the packed form of a [rowCount, columnCount] input needs on any instruction set.
    public static func packedInputFloatCount(rowCount: Int, columnCount: Int) -> Int {
        // The smallest tile may have up to three rows too many, and a word of two numbers may have one too many.
        (rowCount + 3) * (columnCount + 1)
    }

    /// This worker's share of packing `input` [rowCount, columnCount], row-major, for products. All workers call it
    /// with the same arguments and meet at a barrier before the product, unless ``Worker/rows(of:)`` says that each
    /// owns its rows. The team of the product must have the same number of workers. Up to four rows may also be packed
    /// by ``Worker/alone``.
    ///
    /// - Parameters:
    ///   - input: The activations. They must stay in place until the products are done, since a single row is used
    ///     where it is.
    ///   - rowCount: M.
    ///   - columnCount: K.
    ///   - precision: The arithmetic of the products. ``InstructionSet/supports(_:)`` must allow it.
    ///   - packed: Memory of ``packedInputFloatCount(rowCount:columnCount:)`` floats.
    ///   - rowStride: Floats from one row's place to the next in `packed`, at least `columnCount`, which is the
    ///     default.
    ///   - worker: This worker.
    public static func packInput(
        _ input: UnsafePointer<Float>, rowCount: Int, columnCount: Int, precision: Precision = .float32,
        into packed: UnsafeMutablePointer<Float>, rowStride: Int? = nil, worker: Worker
    ) -> PackedInput {
        let rowStride = rowStride ?? columnCount
        precondition(rowStride >= columnCount, "a row has room")
        precondition(worker.instructionSet.supports(precision), "the processor computes in this precision")
        if rowCount == 1 && precision == .float32 {
            return PackedInput(
                pointer: input, rowStride: columnCount, rowCount: 1, columnCount: columnCount, precision: precision)
        }
        precondition(precision != .int8 || columnCount % 32 == 0, "rows are quantised in groups of 32")
        func pack(_ rows: Range<Int>) {
            if precision == .int8 {
                let arguments = QuantizeInputArguments(
                    source: input, rows: rows, columnCount: columnCount, isSingleRow: rowCount == 1, target: packed,
                    targetStride: rowStride)
                return arguments.run(on: worker.instructionSet)
            }
            let arguments = PackInputArguments(
                source: input, rows: rows, columnCount: columnCount, isSingleRow: rowCount == 1, target: packed,
                targetStride: rowStride)
            arguments.run(on: worker.instructionSet, precision: precision)
        }
        let share = worker.rows(of: rowCount)
        if share.isOwned {
            share.forEachRange(pack)
        } else {
            // Whole tiles, so that no two workers write one.
            let tileRows = worker.instructionSet.tileRows(for: precision)
            let tiles = worker.share(of: (rowCount + tileRows - 1) / tileRows)
            let rows = min(tiles.lowerBound * tileRows, rowCount)..<min(tiles.upperBound * tileRows, rowCount)
            if !rows.isEmpty { pack(rows) }
        }
        return PackedInput(
            pointer: UnsafePointer(packed), rowStride: rowStride, rowCount: rowCount, columnCount: columnCount,
            precision: precision)
    }
}

/// Packs some rows of activations.
struct PackInputArguments: Kernel {
    /// Row 0.
    let source: UnsafePointer<Float>
    let rows: Range<Int>
    /// K.
    let columnCount: Int
    /// Whether there is only one row. It stays a row instead of becoming a tile.
    let isSingleRow: Bool
    /// Where row 0 goes.
    let target: UnsafeMutablePointer<Float>
    /// Words from one row's place to the next.
    let targetStride: Int

    static var number: LongLMKernel { .packInput }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        if isSingleRow { return packRow(Target.self) }
        // The same tiles as the product will use.
        var row = rows.lowerBound
        while row < rows.upperBound {
            let rest = rows.upperBound - row
            if rest <= Target.SmallTile.rows || Target.SmallTile.rows == Target.Tile.rows {
                packTile(from: row, count: rest, Target.SmallTile.self)
                row += Target.SmallTile.rows
            } else if rest <= Target.MediumTile.rows {
                packTile(from: row, count: rest, Target.MediumTile.self)
                row += Target.MediumTile.rows
            } else {
                packTile(from: row, count: rest, Target.Tile.self)
                row += Target.Tile.rows
            }
        }
    }

    @inline(always)
    private func packRow<Target: KernelTarget>(_: Target.Type) {
        let perWord = Target.Products.numbersPerStep
        let whole = columnCount / perWord / laneCount * laneCount
        for word in Steps(from: 0, to: whole, by: laneCount) {
            target.store(Target.Products.words(source + perWord * word), at: word)
        }
        for word in Steps(from: whole, to: (columnCount + perWord - 1) / perWord, by: 1) {
            target[word] = Target.Products.word(source + perWord * word, count: columnCount - perWord * word)
        }
    }

    /// Packs the rows of one tile, with zeros for missing ones: word w of row r goes to `tile + w · MR + r`.
    @inline(always)
    private func packTile<Tile: MicroTile>(from row: Int, count: Int, _: Tile.Type) {
        let perWord = Tile.Products.numbersPerStep
        let present = lesser(count, Tile.rows)
        let rows = source + row * columnCount
        let tile = target + row * targetStride
        // Squares of sixteen words are transposed in registers, as long as each can be read without leaving its row.
        let whole = columnCount / perWord / laneCount * laneCount
        for word in Steps(from: 0, to: whole, by: laneCount) {
            Tile.Products.transpose(
                rows + perWord * word, rowStride: columnCount, count: present, to: tile + word * Tile.rows,
                targetStride: Tile.rows, height: Tile.rows)
        }
        for word in Steps(from: whole, to: (columnCount + perWord - 1) / perWord, by: 1) {
            for tileRow in Steps(from: 0, to: Tile.rows, by: 1) {
                let numbers = rows + tileRow * columnCount + perWord * word
                tile[word * Tile.rows + tileRow] =
                    tileRow < present ? Tile.Products.word(numbers, count: columnCount - perWord * word) : 0
            }
        }
    }
}
