import CLongLM

/// A weight matrix [N, K] (one row per output) in the order in which GEMM and GEMV read it.
///
/// Rows are gathered in panels of 32. A panel consists of blocks of neighboring columns, in the form that the matrix's
/// format has. In float32, that is `panel[column · 32 + row]`. 16-bit numbers are in words of two, `panel[column / 2 ·
/// 32 + row]`, with the earlier column in the lower half. Missing rows of the last panel, and missing columns of a
/// panel's last block, are zeros.
public final class PackedMatrix: Sendable {
    /// Rows of a panel (NR).
    public static let panelWidth = 32

    /// How the numbers are stored.
    public let format: WeightFormat
    /// N, the number of rows: the outputs of a product.
    public let rowCount: Int
    /// K, the number of columns: the inputs of a product.
    public let columnCount: Int
    /// The bytes that the matrix occupies, padding included.
    public let byteCount: Int
    /// Words of a panel.
    let panelWordCount: Int
    private let storage: AlignedBuffer

    /// Packs a row-major [rowCount, columnCount] matrix.
    ///
    /// - Parameters:
    ///   - source: The rows as a file holds them, little-endian, `rowCount` times
    ///     ``WeightFormat/rowByteCount(columnCount:)`` bytes; no alignment is needed.
    ///   - format: The format of the rows.
    ///   - storedFormat: The format of the packed matrix, if the numbers are to be rounded (to nearest, ties to even)
    ///     or widened. Its ``WeightFormat/roundsFloats`` must be true. nil: the numbers are stored unchanged.
    ///   - rowCount: N, at least 1.
    ///   - columnCount: K, at least 1.
    ///   - threadCount: Threads to pack with.
    ///   - instructionSet: The instruction set to pack with; the processor must have it.
    ///   - arena: Where memory is taken from; nil: the system.
    public convenience init(
        packing source: UnsafeRawBufferPointer, format: WeightFormat, storedFormat: WeightFormat? = nil,
        rowCount: Int, columnCount: Int, threadCount: Int = 1, instructionSet: InstructionSet = .baseline,
        arena: BufferArena? = nil
    ) {
        let rowByteCount = format.rowByteCount(columnCount: columnCount)
        precondition(source.count == rowCount * rowByteCount, "the source has as many numbers as the matrix")
        self.init(
            format: format, storedFormat: storedFormat, rowCount: rowCount, columnCount: columnCount,
            threadCount: threadCount, instructionSet: instructionSet, arena: arena
        ) { rows, target in
            target.copyMemory(
                from: UnsafeRawBufferPointer(
                    rebasing: source[(rows.lowerBound * rowByteCount)..<(rows.upperBound * rowByteCount)]))
            return true
        }
    }

    /// Packs rows that are read piece by piece, so that only a small part of the source is in memory at any time.
    ///
    /// - Parameters:
    ///   - format: The format of the rows.
    ///   - storedFormat: The format of the packed matrix; as in ``init(packing:format:storedFormat:rowCount:columnCount:threadCount:instructionSet:arena:)``.
    ///   - rowCount: N, at least 1.
    ///   - columnCount: K, at least 1.
    ///   - threadCount: Threads to pack with.
    ///   - instructionSet: The instruction set to pack with; the processor must have it.
    ///   - arena: Where memory is taken from; nil: the system.
    ///   - read: Called with the next rows, in ascending order, and with room for their bytes, which it fills. Returns whether
    ///     it could; if not, it isn't called again, and the matrix is of no use.
    package init(
        format: WeightFormat, storedFormat: WeightFormat?, rowCount: Int, columnCount: Int, threadCount: Int,
        instructionSet: InstructionSet, arena: BufferArena?,
        read: (Range<Int>, UnsafeMutableRawBufferPointer) -> Bool
    ) {
        precondition(rowCount > 0 && columnCount > 0, "a packed matrix isn't empty")
        precondition(columnCount % format.columnMultiple == 0, "a row consists of whole blocks")
        let rowByteCount = format.rowByteCount(columnCount: columnCount)
        let storedFormat = storedFormat ?? format
        precondition(storedFormat == format || storedFormat.roundsFloats, "the format rounds floats")
        precondition(columnCount % storedFormat.columnMultiple == 0, "a packed row consists of whole blocks")
        self.format = storedFormat
        self.rowCount = rowCount
        self.columnCount = columnCount
        panelWordCount = storedFormat.storage.panelWordCount(columnCount)
        let panelCount = Self.panelCount(rowCount: rowCount)
        let floatCount = panelCount * panelWordCount
        storage = arena?.allocate(floatCount: floatCount) ?? AlignedBuffer(floatCount: floatCount)
        byteCount = storage.byteCount

        // Pieces of a few MB, which stay in a cache until they are packed.
        let piecePanelCount = min(max(threadCount, (4 << 20) / (Self.panelWidth * rowByteCount)), panelCount)
        let piece = AlignedBuffer(byteCount: piecePanelCount * Self.panelWidth * rowByteCount)
        for first in stride(from: 0, to: panelCount, by: piecePanelCount) {
            let count = min(piecePanelCount, panelCount - first)
            let rows = (first * Self.panelWidth)..<min((first + count) * Self.panelWidth, rowCount)
            let target = UnsafeMutableRawBufferPointer(start: piece.bytes, count: rows.count * rowByteCount)
            guard read(rows, target) else { return }
            Team.run(threadCount: threadCount, instructionSet: instructionSet) { worker in
                let arguments = PackWeightsArguments(
                    source: piece.bytes, sourceFormat: format, rowByteCount: rowByteCount, rowCount: rows.count,
                    columnCount: columnCount, storedFormat: storedFormat, rounds: format != storedFormat,
                    panelWordCount: panelWordCount, panels: worker.share(of: count),
                    target: storage.floats + first * panelWordCount)
                arguments.pack(on: instructionSet)
            }
        }
    }

    /// The bytes that a packed matrix occupies, padding included.
    ///
    /// - Parameters:
    ///   - rowCount: N, at least 1.
    ///   - columnCount: K, at least 1.
    ///   - format: How the packed matrix stores its numbers.
    package static func byteCount(rowCount: Int, columnCount: Int, format: WeightFormat) -> Int {
        panelCount(rowCount: rowCount) * format.storage.panelWordCount(columnCount) * 4
    }

    private static func panelCount(rowCount: Int) -> Int { (rowCount + panelWidth - 1) / panelWidth }

    /// The number of panels.
    var panelCount: Int { Self.panelCount(rowCount: rowCount) }

    /// The first panel.
    var panels: UnsafePointer<Float> { UnsafePointer(storage.floats) }

    /// Calls `body` with the packed numbers, including the zeros that fill up the last panel.
    package func withUnsafeBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        body(UnsafeRawBufferPointer(start: storage.bytes, count: storage.byteCount))
    }

    /// Writes one row, widened, to `output` [K]. This is how an embedding is looked up in a matrix that also projects
    /// onto the vocabulary.
    package func copyRow(_ row: Int, to output: UnsafeMutablePointer<Float>) {
        precondition(row >= 0 && row < rowCount, "the row exists")
        format.storage.copyRow(
            row % Self.panelWidth, panels + row / Self.panelWidth * panelWordCount, columnCount, output)
    }
}
