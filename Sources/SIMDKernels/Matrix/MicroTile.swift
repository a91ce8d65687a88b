import CLongLM

/// A block of a product's outputs that is held in registers: `rows` × `columns` accumulators.
///
/// The contract of every tile: each accumulator is one chain of multiply-adds, in the order of the calls of
/// `step`. So the tile's shape can't show in a result.
///
/// The accumulators are named stored properties, because the compiler keeps those in registers and spills an
/// array that a loop indexes.
protocol MicroTile {
    /// What one step multiplies every row with: `columns` numbers.
    associatedtype Columns: TileColumns
    /// MR.
    static var rows: Int { get }
    /// NR.
    static var columns: Int { get }

    /// All accumulators 0.
    init()

    /// Accumulators from memory: row r at `source + r · stride`.
    init(_ source: UnsafePointer<Float>, stride: Int)

    /// Accumulators from memory: row r at `source + r · stride`, multiplied by `factors[r]`.
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>)

    /// Adds left[r · leftStride] · right[c] to every accumulator (r, c).
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Columns)

    /// Writes row r to `target + r · stride`.
    func store(to target: UnsafeMutablePointer<Float>, stride: Int)

    /// Writes row r to `target + r · stride` past the caches; the addresses are multiples of 64 bytes.
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int)

    /// Adds row r to what `target + r · stride` holds.
    func add(to target: UnsafeMutablePointer<Float>, stride: Int)
}

extension MicroTile {
    /// Adds `count` products to every accumulator, in ascending order.
    ///
    /// - Parameters:
    ///   - left: Row r of step k is at `left + k · leftStep + r · leftStride`.
    ///   - right: Panel words; those of step k, or of the steps 2k and 2k + 1, begin at `right + k · rightStride`.
    ///   - count: Steps.
    @inline(always)
    mutating func accumulate<Numbers: StoredNumbers>(
        _ left: UnsafePointer<Float>, leftStep: Int, leftStride: Int, _ right: UnsafePointer<Float>, rightStride: Int,
        count: Int, _: Numbers.Type
    ) {
        var left = left
        var right = right
        for _ in 0..<(count / Numbers.perWord) {
            let words = Columns(right)
            longlm_prefetch(right + 12 * rightStride)
            longlm_prefetch(right + 12 * rightStride + 16)
            step(left, leftStride, words.first(Numbers.self))
            if Numbers.perWord == 2 { step(left + leftStep, leftStride, words.second(Numbers.self)) }
            left += leftStep * Numbers.perWord
            right += rightStride
        }
        if Numbers.perWord == 2, count % 2 == 1 { step(left, leftStride, Columns(right).first(Numbers.self)) }
    }
}

/// The numbers that one step of a tile multiplies with, or the words that hold them.
protocol TileColumns {
    /// Words from memory.
    init(_ source: UnsafePointer<Float>)
    /// The first number of each word.
    func first<Numbers: StoredNumbers>(_: Numbers.Type) -> Self
    /// The second number of each word.
    func second<Numbers: StoredNumbers>(_: Numbers.Type) -> Self
    /// The words with zeros for the second of their two numbers.
    var firstHalves: Self { get }
}

extension Lanes: TileColumns {
    @inline(always)
    init(_ source: UnsafePointer<Float>) { self = source.lanes(at: 0) }

    @inline(always)
    func first<Numbers: StoredNumbers>(_: Numbers.Type) -> Lanes { Numbers.first(self) }

    @inline(always)
    func second<Numbers: StoredNumbers>(_: Numbers.Type) -> Lanes { Numbers.second(self) }

    @inline(always)
    var firstHalves: Lanes {
        unsafeBitCast(unsafeBitCast(self, to: SIMD16<UInt32>.self) & 0xffff, to: Lanes.self)
    }

