/// What a target needs to unpack quantised weights.
protocol UnpackingTarget {
    /// How it multiplies and adds single numbers.
    associatedtype Arithmetic: MultiplyAdd
    /// How it widens stored numbers.
    associatedtype Widen: Widening
    /// Whether single rows are multiplied as several are, with unpacked parts of panels. That takes longer than a loop for
    /// each format, but far less code.
    static var unpacksForSingleRows: Bool { get }
}

extension UnpackingTarget {
    @inline(always) static var unpacksForSingleRows: Bool { false }
}

/// What differs between the targets of the products of ``Precision/int8``.
///
/// The register tiles have six rows, four or two, on every target.
protocol CodeTarget: UnpackingTarget {
    /// How it multiplies codes.
    associatedtype Codes: CodeProducts
    /// The numbers of a row of its tiles: 16, or 32 where there are registers for them.
    associatedtype CodeColumns: TileColumns
}

extension CodeTarget {
    typealias LargeCodeTile = SixCodeRows<CodeColumns, Codes, Arithmetic>
    typealias MediumCodeTile = FourCodeRows<CodeColumns, Codes, Arithmetic>
    typealias SmallCodeTile = TwoCodeRows<CodeColumns, Codes, Arithmetic>
}

/// The rows of the largest tile of code products.
var codeTileRows: Int {
    @inline(always) get { 6 }
}
