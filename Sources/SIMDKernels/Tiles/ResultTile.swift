/// A block of a product's outputs that is held in registers while a part of a panel passes by.
protocol ResultTile {
    /// MR.
    static var rows: Int { get }
    /// NR.
    static var columns: Int { get }

    /// Sets all sums to 0.
    init()

    /// Loads the sums: row r from `source + r · stride`.
    init(_ source: UnsafePointer<Float>, stride: Int)

    /// Adds the products of a part of a panel to the sums.
    ///
    /// - Parameters:
    ///   - left: The tile's packed input, from the first step on.
    ///   - right: The part of the panel.
    ///   - column: The tile's first column.
    ///   - steps: The steps of the part.
    ///   - form: The form of the weights' scales.
    mutating func accumulate(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, at column: Int, steps: Int, _ form: ScaleForm)

    /// Writes row r to `target + r · stride`.
    func store(to target: UnsafeMutablePointer<Float>, stride: Int)

    /// Writes row r to `target + r · stride` past the caches; the addresses are multiples of 64 bytes.
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int)

    /// Adds row r to what `target + r · stride` holds.
    func add(to target: UnsafeMutablePointer<Float>, stride: Int)
}

/// A tile that reads stored numbers as they are.
struct StorageTile<Tile: MicroTile, Storage: PanelStorage, Widen: Widening>: ResultTile {
    private var tile: Tile

    @inline(always) static var rows: Int { Tile.rows }
    @inline(always) static var columns: Int { Tile.columns }

    @inline(always)
    init() { tile = Tile() }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) { tile = Tile(source, stride: stride) }

    @inline(always)
    mutating func accumulate(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, at column: Int, steps: Int, _ form: ScaleForm
    ) {
        tile.accumulate(
            left, leftStep: Tile.rows, leftStride: 1, right, at: column, rightStride: Storage.blockWordCount,
            count: steps, Storage.self, Widen.self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) { tile.store(to: target, stride: stride) }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) { tile.stream(to: target, stride: stride) }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) { tile.add(to: target, stride: stride) }
}

/// The form of a quantised format's scales.
struct ScaleForm {
    /// Whether 16 columns share a scale, rather than 32.
    let isHalved: Bool
    /// Whether there are minima.
    let hasMinimum: Bool

    init(_ format: WeightFormat) {
        let quantized = format.storage.quantized
        isHalved = quantized?.groupLength == 16
        hasMinimum = quantized?.hasMinimum ?? false
    }
}
