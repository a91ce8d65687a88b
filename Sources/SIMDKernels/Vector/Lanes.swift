import CLongLM

/// The logical vector of every kernel: 16 floats on every instruction set, so that a result can't depend on
/// how wide the machine's registers are.
package typealias Lanes = SIMD16<Float>

/// Operators on whole vectors, in place of the standard library's, which work lane by lane.
extension Lanes {
    @inline(always) init(repeating value: Float) { self = longlm_broadcast(value) }

    @inline(always) static func + (left: Lanes, right: Lanes) -> Lanes { longlm_add(left, right) }
    @inline(always) static func - (left: Lanes, right: Lanes) -> Lanes { longlm_subtract(left, right) }
    @inline(always) static func * (left: Lanes, right: Lanes) -> Lanes { longlm_multiply(left, right) }
    @inline(always) static func / (left: Lanes, right: Lanes) -> Lanes { longlm_divide(left, right) }
    @inline(always) static prefix func - (lanes: Lanes) -> Lanes { longlm_negate(lanes) }

    @inline(always) static func + (left: Float, right: Lanes) -> Lanes { Lanes(repeating: left) + right }
    @inline(always) static func - (left: Float, right: Lanes) -> Lanes { Lanes(repeating: left) - right }
    @inline(always) static func / (left: Float, right: Lanes) -> Lanes { Lanes(repeating: left) / right }
    @inline(always) static func - (left: Lanes, right: Float) -> Lanes { left - Lanes(repeating: right) }
    @inline(always) static func * (left: Lanes, right: Float) -> Lanes { left * Lanes(repeating: right) }

    @inline(always) static func += (left: inout Lanes, right: Lanes) { left = left + right }
    @inline(always) static func *= (left: inout Lanes, right: Lanes) { left = left * right }
}

/// The number of floats in ``Lanes``.
let laneCount = 16

/// How a kernel multiplies and adds.
package protocol MultiplyAdd {
    /// addend + left · right, per lane.
    static func multiplyAdd(_ left: Lanes, _ right: Lanes, _ addend: Lanes) -> Lanes
}

/// One rounding: the fused multiply-add of AVX2, AVX-512 and NEON.
package enum FusedMultiplyAdd: MultiplyAdd {
    @inline(always)
    package static func multiplyAdd(_ left: Lanes, _ right: Lanes, _ addend: Lanes) -> Lanes {
        longlm_fuse(left, right, addend)
    }
}

/// Two roundings, for x86-64 processors without FMA, where a fused one is a library call per lane.
package enum SeparateMultiplyAdd: MultiplyAdd {
    @inline(always)
    package static func multiplyAdd(_ left: Lanes, _ right: Lanes, _ addend: Lanes) -> Lanes {
        addend + left * right
    }
}

extension UnsafePointer<Float> {
    /// 16 floats from here on.
    @inline(always)
    func lanes(at offset: Int) -> Lanes {
        longlm_load(self + offset)
    }

    /// `count` < 16 floats from here on, and zeros.
    @inline(always)
    func partialLanes(at offset: Int, count: Int) -> Lanes {
        longlm_load_partial(self + offset, count)
    }
}

extension UnsafePointer<Float> {
    /// `count` ≤ 16 floats from here on, and zeros.
    @inline(always)
    func leadingLanes(at offset: Int, count: Int) -> Lanes {
        count == laneCount ? lanes(at: offset) : partialLanes(at: offset, count: count)
    }
}

extension UnsafeMutablePointer<Float> {
    /// 16 floats from here on.
    @inline(always)
    func lanes(at offset: Int) -> Lanes {
        UnsafePointer(self).lanes(at: offset)
    }

    /// Writes 16 floats from here on.
    @inline(always)
    func store(_ lanes: Lanes, at offset: Int) {
        longlm_store(lanes, self + offset)
    }

    /// Writes the first `count` < 16 lanes from here on.
    @inline(always)
    func storePartial(_ lanes: Lanes, at offset: Int, count: Int) {
        longlm_store_partial(lanes, self + offset, count)
    }
}

extension Lanes {
    /// The sum of all lanes by one fixed tree: halves are added until one lane is left.
    @inline(always)
    var treeSum: Float { longlm_tree_sum(self) }

    /// The greatest lane; there is no NaN among them.
    @inline(always)
    var treeMaximum: Float { longlm_tree_maximum(self) }

    /// The greater of two vectors, lane by lane. (`pointwiseMax` becomes a loop over lanes.)
    @inline(always)
    func maximum(_ other: Lanes) -> Lanes {
        replacing(with: other, where: other .> self)
    }
}

/// The lesser of two numbers. The kernels' own, because `min` is a call where it is used often.
@inline(always)
func lesser(_ left: Int, _ right: Int) -> Int { left < right ? left : right }

/// The greater of two numbers, neither of them NaN.
@inline(always)
func greater(_ left: Float, _ right: Float) -> Float { right >= left ? right : left }

extension Range<Int> {
    /// The kernels' own `count`, which is not always inlined.
    @inline(always)
    var length: Int { upperBound - lowerBound }
}

extension UnsafeMutablePointer where Pointee == Float {
    /// Copies `count` floats. (The standard library's `update` is left as a call in some builds.)
    @inline(always)
    func copy(_ source: UnsafeMutablePointer<Float>, count: Int) {
        for i in Steps(from: 0, to: count, by: 1) { self[i] = source[i] }
    }

    /// Writes `value` to the first `count` floats.
    @inline(always)
    func fill(_ value: Float, count: Int) {
        for i in Steps(from: 0, to: count, by: 1) { self[i] = value }
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

    @inline(always)
    init(from start: Int, to end: Int, by step: Int) {
        current = start
        self.end = end
        self.step = step
    }

    @inline(always)
    func makeIterator() -> Steps { self }

    @inline(always)
    mutating func next() -> Int? {
        let value = current
        if value >= end { return nil }
        // Without a check for overflow, which would hide the loop's length from the optimiser.
        current = value &+ step
        return value
    }
}