    @inline(always)
    mutating func add<Arithmetic: MultiplyAdd>(_ scalar: Float, _ right: Lanes, _: Arithmetic.Type) {
        self = Arithmetic.multiplyAdd(Lanes(repeating: scalar), right, self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>) { target.store(self, at: 0) }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>) { longlm_stream(self, target) }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>) { target.store(target.lanes(at: 0) + self, at: 0) }
}

/// 32 neighboring floats or words in two vectors.
struct Lanes32: TileColumns {
    var near: Lanes
    var far: Lanes

    @inline(always)
    init(near: Lanes, far: Lanes) {
        self.near = near
        self.far = far
    }

    @inline(always)
    init(repeating value: Float) { self.init(near: Lanes(repeating: value), far: Lanes(repeating: value)) }

    @inline(always)
    init(_ source: UnsafePointer<Float>) { self.init(near: source.lanes(at: 0), far: source.lanes(at: laneCount)) }

    @inline(always)
    func first<Numbers: StoredNumbers>(_: Numbers.Type) -> Lanes32 {
        Lanes32(near: Numbers.first(near), far: Numbers.first(far))
    }

    @inline(always)
    func second<Numbers: StoredNumbers>(_: Numbers.Type) -> Lanes32 {
        Lanes32(near: Numbers.second(near), far: Numbers.second(far))
    }

    @inline(always)
    var firstHalves: Lanes32 { Lanes32(near: near.firstHalves, far: far.firstHalves) }

    @inline(always)
    static func * (lanes: Lanes32, factor: Float) -> Lanes32 {
        Lanes32(near: lanes.near * factor, far: lanes.far * factor)
    }

    @inline(always)
    mutating func add<Arithmetic: MultiplyAdd>(_ scalar: Float, _ right: Lanes32, _: Arithmetic.Type) {
        let scalars = Lanes(repeating: scalar)
        near = Arithmetic.multiplyAdd(scalars, right.near, near)
        far = Arithmetic.multiplyAdd(scalars, right.far, far)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>) {
        target.store(near, at: 0)
        target.store(far, at: laneCount)
    }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>) {
        longlm_stream(near, target)
        longlm_stream(far, target + laneCount)
    }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>) {
        target.store(target.lanes(at: 0) + near, at: 0)
        target.store(target.lanes(at: laneCount) + far, at: laneCount)
    }
}

/// 12 × 32 accumulators in 24 of AVX-512's 32 registers.
struct Tile12x32<Arithmetic: MultiplyAdd>: MicroTile {
    private var r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11: Lanes32

    @inline(always) static var rows: Int { 12 }
    @inline(always) static var columns: Int { 32 }

    @inline(always)
    init() {
        let zero = Lanes32(repeating: 0)
        (r0, r1, r2, r3, r4, r5) = (zero, zero, zero, zero, zero, zero)
        (r6, r7, r8, r9, r10, r11) = (zero, zero, zero, zero, zero, zero)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) {
        r0 = Lanes32(source)
        r1 = Lanes32(source + stride)
        r2 = Lanes32(source + 2 * stride)
        r3 = Lanes32(source + 3 * stride)
        r4 = Lanes32(source + 4 * stride)
        r5 = Lanes32(source + 5 * stride)
        r6 = Lanes32(source + 6 * stride)
        r7 = Lanes32(source + 7 * stride)
        r8 = Lanes32(source + 8 * stride)
        r9 = Lanes32(source + 9 * stride)
        r10 = Lanes32(source + 10 * stride)
        r11 = Lanes32(source + 11 * stride)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        r0 = Lanes32(source) * factors[0]
        r1 = Lanes32(source + stride) * factors[1]
        r2 = Lanes32(source + 2 * stride) * factors[2]
        r3 = Lanes32(source + 3 * stride) * factors[3]
        r4 = Lanes32(source + 4 * stride) * factors[4]
        r5 = Lanes32(source + 5 * stride) * factors[5]
        r6 = Lanes32(source + 6 * stride) * factors[6]
        r7 = Lanes32(source + 7 * stride) * factors[7]
        r8 = Lanes32(source + 8 * stride) * factors[8]
        r9 = Lanes32(source + 9 * stride) * factors[9]
        r10 = Lanes32(source + 10 * stride) * factors[10]
        r11 = Lanes32(source + 11 * stride) * factors[11]
    }

