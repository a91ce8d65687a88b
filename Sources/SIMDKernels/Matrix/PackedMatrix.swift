import CLongLM

/// A weight matrix [N, K] (one row per output) in the order in which GEMM and GEMV read it.
///
/// Rows are gathered in panels of 32. A panel consists of blocks of neighboring columns in the form of the matrix's format; of
/// float32 that is `panel[column · 32 + row]`, and 16-bit numbers lie in words of two, `panel[column / 2 · 32 + row]`, the
/// earlier column in the lower half. Missing rows of the last panel, and columns that its last block lacks, are zeros.
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
    ///   - format: How they are stored.
    ///   - storedFormat: How the matrix stores them: rounded, to nearest and ties to even, or widened; a format whose
    ///     ``WeightFormat/roundsFloats`` is true. nil: as they are.
    ///   - rowCount: N, at least 1.
    ///   - columnCount: K, at least 1.
    ///   - threadCount: Threads to pack with.
    ///   - instructionSet: What to pack with; the processor must have it.
    ///   - arena: What memory is taken from; nil: the system.
    ///   - progress: Called, after some rows each, with how many of the leading rows have been read and are not needed
    ///     any more.
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
        self.format = storedFormat
        self.rowCount = rowCount
        self.columnCount = columnCount
        panelWordCount = storedFormat.storage.panelWordCount(columnCount)
        let panelCount = Self.panelCount(rowCount: rowCount)
        let floatCount = panelCount * panelWordCount
        storage = arena?.allocate(floatCount: floatCount) ?? AlignedBuffer(floatCount: floatCount)
        byteCount = storage.byteCount
        guard let base = source.baseAddress else { return }

        // Pieces of some MB each keep the part of the source small that is in memory at one time.
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

    /// Calls `body` with the packed numbers, the zeros that fill up the last panel included.
    package func withUnsafeBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        body(UnsafeRawBufferPointer(start: storage.bytes, count: storage.byteCount))
    }

    /// Writes one row, widened, to `output` [K]: how an embedding is looked up in the matrix that also projects
    /// onto the vocabulary.
    package func copyRow(_ row: Int, to output: UnsafeMutablePointer<Float>) {
        precondition(row >= 0 && row < rowCount, "the row exists")
        format.storage.copyRow(
            row % Self.panelWidth, panels + row / Self.panelWidth * panelWordCount, columnCount, output)
    }
}
