import CLongLM

/// The logical vector of every kernel: 16 floats on every instruction set, so that a result can't depend on
/// how wide the machine's registers are.
package typealias Lanes = SIMD16<Float>

/// The number of floats in ``Lanes``.
let laneCount = 16

/// How a kernel multiplies and adds.
package protocol MultiplyAdd {
    /// addend + left · right, per lane.
    static func multiplyAdd(_ left: Lanes, _ right: Lanes, _ addend: Lanes) -> Lanes
}

/// One rounding: the fused multiply-add of AVX2, AVX-512 and NEON.
package enum FusedMultiplyAdd: MultiplyAdd {
    @_transparent
    package static func multiplyAdd(_ left: Lanes, _ right: Lanes, _ addend: Lanes) -> Lanes {
        left.multiplied(by: right, adding: addend)
    }
}

/// Two roundings, for x86-64 processors without FMA, where a fused one is a library call per lane.
package enum SeparateMultiplyAdd: MultiplyAdd {
    @_transparent
    package static func multiplyAdd(_ left: Lanes, _ right: Lanes, _ addend: Lanes) -> Lanes {
        addend + left * right
    }
}

extension UnsafePointer<Float> {
    /// 16 floats from here on.
    @_transparent
    func lanes(at offset: Int) -> Lanes {
        Lanes(loading: self + offset)
    }

    /// `count` < 16 floats from here on, and zeros.
    @_transparent
    func partialLanes(at offset: Int, count: Int) -> Lanes {
        longlm_load_partial(self + offset, count)
    }
}

extension UnsafePointer<Float> {
    /// `count` ≤ 16 floats from here on, and zeros.
    @_transparent
    func leadingLanes(at offset: Int, count: Int) -> Lanes {
        count == laneCount ? lanes(at: offset) : partialLanes(at: offset, count: count)
    }
}

extension UnsafeMutablePointer<Float> {
    /// 16 floats from here on.
    @_transparent
    func lanes(at offset: Int) -> Lanes {
        UnsafePointer(self).lanes(at: offset)
    }

    /// Writes 16 floats from here on.
    @_transparent
    func store(_ lanes: Lanes, at offset: Int) {
        lanes.store(to: self + offset)
    }

    /// Writes the first `count` < 16 lanes from here on.
    @_transparent
    func storePartial(_ lanes: Lanes, at offset: Int, count: Int) {
        longlm_store_partial(lanes, self + offset, count)
    }
}

extension Lanes {
    /// The sum of all lanes by one fixed tree: halves are added until one lane is left.
    @_transparent
    var treeSum: Float { longlm_tree_sum(self) }

    /// The greatest lane; there is no NaN among them.
    @_transparent
    var treeMaximum: Float { longlm_tree_maximum(self) }
}

/// The lesser of two numbers. The kernels' own, because `min` is a call where it is used often.
@_transparent
func lesser(_ left: Int, _ right: Int) -> Int { left < right ? left : right }

/// The greater of two numbers, neither of them NaN.
@_transparent
func greater(_ left: Float, _ right: Float) -> Float { right >= left ? right : left }

extension Range<Int> {
    /// The kernels' own `count`, which is not always inlined.
    @_transparent
    var length: Int { upperBound - lowerBound }
}

extension UnsafeMutablePointer where Pointee == Float {
    /// Writes `value` to the first `count` floats, whole vectors. (The standard library's `update` is left as a call in some
    /// builds.)
    @_transparent
    func fill(_ value: Float, count: Int) {
        for i in Steps(from: 0, to: count, by: laneCount) { store(Lanes(repeating: value), at: i) }
    }
}

/// `start`, `start + step`, … below `end`.
///
/// The kernels' own, because the iterator of `stride(from:to:by:)` is not always inlined, and a function that is not
/// inlined is compiled for the baseline.
struct Steps: Sequence, IteratorProtocol {
    private var current: Int
    private let end: Int
    private let step: Int

    @_transparent
    init(from start: Int, to end: Int, by step: Int) {
        current = start
        self.end = end
        self.step = step
    }

    @_transparent
    func makeIterator() -> Steps { self }

    @_transparent
    mutating func next() -> Int? {
        let value = current
        if value >= end { return nil }
        // Without a check for overflow, which would hide the loop's length from the optimiser.
        current = value &+ step
        return value
    }
}