    @inline(always)
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Lanes32) {
        r0.add(left[0], right, Arithmetic.self)
        r1.add(left[leftStride], right, Arithmetic.self)
        r2.add(left[2 * leftStride], right, Arithmetic.self)
        r3.add(left[3 * leftStride], right, Arithmetic.self)
        r4.add(left[4 * leftStride], right, Arithmetic.self)
        r5.add(left[5 * leftStride], right, Arithmetic.self)
        r6.add(left[6 * leftStride], right, Arithmetic.self)
        r7.add(left[7 * leftStride], right, Arithmetic.self)
        r8.add(left[8 * leftStride], right, Arithmetic.self)
        r9.add(left[9 * leftStride], right, Arithmetic.self)
        r10.add(left[10 * leftStride], right, Arithmetic.self)
        r11.add(left[11 * leftStride], right, Arithmetic.self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.store(to: target)
        r1.store(to: target + stride)
        r2.store(to: target + 2 * stride)
        r3.store(to: target + 3 * stride)
        r4.store(to: target + 4 * stride)
        r5.store(to: target + 5 * stride)
        r6.store(to: target + 6 * stride)
        r7.store(to: target + 7 * stride)
        r8.store(to: target + 8 * stride)
        r9.store(to: target + 9 * stride)
        r10.store(to: target + 10 * stride)
        r11.store(to: target + 11 * stride)
    }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.stream(to: target)
        r1.stream(to: target + stride)
        r2.stream(to: target + 2 * stride)
        r3.stream(to: target + 3 * stride)
        r4.stream(to: target + 4 * stride)
        r5.stream(to: target + 5 * stride)
        r6.stream(to: target + 6 * stride)
        r7.stream(to: target + 7 * stride)
        r8.stream(to: target + 8 * stride)
        r9.stream(to: target + 9 * stride)
        r10.stream(to: target + 10 * stride)
        r11.stream(to: target + 11 * stride)
    }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.add(to: target)
        r1.add(to: target + stride)
        r2.add(to: target + 2 * stride)
        r3.add(to: target + 3 * stride)
        r4.add(to: target + 4 * stride)
        r5.add(to: target + 5 * stride)
        r6.add(to: target + 6 * stride)
        r7.add(to: target + 7 * stride)
        r8.add(to: target + 8 * stride)
        r9.add(to: target + 9 * stride)
        r10.add(to: target + 10 * stride)
        r11.add(to: target + 11 * stride)
    }
}

/// 8 × 32 accumulators.
struct Tile8x32<Arithmetic: MultiplyAdd>: MicroTile {
    private var r0, r1, r2, r3, r4, r5, r6, r7: Lanes32

    @inline(always) static var rows: Int { 8 }
    @inline(always) static var columns: Int { 32 }

    @inline(always)
    init() {
        let zero = Lanes32(repeating: 0)
        (r0, r1, r2, r3, r4, r5) = (zero, zero, zero, zero, zero, zero)
        (r6, r7) = (zero, zero)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) {
        r0 = Lanes32(source)
        r1 = Lanes32(source + stride)
        r2 = Lanes32(source + 2 * stride)
        r3 = Lanes32(source + 3 * stride)
        r4 = Lanes32(source + 4 * stride)
        r5 = Lanes32(source + 5 * stride)
        r6 = Lanes32(source + 6 * stride)
        r7 = Lanes32(source + 7 * stride)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        r0 = Lanes32(source) * factors[0]
        r1 = Lanes32(source + stride) * factors[1]
        r2 = Lanes32(source + 2 * stride) * factors[2]
        r3 = Lanes32(source + 3 * stride) * factors[3]
        r4 = Lanes32(source + 4 * stride) * factors[4]
        r5 = Lanes32(source + 5 * stride) * factors[5]
        r6 = Lanes32(source + 6 * stride) * factors[6]
        r7 = Lanes32(source + 7 * stride) * factors[7]
    }

