/// How the numbers of a weight matrix are stored: in a file, row by row, and in the panels of a ``PackedMatrix``.
///
/// A format is one conformance in a file of its own. It also needs a case and a line in ``WeightFormat``.
protocol WeightStorage: PanelBlocks {
    /// The number of columns has to be a multiple of this.
    static var columnMultiple: Int { get }

    /// The bytes of a row in a file.
    static func rowByteCount(columnCount: Int) -> Int

    /// Packs up to 32 rows of a file into a panel, unchanged. Missing rows, and missing columns of the last block,
    /// become zeros.
    ///
    /// - Parameters:
    ///   - rows: Row after row, without gaps; no alignment is needed.
    ///   - rowCount: How many, at least 1.
    ///   - columnCount: K.
    ///   - panel: ``PanelBlocks/blockWordCount`` words for each block.
    static func pack(
        _ rows: UnsafeRawPointer, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>)

    /// Whether floats can be rounded to this format.
    static var roundsFloats: Bool { get }

    /// How many columns share a scale, and whether there are minima; nil for a format that isn't quantised.
    static var quantized: (groupLength: Int, hasMinimum: Bool)? { get }

    /// Packs up to 32 rows of floats into a panel, rounded to nearest, ties to even. Call it only if ``roundsFloats``
    /// is true.
    static func packRounded(
        _ rows: UnsafePointer<Float>, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>)

    /// Widens one row of a file exactly.
    static func widen(_ row: UnsafeRawPointer, columnCount: Int, into output: UnsafeMutablePointer<Float>)

    /// Widens one row of a panel exactly. This is how an embedding is looked up.
    static func copyRow(
        _ row: Int, of panel: UnsafePointer<Float>, columnCount: Int, to output: UnsafeMutablePointer<Float>)
}

extension WeightStorage {
    static var columnMultiple: Int { 1 }

    static var quantized: (groupLength: Int, hasMinimum: Bool)? { nil }

    // Most formats are not rounded to.
    @inline(always) static var roundsFloats: Bool { false }

    @inline(always)
    static func packRounded(
        _ rows: UnsafePointer<Float>, rowCount: Int, columnCount: Int, into panel: UnsafeMutablePointer<Float>
    ) {
        preconditionFailure("floats are not rounded to this format")
    }

    /// The words of a panel.
    static func panelWordCount(columnCount: Int) -> Int {
        (columnCount + blockLength - 1) / blockLength * blockWordCount
    }
}

/// Work for the storage that a weight format selects.
protocol WeightStorageVisitor {
    associatedtype Result
    func visit<Storage: WeightStorage>(_: Storage.Type) -> Result
}

/// A storage as a value, for work outside of kernels. (The kernels are compiled for other processors in Embedded Swift,
/// which has no values of protocol types.)
struct WeightStorageFunctions {
    let columnMultiple: Int
    let roundsFloats: Bool
    /// How many columns share a scale, and whether there are minima; nil for formats that aren't quantised.
    let quantized: (groupLength: Int, hasMinimum: Bool)?
    /// (column count)
    let rowByteCount: (Int) -> Int
    /// (column count)
    let panelWordCount: (Int) -> Int
    /// (row, column count, output)
    let widen: (UnsafeRawPointer, Int, UnsafeMutablePointer<Float>) -> Void
    /// (row, panel, column count, output)
    let copyRow: (Int, UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>) -> Void

    @inline(always)
    init<Storage: WeightStorage>(_: Storage.Type) {
        columnMultiple = Storage.columnMultiple
        roundsFloats = Storage.roundsFloats
        quantized = Storage.quantized
        rowByteCount = { Storage.rowByteCount(columnCount: $0) }
        panelWordCount = { Storage.panelWordCount(columnCount: $0) }
        widen = { Storage.widen($0, columnCount: $1, into: $2) }
        copyRow = { Storage.copyRow($0, of: $1, columnCount: $2, to: $3) }
    }
}
