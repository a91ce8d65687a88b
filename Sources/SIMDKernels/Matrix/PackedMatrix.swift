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
    ///   - progress: Called from time to time with the number of leading rows that have been read and are no longer
    ///     needed.
    public init(
        packing source: UnsafeRawBufferPointer, format: WeightFormat, storedFormat: WeightFormat? = nil,
        rowCount: Int, columnCount: Int, threadCount: Int = 1, instructionSet: InstructionSet = .baseline,
        arena: BufferArena? = nil, progress: (Int) -> Void = { _ in }
    ) {
        precondition(rowCount > 0 && columnCount > 0, "a packed matrix isn't empty")
        precondition(columnCount % format.columnMultiple == 0, "a row consists of whole blocks")
        let rowByteCount = format.rowByteCount(columnCount: columnCount)
        precondition(source.count == rowCount * rowByteCount, "the source has as many numbers as the matrix")
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
        guard let base = source.baseAddress else { return }

        // In pieces of a few MB, so that only a small part of the source is in memory at any time.
        let chunkPanels = max(threadCount, (4 << 20) / (Self.panelWidth * rowByteCount))
        for first in stride(from: 0, to: panelCount, by: chunkPanels) {
            let panels = first..<min(first + chunkPanels, panelCount)
            Team.run(threadCount: threadCount, instructionSet: instructionSet) { worker in
                let share = worker.share(of: panels.count)
                let arguments = PackWeightsArguments(
                    source: base, sourceFormat: format, rowByteCount: rowByteCount, rowCount: rowCount,
                    columnCount: columnCount, storedFormat: storedFormat, rounds: format != storedFormat,
                    panelWordCount: panelWordCount,
                    panels: (panels.lowerBound + share.lowerBound)..<(panels.lowerBound + share.upperBound),
                    target: storage.floats)
                arguments.pack(on: instructionSet)
            }
            progress(min(panels.upperBound * Self.panelWidth, rowCount))
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