    @inline(always)
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Lanes32) {
        r0.add(left[0], right, Arithmetic.self)
        r1.add(left[leftStride], right, Arithmetic.self)
        r2.add(left[2 * leftStride], right, Arithmetic.self)
        r3.add(left[3 * leftStride], right, Arithmetic.self)
        r4.add(left[4 * leftStride], right, Arithmetic.self)
        r5.add(left[5 * leftStride], right, Arithmetic.self)
        r6.add(left[6 * leftStride], right, Arithmetic.self)
        r7.add(left[7 * leftStride], right, Arithmetic.self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.store(to: target)
        r1.store(to: target + stride)
        r2.store(to: target + 2 * stride)
        r3.store(to: target + 3 * stride)
        r4.store(to: target + 4 * stride)
        r5.store(to: target + 5 * stride)
        r6.store(to: target + 6 * stride)
        r7.store(to: target + 7 * stride)
    }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.stream(to: target)
        r1.stream(to: target + stride)
        r2.stream(to: target + 2 * stride)
        r3.stream(to: target + 3 * stride)
        r4.stream(to: target + 4 * stride)
        r5.stream(to: target + 5 * stride)
        r6.stream(to: target + 6 * stride)
        r7.stream(to: target + 7 * stride)
    }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.add(to: target)
        r1.add(to: target + stride)
        r2.add(to: target + 2 * stride)
        r3.add(to: target + 3 * stride)
        r4.add(to: target + 4 * stride)
        r5.add(to: target + 5 * stride)
        r6.add(to: target + 6 * stride)
        r7.add(to: target + 7 * stride)
    }
}

/// 4 × 32 accumulators: eight chains, as many as hide the latency of AVX-512's multiply-adds.
struct Tile4x32<Arithmetic: MultiplyAdd>: MicroTile {
    private var r0, r1, r2, r3: Lanes32

    @inline(always) static var rows: Int { 4 }
    @inline(always) static var columns: Int { 32 }

    @inline(always)
    init() {
        let zero = Lanes32(repeating: 0)
        (r0, r1, r2, r3) = (zero, zero, zero, zero)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) {
        r0 = Lanes32(source)
        r1 = Lanes32(source + stride)
        r2 = Lanes32(source + 2 * stride)
        r3 = Lanes32(source + 3 * stride)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        r0 = Lanes32(source) * factors[0]
        r1 = Lanes32(source + stride) * factors[1]
        r2 = Lanes32(source + 2 * stride) * factors[2]
        r3 = Lanes32(source + 3 * stride) * factors[3]
    }

    @inline(always)
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Lanes32) {
        r0.add(left[0], right, Arithmetic.self)
        r1.add(left[leftStride], right, Arithmetic.self)
        r2.add(left[2 * leftStride], right, Arithmetic.self)
        r3.add(left[3 * leftStride], right, Arithmetic.self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.store(to: target)
        r1.store(to: target + stride)
        r2.store(to: target + 2 * stride)
        r3.store(to: target + 3 * stride)
    }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.stream(to: target)
        r1.stream(to: target + stride)
        r2.stream(to: target + 2 * stride)
        r3.stream(to: target + 3 * stride)
    }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.add(to: target)
        r1.add(to: target + stride)
        r2.add(to: target + 2 * stride)
        r3.add(to: target + 3 * stride)
    }
}

/// 6 × 16 accumulators: 12 of AVX2's 16 registers, 24 of NEON's 32.
struct Tile6x16<Arithmetic: MultiplyAdd>: MicroTile {
    private var r0, r1, r2, r3, r4, r5: Lanes

    @inline(always) static var rows: Int { 6 }
    @inline(always) static var columns: Int { 16 }

