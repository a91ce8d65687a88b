import CLongLM

/// A weight matrix [N, K] (one row per output) in the order in which GEMM and GEMV read it.
///
/// Rows are gathered in panels of 32, and a panel consists of 32-bit words, `panel[w · 32 + row]`: word w of a row is the
/// float of column w, or the 16-bit numbers of the columns 2w (low half) and 2w + 1. Missing rows of the last panel,
/// and a missing last column, are zeros.
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
    private let storage: AlignedBuffer

    /// Packs a row-major [rowCount, columnCount] matrix.
    ///
    /// - Parameters:
    ///   - source: The numbers, little-endian, exactly rowCount · columnCount of them; no alignment is needed.
    ///   - format: How they are stored.
    ///   - storedFormat: How the matrix is to store them: rounded to bfloat16, to nearest and ties to even, or widened to
    ///     float32; nil: as they are. Nothing is converted to float16.
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
        precondition(
            source.count == rowCount * columnCount * format.byteCount,
            "the source has as many numbers as the matrix")
        let storedFormat = storedFormat ?? format
        precondition(storedFormat == format || storedFormat != .float16, "nothing is converted to float16")
        self.format = storedFormat
        self.rowCount = rowCount
        self.columnCount = columnCount
        let wordCount = Self.wordCount(columnCount: columnCount, storedFormat)
        let panelCount = (rowCount + Self.panelWidth - 1) / Self.panelWidth
        let floatCount = panelCount * Self.panelWidth * wordCount
        storage = arena?.allocate(floatCount: floatCount) ?? AlignedBuffer(floatCount: floatCount)
        byteCount = storage.byteCount
        guard let base = source.baseAddress else { return }

        // Pieces of some MB each keep the part of the source small that is in memory at one time.
        let chunkPanels = max(threadCount, (4 << 20) / (Self.panelWidth * columnCount * format.byteCount))
        for first in stride(from: 0, to: panelCount, by: chunkPanels) {
            let panels = first..<min(first + chunkPanels, panelCount)
            Team.run(threadCount: threadCount, instructionSet: instructionSet) { worker in
                let share = worker.share(of: panels.count)
                let rows =
                    ((panels.lowerBound + share.lowerBound)
                        * Self.panelWidth)..<min((panels.lowerBound + share.upperBound) * Self.panelWidth, rowCount)
                if !rows.isEmpty { pack(rows, of: base, format, on: instructionSet) }
            }
            progress(min(panels.upperBound * Self.panelWidth, rowCount))
        }
    }

    /// A matrix without numbers, to reckon with its size before there is memory for it: nothing but its sizes may be
    /// asked for.
    ///
    /// - Parameters:
    ///   - format: How the packed matrix will store its numbers.
    ///   - rowCount: N, at least 1.
    ///   - columnCount: K, at least 1.
    package init(sizedFor format: WeightFormat, rowCount: Int, columnCount: Int) {
        self.format = format
        self.rowCount = rowCount
        self.columnCount = columnCount
        let panelCount = (rowCount + Self.panelWidth - 1) / Self.panelWidth
        byteCount = panelCount * Self.panelWidth * Self.wordCount(columnCount: columnCount, format) * 4
        storage = AlignedBuffer(byteCount: 0)
    }

    /// Packs whole panels.
    private func pack(
        _ rows: Range<Int>, of source: UnsafeRawPointer, _ sourceType: WeightFormat, on instructionSet: InstructionSet
    ) {
        if sourceType == format {
            GEMM.packRows(
                PackRowsArguments(
                    source: source, rowStride: columnCount * sourceType.byteCount, rows: rows, columnCount: columnCount,
                    form: sourceType == .float32 ? .words : .pairs, isSingleRow: false, isPanel: true,
                    target: storage.floats, targetStride: wordCount),
                on: instructionSet)
            return
        }
        // Widened a panel at a time, then packed as floats are.
        withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.panelWidth * columnCount) { widened in
            guard let floats = widened.baseAddress else { return }
            for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.panelWidth) {
                let count = min(Self.panelWidth, rows.upperBound - first)
                for index in 0..<(count * columnCount) {
                    let offset = (first * columnCount + index) * sourceType.byteCount
                    floats[index] = widen(source + offset, sourceType)
                }
                GEMM.packRows(
                    PackRowsArguments(
                        source: UnsafeRawPointer(floats), rowStride: columnCount * 4, rows: 0..<count,
                        columnCount: columnCount, form: format == .float32 ? .words : .roundedPairs,
                        isSingleRow: false, isPanel: true, target: storage.floats + first * wordCount,
                        targetStride: wordCount),
                    on: instructionSet)
            }
        }
    }

    /// Calls `body` with the packed numbers, the zeros that fill up the last panel included.
    public func withUnsafeBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        body(UnsafeRawBufferPointer(start: storage.bytes, count: storage.byteCount))
    }

    private static func wordCount(columnCount: Int, _ type: WeightFormat) -> Int {
        type == .float32 ? columnCount : (columnCount + 1) / 2
    }

    /// Words of a row.
    var wordCount: Int { Self.wordCount(columnCount: columnCount, format) }

    /// Words of a panel.
    var panelWordCount: Int { wordCount * Self.panelWidth }

    /// The number of panels.
    var panelCount: Int { (rowCount + Self.panelWidth - 1) / Self.panelWidth }

    /// The first panel.
    var panels: UnsafePointer<Float> { UnsafePointer(storage.floats) }

    /// Writes one row, widened, to `output` [K]: how an embedding is looked up in the matrix that also projects
    /// onto the vocabulary.
    public func copyRow(_ row: Int, to output: UnsafeMutablePointer<Float>) {
        precondition(row >= 0 && row < rowCount, "the row exists")
        let first = UnsafeRawPointer(panels + row / Self.panelWidth * panelWordCount + row % Self.panelWidth)
        let wordStride = Self.panelWidth * 4
        let perWord = 4 / format.byteCount
        for column in 0..<columnCount {
            let offset = column / perWord * wordStride + column % perWord * format.byteCount
            output[column] = widen(first + offset, format)
        }
    }
}

/// One number, widened exactly.
private func widen(_ source: UnsafeRawPointer, _ type: WeightFormat) -> Float {
    switch type {
    case .float32: source.loadUnaligned(as: Float.self)
    case .bfloat16: Float(bitPattern: UInt32(source.loadUnaligned(as: UInt16.self)) << 16)
    case .float16: widenHalf(source.loadUnaligned(as: UInt16.self))
    }
}

/// One IEEE half-precision number, widened exactly. (`Float16` doesn't exist on every platform.)
private func widenHalf(_ bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let exponent = Int(bits >> 10) & 31
    let fraction = UInt32(bits & 0x3ff)
    switch exponent {
    case 0: return sign * Float(fraction) * 0x1p-24
    case 31: return Float(bitPattern: UInt32(bits & 0x8000) << 16 | 0x7f80_0000 | fraction << 13)
    default: return sign * Float(bitPattern: UInt32(exponent + 112) << 23 | fraction << 13)
    }
}
