import CLongLM

/// The Walsh–Hadamard transform of heads, which spreads a few large components over all of them.
///
/// Products don't change: the transform is orthogonal but for a factor, so q · k = (H q) · (H k) / n for blocks of n
/// components. An int8 cache keeps keys transformed, and queries are transformed likewise. 32 components of a key share a
/// scale there, and one component that is much greater than the others would leave these few levels. (Known from QuaRot,
/// arXiv:2404.00456.)
public enum Hadamard {
    /// The components that are transformed together: the greatest power of two that divides D; 1, which transforms
    /// nothing, where that is below 16.
    public static func blockLength(headDimension: Int) -> Int {
        let power = headDimension & -headDimension
        return power < laneCount ? 1 : power
    }

    /// Transforms heads in place: each block x of n components becomes H x · factor, with H of 1 and -1.
    ///
    /// The sums of a block run in one fixed order, first within 16 neighbors, then over growing distances. So the bits are
    /// the same for all instruction sets.
    ///
    /// - Parameters:
    ///   - heads: [headCount, D].
    ///   - headCount: Heads of the row.
    ///   - headDimension: D.
    ///   - factor: A power of two, so that it rounds nothing.
    public static func transform(
        _ heads: UnsafeMutablePointer<Float>, headCount: Int, headDimension: Int, factor: Float = 1
    ) {
        let length = blockLength(headDimension: headDimension)
        if length == 1 { return }
        for first in Steps(from: 0, to: headCount * headDimension, by: length) {
            transform(heads + first, length: length, factor)
        }
    }

    private static func transform(_ block: UnsafeMutablePointer<Float>, length: Int, _ factor: Float) {
        for place in Steps(from: 0, to: length, by: laneCount) {
            block.store(longlm_hadamard(block.lanes(at: place) * factor), at: place)
        }
        var distance = laneCount
        while distance < length {
            for pair in Steps(from: 0, to: length, by: 2 * distance) {
                for place in Steps(from: pair, to: pair + distance, by: laneCount) {
                    let (lower, upper) = (block.lanes(at: place), block.lanes(at: place + distance))
                    block.store(lower + upper, at: place)
                    block.store(lower - upper, at: place + distance)
                }
            }
            distance *= 2
        }
    }
}