    @inline(always)
    init() {
        let zero = Lanes(repeating: 0)
        (r0, r1, r2, r3, r4, r5) = (zero, zero, zero, zero, zero, zero)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) {
        r0 = Lanes(source)
        r1 = Lanes(source + stride)
        r2 = Lanes(source + 2 * stride)
        r3 = Lanes(source + 3 * stride)
        r4 = Lanes(source + 4 * stride)
        r5 = Lanes(source + 5 * stride)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        r0 = Lanes(source) * factors[0]
        r1 = Lanes(source + stride) * factors[1]
        r2 = Lanes(source + 2 * stride) * factors[2]
        r3 = Lanes(source + 3 * stride) * factors[3]
        r4 = Lanes(source + 4 * stride) * factors[4]
        r5 = Lanes(source + 5 * stride) * factors[5]
    }

    @inline(always)
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Lanes) {
        r0.add(left[0], right, Arithmetic.self)
        r1.add(left[leftStride], right, Arithmetic.self)
        r2.add(left[2 * leftStride], right, Arithmetic.self)
        r3.add(left[3 * leftStride], right, Arithmetic.self)
        r4.add(left[4 * leftStride], right, Arithmetic.self)
        r5.add(left[5 * leftStride], right, Arithmetic.self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.store(to: target)
        r1.store(to: target + stride)
        r2.store(to: target + 2 * stride)
        r3.store(to: target + 3 * stride)
        r4.store(to: target + 4 * stride)
        r5.store(to: target + 5 * stride)
    }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.stream(to: target)
        r1.stream(to: target + stride)
        r2.stream(to: target + 2 * stride)
        r3.stream(to: target + 3 * stride)
        r4.stream(to: target + 4 * stride)
        r5.stream(to: target + 5 * stride)
    }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.add(to: target)
        r1.add(to: target + stride)
        r2.add(to: target + 2 * stride)
        r3.add(to: target + 3 * stride)
        r4.add(to: target + 4 * stride)
        r5.add(to: target + 5 * stride)
    }
}

/// 4 × 16 accumulators.
struct Tile4x16<Arithmetic: MultiplyAdd>: MicroTile {
    private var r0, r1, r2, r3: Lanes

    @inline(always) static var rows: Int { 4 }
    @inline(always) static var columns: Int { 16 }

    @inline(always)
    init() {
        let zero = Lanes(repeating: 0)
        (r0, r1, r2, r3) = (zero, zero, zero, zero)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) {
        r0 = Lanes(source)
        r1 = Lanes(source + stride)
        r2 = Lanes(source + 2 * stride)
        r3 = Lanes(source + 3 * stride)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        r0 = Lanes(source) * factors[0]
        r1 = Lanes(source + stride) * factors[1]
        r2 = Lanes(source + 2 * stride) * factors[2]
        r3 = Lanes(source + 3 * stride) * factors[3]
    }

    @inline(always)
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Lanes) {
        r0.add(left[0], right, Arithmetic.self)
        r1.add(left[leftStride], right, Arithmetic.self)
        r2.add(left[2 * leftStride], right, Arithmetic.self)
        r3.add(left[3 * leftStride], right, Arithmetic.self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.store(to: target)
        r1.store(to: target + stride)
        r2.store(to: target + 2 * stride)
        r3.store(to: target + 3 * stride)
    }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.stream(to: target)
        r1.stream(to: target + stride)
        r2.stream(to: target + 2 * stride)
        r3.stream(to: target + 3 * stride)
    }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.add(to: target)
        r1.add(to: target + stride)
        r2.add(to: target + 2 * stride)
        r3.add(to: target + 3 * stride)
    }
}

/// 2 × 16 accumulators.
struct Tile2x16<Arithmetic: MultiplyAdd>: MicroTile {
    private var r0, r1: Lanes

    @inline(always) static var rows: Int { 2 }
    @inline(always) static var columns: Int { 16 }

