/// A tile that adds the products of a part of a panel.
protocol ResultTile: RegisterTile {
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
}

/// A tile that reads stored numbers as they are.
struct StorageTile<Tile: MicroTile, Storage: PanelStorage, Widen: Widening>: ResultTile {
    private var tile: Tile

    typealias Columns = Tile.Columns

    @inline(always) static var rows: Int { Tile.rows }

    @inline(always)
    init() { tile = Tile() }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) { tile = Tile(source, stride: stride) }

    @inline(always)
    mutating func accumulate(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, at column: Int, steps: Int, _ form: ScaleForm
    ) {
        // Twelve steps ahead were faster than none, see NOTES.md.
        tile.accumulate(
            left, leftStep: Tile.rows, leftStride: 1, right, at: column, rightStride: Storage.blockWordCount,
            ahead: 12 * Storage.blockWordCount, count: steps, Storage.self, Widen.self)
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
