/// A block of a product's outputs that is held in registers.
protocol RegisterTile {
    /// The numbers of a row.
    associatedtype Columns: TileColumns
    /// MR.
    static var rows: Int { get }

    /// Sets all sums to 0.
    init()

    /// Loads the sums: row r from `source + r · stride`.
    init(_ source: UnsafePointer<Float>, stride: Int)

    /// Writes row r to `target + r · stride`.
    func store(to target: UnsafeMutablePointer<Float>, stride: Int)

    /// Writes row r to `target + r · stride` past the caches; the addresses are multiples of 64 bytes.
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int)

    /// Adds row r to what `target + r · stride` holds.
    func add(to target: UnsafeMutablePointer<Float>, stride: Int)
}

extension RegisterTile {
    /// NR.
    @_transparent static var columns: Int { Columns.count }
}

/// A tile made of two others, one above the other.
///
/// Tiles are built from rows. The rows are stored properties of nested structures, because the compiler keeps those in
/// registers. It would spill an array that a loop indexes.
struct TileStack<Upper: RegisterTile, Lower: RegisterTile>: RegisterTile where Upper.Columns == Lower.Columns {
    typealias Columns = Upper.Columns

    var upper: Upper
    var lower: Lower

    @_transparent static var rows: Int { Upper.rows + Lower.rows }

    @_transparent
    init(upper: Upper, lower: Lower) {
        self.upper = upper
        self.lower = lower
    }

    @_transparent
    init() { self.init(upper: Upper(), lower: Lower()) }

    @_transparent
    init(_ source: UnsafePointer<Float>, stride: Int) {
        self.init(
            upper: Upper(source, stride: stride), lower: Lower(source + Upper.rows * stride, stride: stride))
    }

    @_transparent
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) {
        upper.store(to: target, stride: stride)
        lower.store(to: target + Upper.rows * stride, stride: stride)
    }

    @_transparent
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) {
        upper.stream(to: target, stride: stride)
        lower.stream(to: target + Upper.rows * stride, stride: stride)
    }

    @_transparent
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) {
        upper.add(to: target, stride: stride)
        lower.add(to: target + Upper.rows * stride, stride: stride)
    }
}