    @inline(always)
    init() {
        let zero = Lanes(repeating: 0)
        (r0, r1) = (zero, zero)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int) {
        r0 = Lanes(source)
        r1 = Lanes(source + stride)
    }

    @inline(always)
    init(_ source: UnsafePointer<Float>, stride: Int, factors: UnsafePointer<Float>) {
        r0 = Lanes(source) * factors[0]
        r1 = Lanes(source + stride) * factors[1]
    }

    @inline(always)
    mutating func step(_ left: UnsafePointer<Float>, _ leftStride: Int, _ right: Lanes) {
        r0.add(left[0], right, Arithmetic.self)
        r1.add(left[leftStride], right, Arithmetic.self)
    }

    @inline(always)
    func store(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.store(to: target)
        r1.store(to: target + stride)
    }

    @inline(always)
    func stream(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.stream(to: target)
        r1.stream(to: target + stride)
    }

    @inline(always)
    func add(to target: UnsafeMutablePointer<Float>, stride: Int) {
        r0.add(to: target)
        r1.add(to: target + stride)
    }
}

/// What differs between the instruction sets that a kernel body is compiled for.
protocol KernelTarget {
    /// How it multiplies and adds single numbers.
    associatedtype Arithmetic: MultiplyAdd
    /// The register tile that suits its register file.
    associatedtype Tile: MicroTile
    /// Tiles of fewer rows and as many columns, for what is left of the rows.
    associatedtype MediumTile: MicroTile where MediumTile.Columns == Tile.Columns
    associatedtype SmallTile: MicroTile where SmallTile.Columns == Tile.Columns
    /// How it widens half-precision numbers.
    associatedtype HalfNumbers: StoredNumbers
    /// Whether its tiles multiply words of two bfloat16 numbers.
    static var multipliesPairs: Bool { get }
}

extension KernelTarget {
    @inline(always) static var multipliesPairs: Bool { false }
}

#if arch(x86_64)
    /// AVX-512: 32 registers of 16 floats.
    enum AVX512Target: KernelTarget {
        typealias Arithmetic = FusedMultiplyAdd
        typealias Tile = Tile12x32<FusedMultiplyAdd>
        typealias MediumTile = Tile8x32<FusedMultiplyAdd>
        typealias SmallTile = Tile4x32<FusedMultiplyAdd>
        typealias HalfNumbers = ConvertedFloat16Numbers
    }

    /// AVX-512 with bfloat16 dot products in its tiles.
    enum AVX512BFloat16Target: KernelTarget {
        typealias Arithmetic = FusedMultiplyAdd
        typealias Tile = Tile12x32<BFloat16Dot>
        typealias MediumTile = Tile8x32<BFloat16Dot>
        typealias SmallTile = Tile4x32<BFloat16Dot>
        typealias HalfNumbers = ConvertedFloat16Numbers
        @inline(always) static var multipliesPairs: Bool { true }
    }

    /// AVX2: 16 registers of 8 floats.
    enum AVX2Target: KernelTarget {
        typealias Arithmetic = FusedMultiplyAdd
        typealias Tile = Tile6x16<FusedMultiplyAdd>
        typealias MediumTile = Tile4x16<FusedMultiplyAdd>
        typealias SmallTile = Tile2x16<FusedMultiplyAdd>
        typealias HalfNumbers = ConvertedFloat16Numbers
    }
#endif

/// Whatever the compiler assumes: NEON on arm64, SSE2 on x86-64.
enum BaselineTarget: KernelTarget {
    #if arch(x86_64)
        typealias Arithmetic = SeparateMultiplyAdd
        typealias HalfNumbers = AssembledFloat16Numbers
    #else
        typealias Arithmetic = FusedMultiplyAdd
        typealias HalfNumbers = ConvertedFloat16Numbers
    #endif
    typealias Tile = Tile6x16<Arithmetic>
    typealias MediumTile = Tile4x16<Arithmetic>
    typealias SmallTile = Tile2x16<Arithmetic>
}
