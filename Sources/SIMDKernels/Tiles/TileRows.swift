// Tiles are built from rows. The rows are stored properties of nested structures, because the compiler keeps those in
// registers. It would spill an array that a loop indexes.

/// A tile of one row.
struct TileRow<Columns: TileColumns, Products: TileProducts>: MicroTile {
    private var accumulators: Columns

    @inline(always) static var rows: Int { 1 }

    @inline(always)
    init() { accumulators = Columns(repeating: 0) }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) { accumulators = Columns(source) }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        accumulators = Columns(source).multiplied(by: factors[0])
    }

    @inline(always)
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Columns) {
        accumulators.add(left[0], right, Products.self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) { accumulators.store(to: target) }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) { accumulators.stream(to: target) }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) { accumulators.add(to: target) }
}

/// A tile made of two others, one above the other.
struct TileStack<Upper: MicroTile, Lower: MicroTile>: MicroTile
where Upper.Columns == Lower.Columns, Upper.Products == Lower.Products {
    typealias Columns = Upper.Columns
    typealias Products = Upper.Products

    private var upper: Upper
    private var lower: Lower

    @inline(always) static var rows: Int { Upper.rows + Lower.rows }

    @inline(always)
    init() {
        upper = Upper()
        lower = Lower()
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) {
        upper = Upper(source, stride: stride)
        lower = Lower(source + Upper.rows * stride, stride: stride)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        upper = Upper(source, stride: stride, factors: factors)
        lower = Lower(source + Upper.rows * stride, stride: stride, factors: factors + Upper.rows)
    }

    @inline(always)
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Columns) {
        upper.step(left, leftStride, right)
        lower.step(left + Upper.rows * leftStride, leftStride, right)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) {
        upper.store(to: target, stride: stride)
        lower.store(to: target + Upper.rows * stride, stride: stride)
    }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) {
        upper.stream(to: target, stride: stride)
        lower.stream(to: target + Upper.rows * stride, stride: stride)
    }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) {
        upper.add(to: target, stride: stride)
        lower.add(to: target + Upper.rows * stride, stride: stride)
    }
}

typealias TwoRows<Columns: TileColumns, Products: TileProducts> =
    TileStack<TileRow<Columns, Products>, TileRow<Columns, Products>>
typealias FourRows<Columns: TileColumns, Products: TileProducts> =
    TileStack<TwoRows<Columns, Products>, TwoRows<Columns, Products>>
typealias SixRows<Columns: TileColumns, Products: TileProducts> =
    TileStack<FourRows<Columns, Products>, TwoRows<Columns, Products>>
typealias EightRows<Columns: TileColumns, Products: TileProducts> =
    TileStack<FourRows<Columns, Products>, FourRows<Columns, Products>>
typealias TwelveRows<Columns: TileColumns, Products: TileProducts> =
    TileStack<EightRows<Columns, Products>, FourRows<Columns, Products>>
