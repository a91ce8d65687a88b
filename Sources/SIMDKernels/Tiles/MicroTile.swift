import CLongLM

/// A block of a product's outputs that is held in registers: `rows` × `columns` accumulators.
///
/// Every tile promises that each accumulator is one chain of multiply-adds, in the order of the calls of `step`. So a
/// result doesn't depend on the shape of the tile.
protocol MicroTile: RegisterTile {
    /// How it multiplies.
    associatedtype Products: TileProducts

    /// Loads the accumulators: row r from `source + r · stride`, multiplied by `factors[r]`.
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>)

    /// Adds left[r · leftStride] · right[c] to every accumulator (r, c).
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Columns)
}

extension MicroTile {
    /// Adds `count` products to every accumulator, in ascending order.
    ///
    /// - Parameters:
    ///   - left: Row r of step k is at `left + k · leftStep + r · leftStride`.
    ///   - right: The first block of the columns' numbers.
    ///   - offset: The tile's first column within a block.
    ///   - rightStride: Words from one block to the next.
    ///   - ahead: Words from a block to the one that is prefetched meanwhile.
    ///   - count: Steps.
    @inline(always)
    mutating func accumulate<Storage: PanelStorage, Widen: Widening>(
        _ left: UnsafePointer<Float>, leftStep: Int, leftStride: Int, _ right: UnsafePointer<Float>, at offset: Int,
        rightStride: Int, ahead: Int, count: Int, _: Storage.Type, _: Widen.Type
    ) {
        let length = Storage.blockLength
        var left = left
        var block = right
        for _ in 0..<(count / length) {
            if length <= 2 {
                // A step may read two cache lines.
                longlm_prefetch(block + offset + ahead)
                longlm_prefetch(block + offset + ahead + laneCount)
            }
            // Written out for one and two columns, so that the column is a constant. Both numbers of a word are widened
            // before either is multiplied, so that no product waits for a conversion.
            if length == 1 {
                step(left, leftStride, Columns(block, at: offset, column: 0, Storage.self, Widen.self))
                left += leftStep
            } else if length == 2 {
                let first = Columns(block, at: offset, column: 0, Storage.self, Widen.self)
                let second = Columns(block, at: offset, column: 1, Storage.self, Widen.self)
                step(left, leftStride, first)
                step(left + leftStep, leftStride, second)
                left += 2 * leftStep
            } else {
                // Word for word, so that the place within a word is a constant.
                for word in Steps(from: 0, to: length, by: 4) {
                    // With the line before, where the scales are.
                    let next = Storage.word(block, at: offset, column: word) + ahead
                    longlm_prefetch(next - laneCount)
                    longlm_prefetch(next)
                    longlm_prefetch(next + laneCount)
                    for column in Steps(from: word, to: word + 4, by: 1) {
                        step(left, leftStride, Columns(block, at: offset, column: column, Storage.self, Widen.self))
                        left += leftStep
                    }
                }
            }
            block += rightStride
        }
        // The rest, in a block that isn't complete.
        if length > 1 {
            for column in Steps(from: 0, to: count % length, by: 1) {
                step(
                    left + column * leftStep, leftStride,
                    Columns(block, at: offset, column: column, Storage.self, Widen.self))
            }
        }
    }
}
