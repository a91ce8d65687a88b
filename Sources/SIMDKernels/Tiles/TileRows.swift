/// A tile of one row.
struct TileRow<Columns: TileColumns, Products: TileProducts>: MicroTile {
    private var accumulators: Columns

    @_transparent static var rows: Int { 1 }

    @_transparent
    init() { accumulators = Columns(repeating: 0) }

    @_transparent
    init(_ source: UnsafePointer<Float>, stride: Int) { accumulators = Columns(source) }

    @_transparent
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        accumulators = Columns(source).multiplied(by: factors[0])
    }

    @_transparent
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Columns) {
        accumulators.add(left[0], right, Products.self)
    }

    @_transparent
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) { accumulators.store(to: target) }

    @_transparent
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) { accumulators.stream(to: target) }

    @_transparent
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) { accumulators.add(to: target) }
}

extension TileStack: MicroTile
where Upper: MicroTile, Lower: MicroTile, Upper.Products == Lower.Products {
    typealias Products = Upper.Products

    @_transparent
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        self.init(
            upper: Upper(source, stride: stride, factors: factors),
            lower: Lower(source + Upper.rows * stride, stride: stride, factors: factors + Upper.rows))
    }

    @_transparent
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Columns) {
        upper.step(left, leftStride, right)
        lower.step(left + Upper.rows * leftStride, leftStride, right)
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
